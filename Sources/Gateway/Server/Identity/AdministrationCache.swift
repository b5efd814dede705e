import Registry
import Synchronization

/// What is known of credentials, namespaces, roles and feature gates: things that every request
/// asks for and that seldom change.
///
/// Every change of them raises one number in the database, in its own transaction. Each replica
/// reads that number twice a second and forgets everything when it has grown, so a revocation is in
/// effect everywhere within `stalenessLimit`. When the number cannot be read, nothing that is
/// remembered is used. See `docs/decisions/0001-epoch-based-access-cache.md`.
final class AdministrationCache: Sendable {
    /// How often the number is read.
    static let pollInterval = Duration.milliseconds(500)
    /// How long after the last successful read what is remembered may be used.
    static let stalenessLimit = Duration.milliseconds(1500)
    /// How long a role may be remembered, because a membership can end by time alone.
    static let roleLifetime = Duration.seconds(60)
    /// Entries of each kind; a full table is emptied.
    static let entryLimitCount = 20_000
    /// Tokens whose use waits to be written down.
    static let pendingUseLimitCount = 10_000

    /// A principal, and until when its credential is good.
    struct KnownPrincipal: Sendable {
        let principal: Principal
        let binding: CredentialBinding
        let expiresAt: Timestamp?
        /// What a signed token grants; `nil` for every other credential.
        let grants: [RegistryGrant]?
    }

    /// What a credential is remembered by, so that no secret lies in memory longer than its request:
    /// its keyed hash, under a key that this process made up and nobody else knows.
    private typealias Fingerprint = SipHash.Code

    private struct RoleKey: Hashable {
        let userID: Int64
        let namespaceID: Int64
    }

    private struct State {
        var epoch: Int64?
        var checkedAt: ContinuousClock.Instant?
        var features = FeatureSnapshot([])
        var principals: [Fingerprint: KnownPrincipal] = [:]
        var namespaces: [NamespaceReference: NamespaceRecord] = [:]
        var roles: [RoleKey: Role?] = [:]
        var rolesSince = ContinuousClock.now
        var usedTokens: [Int64: Timestamp] = [:]
    }

    private let state = Mutex(State())
    private let metadata: any MetadataStore
    private let emptyFingerprint = SipHash(
        key: (.random(in: .min ... .max), .random(in: .min ... .max)))

    init(metadata: any MetadataStore) {
        self.metadata = metadata
    }

    /// Everything remembered that one request asks for; what is `nil` has to be looked up.
    func find(
        _ credential: Credential, _ references: [NamespaceReference]
    ) -> (
        principal: KnownPrincipal?, namespaces: [NamespaceReference: NamespaceRecord],
        features: FeatureSnapshot?
    ) {
        let fingerprint = fingerprint(of: credential)
        return state.withLock { state in
            guard Self.isFresh(state) else { return (nil, [:], nil) }
            var namespaces: [NamespaceReference: NamespaceRecord] = [:]
            for reference in references {
                if let known = state.namespaces[reference] { namespaces[reference] = known }
            }
            return (fingerprint.flatMap { state.principals[$0] }, namespaces, state.features)
        }
    }

    /// The role of a user, where it is remembered: `.some(nil)` says that there is none.
    func findRole(userID: Int64, namespaceID: Int64) -> Role?? {
        state.withLock { state in
            guard Self.isFresh(state) else { return nil }
            return state.roles[RoleKey(userID: userID, namespaceID: namespaceID)]
        }
    }

    /// Remembers what a transaction found, unless something was changed since its state.
    func remember(
        epoch: Int64, credential: Credential, principal: KnownPrincipal?,
        namespaces: [NamespaceReference: NamespaceRecord],
        roles: [(userID: Int64, namespaceID: Int64, role: Role?)]
    ) {
        let fingerprint = fingerprint(of: credential)
        state.withLock { state in
            guard state.epoch == epoch else { return }
            Self.makeRoom(&state)
            if let principal, let fingerprint { state.principals[fingerprint] = principal }
            state.namespaces.merge(namespaces) { _, new in new }
            for entry in roles {
                let key = RoleKey(userID: entry.userID, namespaceID: entry.namespaceID)
                state.roles[key] = .some(entry.role)
            }
        }
    }

    /// Notes that a token was used, to be written down with the next `flushTokenUses`.
    func noteUse(tokenID: Int64, at now: Timestamp) {
        state.withLock { state in
            guard state.usedTokens.count < Self.pendingUseLimitCount else { return }
            state.usedTokens[tokenID] = now
        }
    }

    /// Reads the number, and forgets everything when it has grown.
    func refresh() async throws(RegistryError) {
        let startedAt = ContinuousClock.now
        let known = state.withLock { $0.epoch }
        let found = try await metadata.read { tx -> (epoch: Int64, gates: [FeatureGate]?) in
            let epoch = try tx.findAdministrationEpoch()
            return (epoch, epoch == known ? nil : try tx.listGates())
        }
        state.withLock { state in
            // A refresh that was overtaken by a later one has nothing to add.
            guard state.checkedAt.map({ $0 < startedAt }) ?? true else { return }
            if let gates = found.gates, found.epoch >= state.epoch ?? found.epoch {
                state.epoch = found.epoch
                state.features = FeatureSnapshot(gates)
                state.principals.removeAll(keepingCapacity: true)
                state.namespaces.removeAll(keepingCapacity: true)
                state.roles.removeAll(keepingCapacity: true)
            }
            if startedAt - state.rolesSince > Self.roleLifetime {
                state.roles.removeAll(keepingCapacity: true)
                state.rolesSince = startedAt
            }
            state.checkedAt = startedAt
        }
    }

    /// Writes down when tokens were last used.
    func flushTokenUses() async throws(RegistryError) {
        let uses = state.withLock { state in
            defer { state.usedTokens.removeAll() }
            return state.usedTokens
        }
        guard !uses.isEmpty else { return }
        do throws(RegistryError) {
            try await metadata.write { tx in
                for (id, moment) in uses.sorted(by: { $0.key < $1.key }) {
                    try tx.recordTokenUse(id, at: moment)
                }
            }
        } catch {
            // They are written down next time, unless the token was used again meanwhile.
            state.withLock { $0.usedTokens.merge(uses) { newer, _ in newer } }
            throw error
        }
    }

    private func fingerprint(of credential: Credential) -> Fingerprint? {
        // The first byte says which case it is.
        var hash = emptyFingerprint
        switch credential {
        case .none:
            return nil
        case .token(let secret, let kinds):
            hash.append(byte: 1)
            // The kinds that may be meant are part of what was looked up.
            for kind in TokenKind.allCases { hash.append(byte: kinds.contains(kind) ? 1 : 0) }
            hash.append(secret)
        case .basic(let username, let password):
            hash.append(byte: 2)
            hash.append(username)
            // No UTF-8 has this byte.
            hash.append(byte: 0xFF)
            hash.append(password)
        case .signed(let token):
            hash.append(byte: 3)
            hash.append(token)
        }
        return hash.finish()
    }

    private static func isFresh(_ state: State) -> Bool {
        guard let checkedAt = state.checkedAt else { return false }
        return ContinuousClock.now - checkedAt < stalenessLimit
    }

    private static func makeRoom(_ state: inout State) {
        if state.principals.count >= entryLimitCount { state.principals.removeAll() }
        if state.namespaces.count >= entryLimitCount { state.namespaces.removeAll() }
        if state.roles.count >= entryLimitCount { state.roles.removeAll() }
    }
}
