import FormatKit
import HTTPTypes
import Registry

extension ManagementAPI {
    /// A failure in the body that GitLab gives it.
    ///
    /// *Source*: GitLab, "REST API: Status codes" and "Data validation and error reporting".
    func render(_ failure: RegistryError, for head: RequestHead) -> FormatResponse {
        var headers = failure.headers
        if let seconds = failure.retryAfterSeconds { headers[.retryAfter] = String(seconds) }
        return FormatResponse.json(
            Self.body(of: failure, head.tail.segments), status: failure.status, headers: headers)
    }

    private static func body(of failure: RegistryError, _ segments: [String]) -> JSONValue {
        switch failure.code {
        case .malformed: bodyOfMalformed(failure)
        case .unauthenticated: ["message": "401 Unauthorized"]
        case .forbidden: ["message": .string("403 Forbidden - \(failure.message)")]
        case .notFound: bodyOfNotFound(failure, segments)
        case .methodNotAllowed: ["error": "405 Not Allowed"]
        case .bodyTooLarge:
            ["message": .string("413 Request Entity Too Large - \(failure.message)")]
        case .unsupportedMediaType: ["error": .string(failure.message)]
        case .tooManyRequests:
            ["message": .string("429 Too Many Requests - \(failure.message)")]
        case .internalError: ["message": "500 Internal Server Error"]
        case .unavailable:
            ["message": .string("503 Service Unavailable - \(failure.message)")]
        case .requestTimeout, .conflict, .lengthRequired, .preconditionFailed,
            .rangeNotSatisfiable, .unprocessable, .insufficientStorage:
            ["message": .string(failure.message)]
        }
    }

    private static func bodyOfMalformed(_ failure: RegistryError) -> JSONValue {
        switch failure.reason {
        case RegistryError.invalidParametersReason?: ["error": .string(failure.message)]
        case RegistryError.invalidFieldReason?:
            [
                "message": .object(
                    failure.detail.sorted { $0.key < $1.key }.map { field in
                        (name: field.key, value: [.string(field.value)])
                    })
            ]
        default: ["message": .string("400 Bad request - \(failure.message)")]
        }
    }

    private static func bodyOfNotFound(
        _ failure: RegistryError, _ segments: [String]
    ) -> JSONValue {
        if router.match(segments) == nil { return ["error": "404 Not Found"] }
        let resource =
            failure.detail[RegistryError.resourceDetail]
            ?? segments.first.flatMap { resources[$0] }
        return resource.map { ["message": .string("404 \($0) Not Found")] }
            ?? ["message": "404 Not found"]
    }

    /// What the first segment of an address says is missing.
    private static let resources = [
        "projects": "Project", "groups": "Group", "namespaces": "Namespace", "users": "User",
        "personal_access_tokens": "Token",
    ]
}

extension RegistryError {
    /// The reason of a failure whose message GitLab sends as `error`.
    static let invalidParametersReason = "invalid_parameters"
    /// The reason of a failure whose details are fields with what is wrong with each.
    static let invalidFieldReason = "invalid_field"
    /// The detail that names what was not found.
    static let resourceDetail = "resource"

    /// Parameters that are missing or cannot be read.
    static func parameters(_ message: String) -> RegistryError {
        RegistryError(.malformed, message, reason: invalidParametersReason)
    }

    /// A field whose value breaks a rule.
    static func invalid(_ field: String, _ problem: String) -> RegistryError {
        RegistryError(
            .malformed, "\(field) \(problem)", reason: invalidFieldReason,
            detail: [field: problem])
    }

    /// There is no such thing: `Package`, `User`.
    static func missing(_ resource: String) -> RegistryError {
        RegistryError(
            .notFound, "there is no such \(resource.lowercased())",
            detail: [resourceDetail: resource])
    }
}
