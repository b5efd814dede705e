import FormatKit
import HTTPTypes
import NIOCore
import Registry

/// Where docker and its kin fetch the tokens that they pull and push with: `/jwt/auth`, and
/// `/v2/token` for clients that do not read the challenge.
///
/// *Source*: distribution, "Token Authentication Specification" and "OAuth2 Token Authentication".
struct TokenSurface: RequestSurface {
    /// The largest form, in bytes.
    static let bodyLimitBytes = 65_536
    private static let formMediaType = "application/x-www-form-urlencoded"

    let signer: TokenSigner
    let resolver: AccessResolver
    /// That of the format whose clients need tokens; without it nobody does.
    let feature: (name: String, stage: Stage)?

    func prepare(_ head: RequestHead) throws(RegistryError) -> PreparedOperation? {
        guard head.tail.segments.isEmpty else { return nil }
        switch head.method {
        case .get, .head:
            let request = try TokenRequest(query: head.query)
            return operation(bodyLimitBytes: 0) { context, _ throws(RegistryError) in
                try await answer(request, context)
            }
        case .post:
            return operation(
                bodyLimitBytes: Self.bodyLimitBytes
            ) { context, body throws(RegistryError) in
                try await answer(try await Self.readForm(body, context.head), context)
            }
        default:
            throw RegistryError(
                .methodNotAllowed, "this address takes GET, HEAD and POST",
                headers: [.allow: "GET, HEAD, POST"])
        }
    }

    func render(_ failure: RegistryError, for head: RequestHead) -> FormatResponse {
        FormatResponse.json(
            [
                "errors": [
                    [
                        "code": .string(Self.errorCode(of: failure)),
                        "message": .string(failure.message),
                    ]
                ]
            ],
            status: failure.status, headers: failure.responseHeaders(for: head))
    }

    /// *Source*: OCI distribution specification, "Error Codes".
    private static func errorCode(of failure: RegistryError) -> String {
        switch failure.code {
        case .unauthenticated: "UNAUTHORIZED"
        case .forbidden: "DENIED"
        case .tooManyRequests: "TOOMANYREQUESTS"
        case .unavailable: "UNAVAILABLE"
        case .internalError: "UNKNOWN"
        default: "UNSUPPORTED"
        }
    }

    private func operation(
        bodyLimitBytes: Int,
        _ run:
            @escaping @Sendable (RequestContext, consuming RequestBody)
            async throws(RegistryError) -> FormatResponse
    ) -> PreparedOperation {
        PreparedOperation(
            label: "registry.token", access: [], bodyLimitBytes: Int64(bodyLimitBytes),
            family: nil, judgesCredential: true, run: run)
    }

    private static func readForm(
        _ body: consuming RequestBody, _ head: RequestHead
    ) async throws(RegistryError) -> TokenRequest {
        let mediaType = head.headers[.contentType]?.prefix { $0 != ";" && $0 != " " }
        guard mediaType?.lowercased() == formMediaType else {
            throw RegistryError(
                .unsupportedMediaType, "a token is asked for with a form: \(formMediaType)")
        }
        let text = String(buffer: try await body.collect(limitBytes: bodyLimitBytes))
        return try TokenRequest(form: try RequestQuery(parsing: text))
    }

    // MARK: Answer

    private func answer(
        _ request: TokenRequest, _ context: RequestContext
    ) async throws(RegistryError) -> FormatResponse {
        let decision = GrantDecision(services: context.services)
        let caller: VerifiedCredential
        do throws(RegistryError) {
            caller = try await identify(request.grant, context)
        } catch {
            // Some clients send what belongs to another registry. Where nobody needs a credential,
            // that shall not keep them out; where no image is named, it is a failed login.
            guard error.code == .unauthenticated || error.code == .tooManyRequests,
                request.isPullOnly,
                try await decision.decide(request.scopes, for: .anonymous) == request.scopes
            else { throw error }
            caller = .anonymous
        }
        let grants = try await decision.decide(request.scopes, for: caller.principal)
        return try await render(grants, to: caller, request, at: context.services.clock.now())
    }

    /// Who asks.
    ///
    /// - Throws: `unauthenticated`, or `tooManyRequests` after too many failed logins.
    private func identify(
        _ grant: TokenRequest.Grant, _ context: RequestContext
    ) async throws(RegistryError) -> VerifiedCredential {
        switch grant {
        case .header:
            return VerifiedCredential(
                principal: context.actor.principal, binding: try context.credential.get())
        case .password(let credential):
            let facts = try await resolver.resolve(
                .success(credential), [], clientAddress: context.actor.remoteAddress)
            return VerifiedCredential(
                principal: try facts.principal.get(), binding: facts.binding)
        case .refreshToken(let token):
            return try await resolver.resolve(refreshToken: token)
        }
    }

    private func render(
        _ grants: [RegistryGrant], to caller: VerifiedCredential, _ request: TokenRequest,
        at now: Timestamp
    ) async throws(RegistryError) -> FormatResponse {
        let label = caller.principal == .anonymous ? "" : caller.principal.label
        let token = try await signer.signAccess(grants, to: caller.binding, label: label, at: now)
        guard token.utf8.count <= Credential.signedLimitBytes else {
            throw RegistryError(
                .malformed, "the scopes are too long for one token; ask for fewer of them")
        }
        var members: [(name: String, value: JSONValue)] = [
            ("token", .string(token)), ("access_token", .string(token)),
            ("expires_in", .integer(signer.lifetimeSeconds)),
            ("issued_at", .string(now.iso8601)),
        ]
        if request.isForm {
            members.append(("token_type", "Bearer"))
            members.append(
                ("scope", .string(grants.map(\.description).joined(separator: " "))))
        }
        if request.wantsRefreshToken, caller.principal != .anonymous {
            let refresh = try await signer.signRefresh(
                for: caller.binding, label: label, at: now)
            members.append(("refresh_token", .string(refresh)))
        }
        return FormatResponse.json(.object(members), headers: [.cacheControl: "no-store"])
    }
}

/// A credential that turned out to be right: who presented it, and what it ends with.
struct VerifiedCredential: Sendable {
    let principal: Principal
    let binding: CredentialBinding

    static let anonymous = VerifiedCredential(principal: .anonymous, binding: .anonymous)
}
