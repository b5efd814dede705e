public import HTTPTypes

/// Everything that a request can fail with, before a format renders it in its own body.
///
/// `message` and `detail` are written for the person at the client; `cause` is for logs only and is
/// never sent (I10).
public struct RegistryError: Error, Sendable, CustomStringConvertible {
    /// The closed set of failures; each has one HTTP status.
    public enum Code: String, Sendable, CaseIterable {
        /// 400: the request cannot be understood.
        case malformed
        /// 401: no credential, or a wrong one.
        case unauthenticated
        /// 403: may know of it, lacks the right to do this.
        case forbidden
        /// 404: not there, or the caller may not know.
        case notFound
        /// 405: the address exists and does not take this method.
        case methodNotAllowed
        /// 408: the client stopped sending.
        case requestTimeout
        /// 409: what is there already contradicts the request.
        case conflict
        /// 411: the operation needs a `Content-Length`.
        case lengthRequired
        /// 412: a precondition that the client named does not hold.
        case preconditionFailed
        /// 413: more bytes than the operation takes.
        case bodyTooLarge
        /// 415: a media type that the operation does not take.
        case unsupportedMediaType
        /// 416: no part of the requested range exists.
        case rangeNotSatisfiable
        /// 422: understood, but a digest or a field does not fit the content.
        case unprocessable
        /// 429: too many attempts.
        case tooManyRequests
        /// 500: our fault.
        case internalError
        /// 503: the database or the store cannot be reached now.
        case unavailable
        /// 507: no space left for the bytes.
        case insufficientStorage
    }

    public let code: Code
    /// One sentence for the person at the client, without a full stop.
    public let message: String
    /// A machine-readable reason a format may map to its own code: `digest_mismatch`, `name_invalid`.
    public let reason: String?
    /// Further facts that are safe to send, by name.
    public let detail: [String: String]
    /// Seconds after which a retry makes sense; sent as `Retry-After`.
    public let retryAfterSeconds: Int?
    /// Header fields that belong on the answer (`Content-Range` on a 416, `Allow` on a 405).
    public var headers: HTTPFields
    /// What went wrong underneath; for logs only.
    public let cause: (any Error)?

    /// A failure of this kind.
    public init(
        _ code: Code, _ message: String, reason: String? = nil, detail: [String: String] = [:],
        retryAfterSeconds: Int? = nil, headers: HTTPFields = [:], cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.reason = reason
        self.detail = detail
        self.retryAfterSeconds = retryAfterSeconds
        self.headers = headers
        self.cause = cause
    }

    public var description: String {
        cause.map { "\(code.rawValue): \(message) (\($0))" } ?? "\(code.rawValue): \(message)"
    }
}

extension RegistryError {
    /// `error` itself when it is a `RegistryError`, else a 500 that keeps it as the cause.
    public static func wrapping(_ error: any Error) -> RegistryError {
        (error as? RegistryError)
            ?? RegistryError(.internalError, "the request failed inside the server", cause: error)
    }

    /// The HTTP status of the failure.
    public var status: HTTPResponse.Status {
        switch code {
        case .malformed: .badRequest
        case .unauthenticated: .unauthorized
        case .forbidden: .forbidden
        case .notFound: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .requestTimeout: .requestTimeout
        case .conflict: .conflict
        case .lengthRequired: .lengthRequired
        case .preconditionFailed: .preconditionFailed
        case .bodyTooLarge: .contentTooLarge
        case .unsupportedMediaType: .unsupportedMediaType
        case .rangeNotSatisfiable: .rangeNotSatisfiable
        case .unprocessable: .unprocessableContent
        case .tooManyRequests: .tooManyRequests
        case .internalError: .internalServerError
        case .unavailable: .serviceUnavailable
        case .insufficientStorage:
            HTTPResponse.Status(
                code: 507, reasonPhrase: "Insufficient Storage")
        }
    }
}
