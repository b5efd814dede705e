import FormatKit
import Foundation
import HTTPTypes
import Registry

/// What a client presented to say who it is, before anybody looked whether it is right.
///
/// *Source*: GitLab, "Package registry: Authenticate", "Deploy tokens", "CI/CD job token".
enum Credential: Hashable, Sendable {
    /// Nothing.
    case none
    /// A token, and the kinds that the way of presenting it allows.
    case token(String, kinds: Set<TokenKind>)
    /// A name and a password, which may be a token as well.
    case basic(username: String, password: String)
    /// A token that says that the gateway signed it.
    case signed(String)

    /// The user name that comes with a job token.
    static let jobTokenUsername = "gitlab-ci-token"
    /// The longest credential that is looked at, in bytes.
    static let limitBytes = 8192
    /// The longest signed token, in bytes; what is left of the limit is for the scheme.
    static let signedLimitBytes = limitBytes - 64

    /// Reads the credential out of a request's header fields.
    ///
    /// - Throws: `unauthenticated` when there is something that cannot be read: a wrong credential
    ///   fails even where none is needed.
    init(_ headers: HTTPFields) throws(RegistryError) {
        for (name, kinds) in Self.tokenHeaders {
            if let secret = headers[name], !secret.isEmpty {
                self = .token(secret, kinds: kinds)
                return
            }
        }
        if let authorization = headers[.authorization] {
            self = try Self.parse(authorization: authorization)
            return
        }
        if let key = headers[.nugetAPIKey], !key.isEmpty {
            self = .token(key, kinds: [.personal, .deploy, .job])
            return
        }
        self = .none
    }

    /// What a name and a password stand for, wherever they were written.
    init(username: String, password: String) {
        if username.isEmpty, password.isEmpty {
            self = .none
        } else if username == Self.jobTokenUsername {
            self = .token(password, kinds: [.job])
        } else {
            self = .basic(username: username, password: password)
        }
    }

    private static let tokenHeaders: [(HTTPField.Name, Set<TokenKind>)] = [
        (.privateToken, [.personal]), (.deployToken, [.deploy]), (.jobToken, [.job]),
    ]

    private static func parse(authorization: String) throws(RegistryError) -> Credential {
        let parts = authorization.split(
            separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
        guard parts.count == 2, authorization.utf8.count <= limitBytes else {
            throw RegistryError(.unauthenticated, "the Authorization header cannot be read")
        }
        switch parts[0].lowercased() {
        case "bearer":
            let token = parts[1].trimmingSpaces()
            return isSigned(token)
                ? .signed(token) : .token(token, kinds: [.personal, .deploy, .job])
        case "basic":
            return try parse(basic: parts[1].trimmingSpaces())
        default:
            throw RegistryError(
                .unauthenticated, "the Authorization scheme '\(parts[0])' is not known")
        }
    }

    private static func parse(basic encoded: String) throws(RegistryError) -> Credential {
        guard let bytes = Data(base64Encoded: encoded),
            let text = String(validating: bytes, as: UTF8.self),
            let colon = text.firstIndex(of: ":")
        else {
            throw RegistryError(
                .unauthenticated, "the Authorization header is not Basic base64(name:password)")
        }
        let username = String(text[..<colon])
        let password = String(text[text.index(after: colon)...])
        return Credential(username: username, password: password)
    }

    /// Whether a token has the form of a signed one: three parts, the first of which begins a JSON
    /// object in Base64.
    ///
    /// *Source*: RFC 7515, section 3.1.
    private static func isSigned(_ token: String) -> Bool {
        token.hasPrefix("eyJ") && token.utf8.count { $0 == UInt8(ascii: ".") } == 2
    }
}

extension HTTPField.Name {
    /// `Private-Token`: a personal access token.
    static let privateToken = HTTPField.Name(known: "Private-Token")
    /// `Deploy-Token`: a deploy token.
    static let deployToken = HTTPField.Name(known: "Deploy-Token")
    /// `Job-Token`: a CI job token.
    static let jobToken = HTTPField.Name(known: "Job-Token")
    /// `X-NuGet-ApiKey`: any token.
    static let nugetAPIKey = HTTPField.Name(known: "X-NuGet-ApiKey")
}

extension Substring {
    fileprivate func trimmingSpaces() -> String {
        // By bytes: a signed token is long, and comes with every request.
        var bytes = utf8
        while bytes.first == UInt8(ascii: " ") { bytes.removeFirst() }
        while bytes.last == UInt8(ascii: " ") { bytes.removeLast() }
        return String(Substring(bytes))
    }
}
