import FormatKit
import HTTPTypes
public import Registry

extension NPMFormat {
    /// A failure as `{"error": "…", "reason": "…"}`: npm and its kin print the first.
    public func render(_ failure: RegistryError, for head: RequestHead) -> FormatResponse {
        let path = try? NPMPath(parsing: head.tail.segments)
        if case .loginPage = path { return NPMLoginPage(head).refusal(failure) }
        var headers = failure.responseHeaders(for: head)
        if failure.code == .methodNotAllowed, headers[.allow] == nil {
            // What refused is a scope that can only be read.
            headers[.allow] = "GET, HEAD"
        }
        if failure.code == .unauthenticated {
            // Of a 401 npm prints nothing of the body; a notice it prints whatever the status.
            headers[.npmNotice] = Self.plain(failure.message)
            if let challenge = headers[.wwwAuthenticate], !(path?.isLogin ?? false) {
                // With this, npm says that the token is wrong, and not the password.
                headers[.wwwAuthenticate] = challenge + #", Bearer realm="Packhouse""#
            }
        }
        var members: [(name: String, value: JSONValue)] = [
            ("error", .string(failure.message)),
            ("reason", .string(failure.reason ?? failure.code.rawValue)),
        ]
        if !failure.detail.isEmpty {
            let facts = failure.detail.sorted { $0.key < $1.key }
            members.append(
                ("detail", .object(facts.map { (name: $0.key, value: .string($0.value)) })))
        }
        return .json(.object(members), status: failure.status, headers: headers)
    }

    /// The text as a header field can carry it.
    private static func plain(_ text: String) -> String {
        String(
            decoding: text.utf8.map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") },
            as: UTF8.self)
    }
}

extension NPMPath {
    fileprivate var isLogin: Bool {
        if case .login = self { true } else { false }
    }
}

extension HTTPField.Name {
    /// Printed by npm's client as it stands. *Source*: npm/npm-registry-fetch, `check-response.js`.
    static let npmNotice = HTTPField.Name(known: "npm-notice")
}
