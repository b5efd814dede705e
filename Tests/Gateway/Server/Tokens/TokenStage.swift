import Foundation
import GatewayServer
import HTTPTypes
import Registry
import TestSupport
import Testing

/// Projects with images, and people and programs that pull and push them.
struct TokenStage: Sendable {
    /// Secrets, by what they are for.
    enum Holder: String, CaseIterable, Sendable {
        /// A developer with every scope.
        case developer
        /// The same developer, whose tokens may pull, push, or neither.
        case puller
        case pusher
        case outsider
        /// A maintainer, who may delete.
        case maintainer
        /// Somebody who may only read.
        case reporter
        /// Nobody's member.
        case stranger
        /// Deploy tokens of the private project.
        case deployPuller
        case deployPusher
        /// A job of the developer in the private project.
        case job
    }

    static let username = "alice"
    static let password = CheapPassword.text
    static let privateName = "acme/private/api"
    static let publicName = "acme/public/api"

    let test: TestGateway
    let userID: Int64
    let tokenIDs: [Holder: Int64]

    /// The secret of a holder, and the name that it is presented with.
    static func secret(_ holder: Holder) -> (username: String, secret: String) {
        let name =
            switch holder {
            case .job: "gitlab-ci-token"
            case .deployPuller, .deployPusher: "deploy-\(holder.rawValue)"
            default: "anybody"
            }
        return (name, "secret-of-\(holder.rawValue)-in-this-test")
    }

    static func basic(_ username: String, _ password: String) -> [(String, String)] {
        [
            (
                "Authorization",
                "Basic " + Data("\(username):\(password)".utf8).base64EncodedString()
            )
        ]
    }

    static func basic(_ holder: Holder) -> [(String, String)] {
        let (username, secret) = secret(holder)
        return basic(username, secret)
    }

    static func bearer(_ token: String) -> [(String, String)] {
        [("Authorization", "Bearer \(token)")]
    }

    /// Fills the database behind `test`.
    init(_ test: TestGateway) async throws {
        self.test = test
        let now = test.services.clock.now()
        (userID, tokenIDs) = try await test.store.write { tx in
            let group = try tx.insertNamespace(
                NamespaceDraft(
                    kind: .group, path: try NamespacePath(parsing: "acme"), name: "Acme",
                    visibility: .public),
                at: now)
            var projects: [Visibility: NamespaceRecord] = [:]
            for visibility in Visibility.allCases {
                projects[visibility] = try tx.insertNamespace(
                    NamespaceDraft(
                        kind: .project, path: try group.path.appending(visibility.rawValue),
                        parentID: group.id, name: visibility.rawValue, visibility: visibility),
                    at: now)
            }
            func insertUser(_ name: String, _ role: Role?) throws -> Int64 {
                let user = try tx.insertUser(
                    UserDraft(
                        username: name, name: name, email: "\(name)@example.com",
                        passwordHash: CheapPassword.hash),
                    at: now)
                if let role {
                    _ = try tx.insertMember(
                        userID: user.id, namespaceID: group.id, role: role, expiresAt: nil,
                        at: now)
                }
                return user.id
            }
            let developer = try insertUser(Self.username, .developer)
            let users: [Holder: Int64] = [
                .maintainer: try insertUser("mia", .maintainer),
                .reporter: try insertUser("rob", .reporter),
                .stranger: try insertUser("sam", nil),
            ]
            let project = try #require(projects[.private])
            var ids: [Holder: Int64] = [:]
            for holder in Holder.allCases {
                let (username, secret) = Self.secret(holder)
                var draft = TokenDraft(
                    kind: .personal, name: "t", userID: users[holder] ?? developer,
                    scopes: [.api], secretHash: SecretToken.hash(secret))
                switch holder {
                case .puller: draft.scopes = [.readRegistry]
                case .pusher: draft.scopes = [.readRegistry, .writeRegistry]
                case .outsider: draft.scopes = [.readPackageRegistry, .writePackageRegistry]
                case .deployPuller, .deployPusher:
                    draft.kind = .deploy
                    draft.username = username
                    draft.userID = nil
                    draft.namespaceID = project.id
                    draft.scopes =
                        holder == .deployPuller ? [.readRegistry] : [.readRegistry, .writeRegistry]
                case .job:
                    draft.kind = .job
                    draft.namespaceID = project.id
                    draft.scopes = []
                    draft.jobID = 42
                default: break
                }
                ids[holder] = try tx.insertToken(draft, at: now).id
            }
            return (developer, ids)
        }
    }

    /// Asks for a token with a GET.
    func ask(
        _ scopes: [String], _ headers: [(String, String)] = [], query: String = "",
        at path: String = "/jwt/auth", from address: String = "127.0.0.1"
    ) async throws -> TestResponse {
        let parameters =
            ["service=container_registry"] + scopes.map { "scope=\(PercentEncoding.encode($0))" }
            + [query].filter { !$0.isEmpty }
        return try await test.send(
            .get, "\(path)?\(parameters.joined(separator: "&"))", headers: headers, from: address)
    }

    /// Asks for a token with a POST.
    func post(
        _ fields: [(String, String)], at path: String = "/jwt/auth",
        _ headers: [(String, String)] = []
    ) async throws -> TestResponse {
        let form = fields.map { "\($0.0)=\(PercentEncoding.encode($0.1))" }
        return try await test.send(
            .post, path,
            headers: headers + [("Content-Type", "application/x-www-form-urlencoded")],
            body: Array(form.joined(separator: "&").utf8))
    }

    /// The token in an answer.
    static func token(_ answer: TestResponse) throws -> String {
        try #require(answer.status == .ok, "\(answer.text)")
        return try #require(try answer.object()["token"] as? String)
    }

    /// The token that a holder is given for `scopes`.
    func token(_ holder: Holder?, _ scopes: [String]) async throws -> String {
        try Self.token(try await ask(scopes, holder.map(Self.basic) ?? []))
    }

    /// What the token in an answer grants, as scopes.
    static func grants(_ answer: TestResponse) throws -> [String] {
        let claims = try claims(of: try token(answer))
        let access = try #require(claims["access"] as? [[String: Any]])
        return try access.map { entry in
            let type = try #require(entry["type"] as? String)
            let name = try #require(entry["name"] as? String)
            let actions = try #require(entry["actions"] as? [String])
            return "\(type):\(name):\(actions.joined(separator: ","))"
        }
    }

    /// The claims of a token, unverified.
    static func claims(of token: String) throws -> [String: Any] {
        let parts = token.split(separator: ".")
        try #require(parts.count == 3)
        let data = try #require(decode(parts[1]))
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    /// The bytes that a part of a token spells.
    static func decode(_ part: Substring) -> Data? {
        var text = part.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 }
        while text.count % 4 != 0 { text.append("=") }
        return Data(base64Encoded: String(text))
    }
}
