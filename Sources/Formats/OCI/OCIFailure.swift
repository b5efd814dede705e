import FormatKit
import HTTPTypes
public import Registry

/// A failure in the specification's own words.
///
/// *Source*: OCI distribution specification, "Error Codes"; distribution, `registry/api/errcode`.
struct OCIFailure {
    let failure: RegistryError
    let path: OCIPath?

    /// The code that clients look at.
    var code: String {
        byReason ?? byStatus
    }

    /// The status of the answer, which differs from the failure's own where the specification says
    /// which one it is.
    var status: HTTPResponse.Status {
        failure.code == .unprocessable ? .badRequest : failure.status
    }

    /// The body: `{"errors":[{"code":…,"message":…,"detail":…}]}`.
    var body: JSONValue {
        var members: [(name: String, value: JSONValue)] = [
            ("code", .string(code)), ("message", .string(failure.message)),
        ]
        let facts = failure.detail.sorted { $0.key < $1.key }
        if !facts.isEmpty {
            members.append(
                ("detail", .object(facts.map { (name: $0.key, value: .string($0.value)) })))
        }
        return ["errors": [.object(members)]]
    }

    private var isAboutManifest: Bool {
        if case .manifest = path { true } else { false }
    }

    private var byReason: String? {
        switch failure.reason {
        case "name_invalid": "NAME_INVALID"
        case "tag_invalid": "TAG_INVALID"
        case "digest_invalid", "digest_mismatch": "DIGEST_INVALID"
        case "manifest_invalid", "json_invalid": "MANIFEST_INVALID"
        case "size_mismatch": isAboutManifest ? "MANIFEST_INVALID" : "SIZE_INVALID"
        case "size_invalid": "SIZE_INVALID"
        case "range_invalid", "chunk_out_of_order": "RANGE_INVALID"
        case "page_invalid": "PAGINATION_NUMBER_INVALID"
        case "query_invalid": "INVALID_QUERY_PARAMETER_VALUE"
        case "name_unknown": "NAME_UNKNOWN"
        case "manifest_unknown": "MANIFEST_UNKNOWN"
        case "blob_unknown": "BLOB_UNKNOWN"
        case "upload_unknown": "BLOB_UPLOAD_UNKNOWN"
        case "named_blob_unknown", "named_version_unknown": "MANIFEST_BLOB_UNKNOWN"
        case "version_referenced": "MANIFEST_REFERENCED_IN_LIST"
        case "content_lost": isAboutManifest ? "MANIFEST_UNKNOWN" : "BLOB_UNKNOWN"
        case "address_unknown", "blob_named": "UNSUPPORTED"
        default: nil
        }
    }

    private var byStatus: String {
        switch failure.code {
        case .unauthenticated: "UNAUTHORIZED"
        case .forbidden, .conflict: "DENIED"
        case .notFound: "NAME_UNKNOWN"
        case .methodNotAllowed, .unsupportedMediaType: "UNSUPPORTED"
        case .rangeNotSatisfiable: "RANGE_INVALID"
        case .tooManyRequests: "TOOMANYREQUESTS"
        case .bodyTooLarge, .lengthRequired: "SIZE_INVALID"
        case .malformed, .unprocessable, .preconditionFailed:
            switch path {
            case .manifest: "MANIFEST_INVALID"
            case .blob, .uploads, .upload: "BLOB_UPLOAD_INVALID"
            default: "UNSUPPORTED"
            }
        case .requestTimeout: "BLOB_UPLOAD_INVALID"
        case .unavailable, .insufficientStorage: "UNAVAILABLE"
        case .internalError: "UNKNOWN"
        }
    }
}

extension OCIFormat {
    public func render(_ failure: RegistryError, for head: RequestHead) -> FormatResponse {
        let path = head.mountPath == Self.mountPath ? OCIPath(parsing: head.tail.segments) : nil
        let rendered = OCIFailure(failure: failure, path: path)
        var headers = failure.headers
        if let seconds = failure.retryAfterSeconds { headers[.retryAfter] = String(seconds) }
        if failure.code == .unauthenticated {
            headers[.wwwAuthenticate] = Self.challenge(for: failure, head)
        }
        if failure.code == .methodNotAllowed, headers[.allow] == nil {
            // What refused is a scope that can only be read.
            headers[.allow] = "GET, HEAD"
        }
        headers[.dockerAPIVersion] = Self.apiVersion
        return .json(rendered.body, status: rendered.status, headers: headers)
    }

    /// What `Docker-Distribution-Api-Version` says on every answer.
    static let apiVersion = "registry/2.0"

    /// Tells a client where to fetch a token, and for what.
    ///
    /// *Source*: distribution, "Token Authentication Specification"; RFC 6750, section 3.
    private static func challenge(for failure: RegistryError, _ head: RequestHead) -> String {
        var members = [
            ("realm", "\(head.origin)\(RegistryTokens.realmPath)"),
            ("service", RegistryTokens.service),
        ]
        if let scope = failure.detail[RegistryTokens.scopeDetail] {
            members.append(("scope", scope))
        }
        switch failure.reason {
        case RegistryTokens.insufficientScopeReason:
            members.append(("error", "insufficient_scope"))
        case RegistryTokens.expiredReason:
            members.append(("error", "invalid_token"))
        default: break
        }
        return "Bearer "
            + members.map { "\($0.0)=\"\($0.1.filter { $0 != "\"" && $0 != "\\" })\"" }
            .joined(separator: ",")
    }
}
