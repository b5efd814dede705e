import FormatKit
import HTTPTypes
public import Logging
public import Registry

/// Answers every request: finds where it goes, who asks, whether that is allowed, and lets the format
/// or the management API do the rest. Steps 2 to 8 and 12 of a request are written here, once.
public struct Gateway: RequestResponder {
    private let table: MountTable
    private let surfaces: [Mount.Surface: any RequestSurface]
    private let services: RegistryServices
    private let resolver: AccessResolver
    private let origins: OriginResolver
    private let metricsAllowed: [CIDRBlock]
    private let logger: Logger

    /// A gateway in front of `formats` and of the management API.
    ///
    /// - Parameters:
    ///   - version: the version of the program, as `/api/v4/version` says it.
    ///   - signer: signs and verifies the tokens of container clients.
    ///   - origins: finds the address of the client and the address that it used.
    ///   - collector: collects garbage when an administrator asks for it.
    ///   - metrics: what `/metrics` shows.
    ///   - metricsAllowed: addresses that may read it without a credential.
    public init(
        formats: [any PackageFormat], version: String, services: RegistryServices,
        hasher: PasswordHasher, signer: TokenSigner, origins: OriginResolver,
        collector: any GarbageCollecting, metrics: PrometheusRegistry = PrometheusRegistry(),
        metricsAllowed: [CIDRBlock] = [], logger: Logger
    ) {
        let resolver = AccessResolver(
            metadata: services.metadata, clock: services.clock,
            authenticator: Authenticator(clock: services.clock, hasher: hasher),
            cache: AdministrationCache(metadata: services.metadata), signer: signer)
        let ids = formats.map { type(of: $0).id }
        var surfaces: [Mount.Surface: any RequestSurface] = [
            .health: HealthSurface(probe: ReadinessProbe(services: services)),
            .tokens: TokenSurface(
                signer: signer, resolver: resolver,
                feature: formats.first { type(of: $0).family == .containerRegistry }
                    .map { (type(of: $0).id.name, type(of: $0).stage) }),
            .metrics: MetricsSurface(
                registry: metrics, gauges: CollectionGaugeReader(services: services),
                version: version),
            .management: ManagementAPI(
                version: version, formats: ids.map(\.name), passwords: hasher,
                collector: collector, formatRules: FormatRules(formats)),
        ]
        for format in formats {
            let desk = AccountDesk(
                of: type(of: format).id, type(of: format).family, resolver: resolver,
                services: services)
            surfaces[.format(type(of: format).id.name)] = format.makeSurface(desk)
        }
        self.table = MountTable(formats: formats)
        self.surfaces = surfaces
        self.services = services
        self.origins = origins
        self.metricsAllowed = metricsAllowed
        self.logger = logger
        self.resolver = resolver
    }

    /// Keeps what the gateway remembers of access up to date; to be run beside the server.
    public var poller: AdministrationPoller {
        AdministrationPoller(cache: resolver.cache, logger: logger)
    }

    public func respond(
        to request: IncomingRequest, body: any RequestBodySource, trace: RequestTrace
    ) async -> FormatResponse {
        let clientAddress = origins.clientAddress(of: request)
        trace.note { $0.clientAddress = clientAddress }
        let bare = RequestHead(
            method: request.method, tail: RequestPath(segments: []), query: RequestQuery(),
            headers: request.headers, origin: origins.origin(of: request), mountPath: "",
            requestID: trace.requestID)
        do throws(RegistryError) {
            let target = request.target
            let mark = target.utf8.firstIndex(of: UInt8(ascii: "?"))
            let path = try RequestPath(parsing: target[..<(mark ?? target.endIndex)])
            var query = RequestQuery()
            if let mark { query = try RequestQuery(parsing: target[mark...].dropFirst()) }
            guard let mount = table.resolve(path), let surface = surfaces[mount.surface] else {
                throw FallbackSurface.notFound
            }
            let prefix = path.segments.prefix(mount.prefixCount)
            let head = RequestHead(
                method: request.method, tail: path.dropFirst(mount.prefixCount), query: query,
                headers: request.headers, origin: bare.origin,
                mountPath: prefix.map { "/" + PercentEncoding.encode($0) }.joined(),
                requestID: trace.requestID)
            return await answer(head, mount, surface, body, trace, clientAddress)
        } catch {
            return finish(error, FallbackSurface(), bare, trace)
        }
    }

    private func answer(
        _ head: RequestHead, _ mount: Mount, _ surface: any RequestSurface,
        _ body: any RequestBodySource, _ trace: RequestTrace, _ clientAddress: String
    ) async -> FormatResponse {
        var response: FormatResponse
        do throws(RegistryError) {
            response = try await admit(head, mount, surface, body, trace, clientAddress)
        } catch {
            if error.isNoRoute {
                return finish(FallbackSurface.notFound, FallbackSurface(), head, trace)
            }
            response = finish(error, surface, head, trace)
        }
        if let stage = surface.feature?.stage, stage != .generalAvailability {
            response.headers[.packhouseStage] = stage.rawValue
        }
        return response
    }

    /// Steps 4 to 9: parse, flag, authenticate, authorize, limits, handle.
    private func admit(
        _ head: RequestHead, _ mount: Mount, _ surface: any RequestSurface,
        _ body: any RequestBodySource, _ trace: RequestTrace, _ clientAddress: String
    ) async throws(RegistryError) -> FormatResponse {
        let parsed = Result { () throws(RegistryError) in try surface.prepare(head) }
        if isOpen(mount.surface, to: clientAddress) {
            // What a load balancer asks is answered without a database, also when it asks wrongly.
            guard let operation = try parsed.get() else { throw RegistryError.noRoute }
            return try await run(operation, .unauthenticated(head, services), body, trace)
        }
        if (try? parsed.get())?.endsPathWithSecret ?? false {
            trace.note { $0.endsPathWithSecret = true }
        }
        let requirements = (try? parsed.get())?.access ?? []
        var references = mount.scope.map { [$0] } ?? []
        for case .namespace(let reference) in requirements.lazy.map(\.target)
        where !references.contains(reference) {
            references.append(reference)
        }
        let facts = try await resolver.resolve(
            Result { () throws(RegistryError) in try Credential(head.headers) },
            references, clientAddress: clientAddress)
        let scope = mount.scope.flatMap { facts.namespaces[$0] }
        let isShared =
            mount.scope == nil && (try? parsed.get()) != nil
            && requirements.allSatisfy { $0.action == .presentCredential }
        guard isOn(surface, facts, scope, isShared: isShared), let operation = try parsed.get()
        else {
            throw RegistryError.noRoute
        }
        trace.note { trace in
            trace.operation = operation.label
            trace.project = scope?.path.description
            trace.package = operation.access.lazy.compactMap(\.package).first
        }
        let credential = Self.credential(of: facts, for: operation)
        let principal: Principal
        let targets: [NamespaceReference: NamespaceRecord]
        do throws(RegistryError) {
            principal =
                switch credential {
                case .success: try facts.principal.get()
                case .failure where operation.judgesCredential: .anonymous
                case .failure(let refusal): throw refusal
                }
            trace.note { $0.principal = principal.label }
            targets = try AccessCheck(facts: facts, mount: mount, policy: services.policy)
                .authorize(operation, principal)
        } catch {
            throw error.asking(for: operation.scopeText(at: mount))
        }
        trace.note { $0.isGranted = true }
        if let length = head.contentLength, length > operation.bodyLimitBytes {
            throw RegistryError.bodyTooLarge(operation.bodyLimitBytes)
        }
        let context = RequestContext(
            head: head,
            actor: Actor(
                principal: principal, requestID: head.requestID, remoteAddress: clientAddress),
            credential: credential, namespace: scope, remainder: mount.remainder(below: scope),
            targets: targets,
            roles: facts.roles, services: services)
        try await PackageCheck(operation: operation, mount: mount, context: context).check()
        let response = try await run(operation, context, body, trace)
        if case .management = mount.surface, head.method != .get, head.method != .head {
            await refreshAdministration()
        }
        return response
    }

    /// Whether nobody has to say who he is: of health, and of metrics from where they are collected.
    private func isOpen(_ surface: Mount.Surface, to clientAddress: String) -> Bool {
        switch surface {
        case .health: true
        case .metrics:
            NetworkAddress(parsing: clientAddress).map { address in
                metricsAllowed.contains { $0.contains(address) }
            } ?? false
        case .format, .management, .tokens: false
        }
    }

    private func run(
        _ operation: PreparedOperation, _ context: RequestContext, _ body: any RequestBodySource,
        _ trace: RequestTrace
    ) async throws(RegistryError) -> FormatResponse {
        trace.note { $0.operation = operation.label }
        return try await operation.run(
            context, RequestBody(source: body, limitBytes: operation.bodyLimitBytes))
    }

    /// What the credential stands for, or why it does not count here: a signed token counts only for
    /// what it was signed for.
    private static func credential(
        of facts: AccessFacts, for operation: PreparedOperation
    ) -> Result<CredentialBinding, RegistryError> {
        guard facts.grants == nil || operation.family == .containerRegistry else {
            return .failure(
                RegistryError(
                    .unauthenticated, "a registry token does not count here",
                    reason: "wrong_credential"))
        }
        return facts.principal.map { _ in facts.binding }
    }

    /// - Parameter isShared: whether the operation belongs to no project, as logging in does: it is
    ///   there while the feature is on for any.
    private func isOn(
        _ surface: any RequestSurface, _ facts: AccessFacts, _ scope: NamespaceRecord?,
        isShared: Bool
    ) -> Bool {
        guard let feature = surface.feature else { return true }
        if isShared { return facts.features.isOnForSomebody(feature.name, stage: feature.stage) }
        var groups = scope?.lineage ?? []
        if let scope, scope.kind != .project { groups.append(scope.id) }
        let actor = FeatureActor(
            projectID: scope.flatMap { $0.kind == .project ? $0.id : nil }, groupIDs: groups,
            userID: (try? facts.principal.get())?.userID)
        return facts.features.isOn(feature.name, stage: feature.stage, for: actor)
    }

    /// Lets the caller see his own change at once on this replica.
    private func refreshAdministration() async {
        do throws(RegistryError) {
            try await resolver.cache.refresh()
        } catch {
            // The change is stored; what is remembered runs out by itself in a moment.
            logger.warning(
                "the administration epoch cannot be read", metadata: ["error": "\(error)"])
        }
    }

    /// Step 12 for failures: the surface's own body, and what every failure carries.
    private func finish(
        _ failure: RegistryError, _ surface: any RequestSurface, _ head: RequestHead,
        _ trace: RequestTrace
    ) -> FormatResponse {
        trace.note { $0.failure = failure }
        var response = surface.render(failure, for: head)
        for field in failure.headers where response.headers[field.name] == nil {
            response.headers[field.name] = field.value
        }
        if let seconds = failure.retryAfterSeconds, response.headers[.retryAfter] == nil {
            response.headers[.retryAfter] = String(seconds)
        }
        return response
    }
}

extension HTTPField.Name {
    /// Says on every answer of a format that it is not generally available: `experiment`, `beta`.
    static let packhouseStage = HTTPField.Name(known: "Packhouse-Stage")
}

extension RequestContext {
    /// The context of what needs no access.
    fileprivate static func unauthenticated(
        _ head: RequestHead, _ services: RegistryServices
    ) -> RequestContext {
        RequestContext(
            head: head,
            actor: Actor(principal: .anonymous, requestID: head.requestID, remoteAddress: ""),
            credential: .success(.anonymous), namespace: nil, remainder: [], targets: [:],
            roles: [:], services: services)
    }
}

extension RegistryError {
    /// The address leads nowhere, or to something that is switched off (I12).
    fileprivate static let noRoute = RegistryError(.notFound, "404 Not Found", reason: "no_route")

    fileprivate var isNoRoute: Bool { code == .notFound && reason == "no_route" }
}
