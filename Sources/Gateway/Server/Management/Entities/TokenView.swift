import FormatKit
import Registry

/// A token as answers show one. The secret is there once, in the answer that made it.
struct TokenView: Sendable {
    let token: TokenRecord
    let secret: String?
    let now: Timestamp

    static let personal = Entity<TokenView>(
        "PersonalAccessToken", "A personal access token, without its secret.", personalFields)

    static let newPersonal = Entity<TokenView>(
        "NewPersonalAccessToken", "A personal access token that was just made.",
        personalFields + [secret])

    static let deploy = Entity<TokenView>(
        "DeployToken", "A deploy token, without its secret.", deployFields)

    static let newDeploy = Entity<TokenView>(
        "NewDeployToken", "A deploy token that was just made.", deployFields + [secret])

    static let job = Entity<TokenView>("JobToken", "A job token, without its secret.", jobFields)

    static let newJob = Entity<TokenView>(
        "NewJobToken", "A job token that was just made.", jobFields + [secret])

    // MARK: Fields

    private static let secret = EntityField<TokenView>(
        "token", .string(), "The secret; it is never shown again."
    ) { .optional($0.secret) }

    private static let scopes = EntityField<TokenView>(
        "scopes", .array(of: .string(choices: TokenScope.allCases.map(\.rawValue)))
    ) { view in
        .array(
            TokenScope.allCases.filter(view.token.scopes.contains).map { .string($0.rawValue) })
    }

    private static let revoked = EntityField<TokenView>("revoked", .boolean) {
        .bool($0.token.revokedAt != nil)
    }

    private static let active = EntityField<TokenView>("active", .boolean) {
        .bool($0.token.isActive(at: $0.now))
    }

    private static let personalFields: [EntityField<TokenView>] = [
        EntityField("id", .integer()) { .integer($0.token.id) },
        EntityField("name", .string()) { .string($0.token.name) },
        revoked,
        EntityField("created_at", .moment) { .string($0.token.createdAt.iso8601) },
        EntityField("description", JSONSchema.string().nullable) { _ in .null },
        scopes,
        EntityField("user_id", .integer()) { .optional($0.token.userID) },
        EntityField("last_used_at", JSONSchema.moment.nullable) {
            .optional($0.token.lastUsedAt?.iso8601)
        },
        active,
        EntityField("expires_at", JSONSchema.day.nullable) {
            .optional($0.token.expiresAt?.dateText)
        },
    ]

    private static let deployFields: [EntityField<TokenView>] = [
        EntityField("id", .integer()) { .integer($0.token.id) },
        EntityField("name", .string()) { .string($0.token.name) },
        EntityField("username", .string()) { .string($0.token.username) },
        EntityField("expires_at", JSONSchema.moment.nullable) {
            .optional($0.token.expiresAt?.iso8601)
        },
        scopes,
        revoked,
        EntityField("expired", .boolean) { view in
            .bool(view.token.expiresAt.map { $0 <= view.now } ?? false)
        },
    ]

    private static let jobFields: [EntityField<TokenView>] = [
        EntityField("id", .integer()) { .integer($0.token.id) },
        EntityField("job_id", JSONSchema.integer().nullable) { .optional($0.token.jobID) },
        EntityField("pipeline_id", JSONSchema.integer().nullable) {
            .optional($0.token.build.pipelineID)
        },
        EntityField("ref", JSONSchema.string().nullable) { .optional($0.token.build.ref) },
        EntityField("sha", JSONSchema.string().nullable) { .optional($0.token.build.sha) },
        EntityField("user_id", JSONSchema.integer().nullable) { .optional($0.token.userID) },
        EntityField("project_id", JSONSchema.integer().nullable) {
            .optional($0.token.namespaceID)
        },
        EntityField("created_at", .moment) { .string($0.token.createdAt.iso8601) },
        EntityField("expires_at", JSONSchema.moment.nullable) {
            .optional($0.token.expiresAt?.iso8601)
        },
        revoked,
        active,
    ]
}

extension ManagementCall {
    /// What answers show of `token`; with `secret` only where it was just made.
    func view(of token: TokenRecord, secret: String? = nil) -> TokenView {
        TokenView(token: token, secret: secret, now: now)
    }

    /// One page of tokens.
    func answer(
        listing filter: TokenFilter, as entity: Entity<TokenView>
    ) async throws(RegistryError) -> FormatResponse {
        let request = try page()
        let page = try await read { tx in
            try tx.listTokens(filter, page: request).map { entity.json(view(of: $0)) }
        }
        return answer(page)
    }

    /// When a token ends, as the argument `expires_at` says.
    ///
    /// - Throws: `malformed` when it is not in the future, or later than `limitDays` from now.
    func expiry(
        defaultDays: Int64?, limitDays: Int64?
    ) throws(RegistryError) -> Timestamp? {
        guard let moment = arguments.findMoment("expires_at") else {
            return defaultDays.map { Timestamp(startOf: now.advanced(bySeconds: $0 * 86_400).day) }
        }
        guard moment > now else {
            throw RegistryError.invalid("expires_at", "can't be in the past")
        }
        if let limitDays, moment > now.advanced(bySeconds: limitDays * 86_400) {
            throw RegistryError.invalid(
                "expires_at", "must be within \(limitDays) days from now")
        }
        return moment
    }

    /// The scopes that the argument `scopes` names.
    ///
    /// - Throws: `malformed` when there are none.
    func scopes() throws(RegistryError) -> Set<TokenScope> {
        let scopes = (arguments.findTexts("scopes") ?? []).compactMap(TokenScope.init(rawValue:))
        guard !scopes.isEmpty else { throw RegistryError.invalid("scopes", "can't be blank") }
        return Set(scopes)
    }
}
