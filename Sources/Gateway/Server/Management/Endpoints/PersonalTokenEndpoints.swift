import FormatKit
import HTTPTypes
import Registry

/// Calls on personal access tokens.
///
/// *Source*: GitLab, "Personal access tokens API" and "User tokens API".
enum PersonalTokenEndpoints {
    static let all: [ManagementEndpoint] = [
        ManagementEndpoint(
            .post, "users/:user_id/personal_access_tokens", "personal_token.create_for_user",
            "Create a token for a user; for administrators.",
            parameters: [.id("user_id", "The number of the user.")] + creation,
            success: .one(TokenView.newPersonal.one, status: .created),
            access: asking(.administerInstance), handler: createForUser),
        ManagementEndpoint(
            .post, "user/personal_access_tokens", "personal_token.create",
            "Create a token for the caller, with no more than the caller's own token allows.",
            parameters: creation,
            success: .one(TokenView.newPersonal.one, status: .created),
            access: asking(.useOwnAccount), handler: createOwn),
        ManagementEndpoint(
            .get, "personal_access_tokens", "personal_token.list",
            "List the caller's tokens; an administrator sees those of all users.",
            parameters: [
                .optional("user_id", .integer(1...Int64.max), "Only the tokens of this user."),
                .optional("state", .choice(["active"]), "Only tokens that can be used."),
            ] + .paging,
            unsupported: [
                "revoked", "search", "created_after", "created_before", "last_used_after",
                "last_used_before", "expires_after", "expires_before",
            ],
            success: .page(TokenView.personal.many), access: asking(.readOwnAccount),
            handler: list),
        ManagementEndpoint(
            .get, "personal_access_tokens/self", "personal_token.show_self",
            "Show the token of this request.",
            success: .one(TokenView.personal.one), failures: [.malformed],
            access: asking(.readOwnAccount), handler: show),
        ManagementEndpoint(
            .get, "personal_access_tokens/:id", "personal_token.show", "Show a token.",
            parameters: [id], success: .one(TokenView.personal.one),
            access: asking(.readOwnAccount), handler: show),
        ManagementEndpoint(
            .delete, "personal_access_tokens/self", "personal_token.delete_self",
            "Revoke the token of this request.",
            success: .noContent, failures: [.malformed], access: asking(.useOwnAccount),
            handler: revoke),
        ManagementEndpoint(
            .delete, "personal_access_tokens/:id", "personal_token.delete", "Revoke a token.",
            parameters: [id], success: .noContent, access: asking(.useOwnAccount),
            handler: revoke),
        ManagementEndpoint(
            .post, "personal_access_tokens/self/rotate", "personal_token.rotate_self",
            "Revoke the token of this request, and create another like it.",
            parameters: [expiry], success: .one(TokenView.newPersonal.one),
            access: asking(.useOwnAccount), handler: rotate),
        ManagementEndpoint(
            .post, "personal_access_tokens/:id/rotate", "personal_token.rotate",
            "Revoke a token, and create another like it.",
            parameters: [id, expiry], success: .one(TokenView.newPersonal.one),
            access: asking(.useOwnAccount), handler: rotate),
    ]

    private static let id = Parameter.id("id", "The number of the token.")
    private static let expiry = Parameter.optional(
        "expires_at", .moment,
        "The day on which it ends; within \(ManagementLimits.personalTokenLifetimeDays) days.")
    private static let creation: [Parameter] = [
        .required(
            "name", .text(limitCharacters: ManagementLimits.nameCharacters), "What it is for."),
        .required(
            "scopes", .choices(TokenScope.allCases.map(\.rawValue)), "What it may be used for."),
        expiry,
    ]

    // MARK: Creating

    @Sendable
    private static func createForUser(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        try await create(call, for: try call.arguments.requireInteger("user_id"))
    }

    @Sendable
    private static func createOwn(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        try await create(call, for: try call.requireUser().id)
    }

    private static func create(
        _ call: ManagementCall, for userID: Int64
    ) async throws(RegistryError) -> FormatResponse {
        let caller = try call.requireUser()
        let scopes = try call.scopes()
        if let own = caller.scopes, !own.contains(.api), !scopes.isSubset(of: own) {
            throw RegistryError(
                .forbidden, "a token can create only tokens with no more scopes than its own")
        }
        let secret = SecretToken.generate(.personal)
        let draft = TokenDraft(
            kind: .personal, name: try call.arguments.requireText("name"), userID: userID,
            scopes: scopes,
            expiresAt: try call.expiry(
                defaultDays: ManagementLimits.personalTokenDefaultLifetimeDays,
                limitDays: ManagementLimits.personalTokenLifetimeDays),
            secretHash: SecretToken.hash(secret))
        let token = try await call.change("token.create") { tx in
            guard let user = try tx.findUser(userID) else { throw RegistryError.missing("User") }
            let token = try tx.insertToken(draft, at: call.now)
            return Change(
                token, subject: "personal_token:\(token.id) of user:\(user.username)", in: nil)
        }
        return call.answer(
            TokenView.newPersonal.json(call.view(of: token, secret: secret)), status: .created)
    }

    // MARK: Reading

    @Sendable
    private static func list(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let caller = try call.requireUser()
        let wanted = call.arguments.findInteger("user_id")
        guard caller.isAdmin || wanted == nil || wanted == caller.id else {
            throw RegistryError(.unauthenticated, "only an administrator sees others' tokens")
        }
        return try await call.answer(
            listing: TokenFilter(
                kind: .personal, userID: caller.isAdmin ? wanted : caller.id,
                activeAt: call.arguments.has("state") ? call.now : nil),
            as: TokenView.personal)
    }

    @Sendable
    private static func show(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let wanted = try wanted(by: call)
        let token = try await call.read { tx in try find(wanted, tx) }
        return call.answer(TokenView.personal.json(call.view(of: token)))
    }

    // MARK: Ending

    @Sendable
    private static func revoke(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let wanted = try wanted(by: call)
        try await call.change("token.revoke") { tx in
            let token = try find(wanted, tx)
            let happened = try tx.revokeToken(token.id, at: call.now)
            return Change(
                (), subject: "personal_token:\(token.id)", in: nil, happened: happened)
        }
        return call.noContent
    }

    @Sendable
    private static func rotate(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let wanted = try wanted(by: call)
        let expiresAt = try call.expiry(
            defaultDays: ManagementLimits.rotatedTokenLifetimeDays,
            limitDays: ManagementLimits.personalTokenLifetimeDays)
        let secret = SecretToken.generate(.personal)
        let token = try await call.change("token.rotate") { tx in
            let old = try find(wanted, tx)
            guard old.isActive(at: call.now), try tx.revokeToken(old.id, at: call.now) else {
                throw RegistryError(
                    .unauthenticated, "a token that has ended cannot be rotated")
            }
            let token = try tx.insertToken(
                TokenDraft(
                    kind: .personal, name: old.name, userID: old.userID, scopes: old.scopes,
                    expiresAt: expiresAt, secretHash: SecretToken.hash(secret)),
                at: call.now)
            return Change(
                token, subject: "personal_token:\(old.id) to personal_token:\(token.id)", in: nil)
        }
        return call.answer(TokenView.newPersonal.json(call.view(of: token, secret: secret)))
    }

    // MARK: Which token

    /// A token that a call names, and who may know of it.
    private struct Wanted: Sendable {
        let id: Int64
        /// The owner that it must have; `nil` for administrators.
        let ownerID: Int64?
    }

    /// The token that the address names: by number, or as that of the request.
    private static func wanted(by call: ManagementCall) throws(RegistryError) -> Wanted {
        let caller = try call.requireUser()
        if let id = call.arguments.findInteger("id") {
            return Wanted(id: id, ownerID: caller.isAdmin ? nil : caller.id)
        }
        guard let id = caller.tokenID else {
            throw RegistryError(
                .malformed, "this request was not made with a personal access token")
        }
        return Wanted(id: id, ownerID: caller.id)
    }

    /// To all but administrators, a token of somebody else is the same as none.
    private static func find(_ wanted: Wanted, _ tx: any IdentityReading) throws -> TokenRecord {
        let token = try tx.findToken(wanted.id).flatMap { $0.kind == .personal ? $0 : nil }
        if let ownerID = wanted.ownerID {
            guard let token, token.userID == ownerID else {
                throw RegistryError(.unauthenticated, "there is no such token of yours")
            }
            return token
        }
        guard let token else { throw RegistryError.missing("Token") }
        return token
    }
}
