import GatewayServer
import Registry

/// Makes the administrator `root` at the very first start.
struct FirstAdministrator: Sendable {
    /// The name that the administrator signs in with.
    static let username = "root"

    /// What came of it.
    enum Outcome: Equatable {
        /// There are users already, or another process was faster.
        case notNeeded
        /// Made, with this password.
        case password(String)
        /// Made, with the token that was given.
        case token
    }

    let metadata: any MetadataStore
    let clock: any RegistryClock

    /// Creates `root` where there are no users. Several processes may do this at the same time: the
    /// unique user name lets one of them win, with its password or token and all.
    ///
    /// - Throws: `conflict` when the path `root` belongs to something that is not a user.
    func create(token: String?) async throws(RegistryError) -> Outcome {
        guard try await hasNoUsers() else { return .notNeeded }
        let password = token == nil ? SecretToken.generatePassword() : nil
        var passwordHash: String?
        if let password { passwordHash = try await PasswordHasher().hash(password) }
        let draft = UserDraft(
            username: Self.username, name: "Administrator", email: "", isAdmin: true,
            passwordHash: passwordHash)
        let now = clock.now()
        let actor = Actor(principal: .console, requestID: "first-start", remoteAddress: "")
        do throws(RegistryError) {
            try await metadata.write { tx in
                let user = try tx.insertUser(draft, at: now)
                try tx.append(
                    AuditEvent(
                        action: "user.create", actor: actor, namespaceID: user.namespaceID,
                        subject: "user:\(user.id)"), at: now)
                guard let token else { return }
                let record = try tx.insertToken(
                    TokenDraft(
                        kind: .personal, name: "initial administrator token", userID: user.id,
                        scopes: [.api], secretHash: SecretToken.hash(token)), at: now)
                try tx.append(
                    AuditEvent(
                        action: "token.create", actor: actor, namespaceID: nil,
                        subject: "token:\(record.id)"), at: now)
            }
        } catch {
            guard error.code == .conflict, try await !hasNoUsers() else { throw error }
            return .notNeeded
        }
        return password.map(Outcome.password) ?? .token
    }

    private func hasNoUsers() async throws(RegistryError) -> Bool {
        try await metadata.read {
            try $0.listUsers(search: nil, page: PageRequest(size: 1)).totalCount == 0
        }
    }

    /// Tells the person who started the server, once, outside of the log's format: nobody reads a
    /// password out of JSON, and nobody ships it to where logs go.
    static func announce(_ outcome: Outcome) {
        switch outcome {
        case .notNeeded:
            return
        case .token:
            ErrorOutput.write(
                "Created the administrator '\(username)' with the access token that was given.")
        case .password(let password):
            let line = String(repeating: "=", count: 72)
            ErrorOutput.write(
                """
                \(line)
                Created the first administrator. This password is shown only now:

                    username: \(username)
                    password: \(password)

                'packhouse user password \(username)' sets another one.
                \(line)
                """)
        }
    }
}
