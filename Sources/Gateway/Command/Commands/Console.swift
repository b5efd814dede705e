import Foundation
import GatewayServer
import Registry

/// What administration commands work with: the configured database, and a name for the audit.
struct Console: Sendable {
    let metadata: any MetadataStore
    let clock: any RegistryClock
    /// Who does it, in the audit.
    let actor: Actor

    init(metadata: any MetadataStore, clock: any RegistryClock = SystemClock()) {
        self.metadata = metadata
        self.clock = clock
        actor = Actor(
            principal: .console, requestID: "cli-\(UUID().uuidString.lowercased())",
            remoteAddress: "")
    }

    /// Opens the database that the settings name, runs `body` and closes it again.
    ///
    /// - Throws: `CommandError` when the database cannot be used, and for what `body` refuses.
    static func run(
        _ options: StoreOptions, _ body: (Console) async throws -> Void
    ) async throws {
        try await run(try options.load(), body)
    }

    /// The same with settings that were read already.
    static func run(
        _ settings: Settings, _ body: (Console) async throws -> Void
    ) async throws {
        do {
            let opened = try await OpenedDatabase.openExisting(settings)
            try await opened.closing { try await body(Console(metadata: opened.metadata)) }
        } catch let error as RegistryError {
            throw CommandError(Self.describe(error))
        }
    }

    /// Runs a change and appends `action` to the audit in the same transaction.
    func change<Value: Sendable>(
        _ action: String,
        _ body:
            @escaping @Sendable (any MetadataWriting, Timestamp) throws
            -> (value: Value, namespaceID: Int64?, subject: String)
    ) async throws -> Value {
        let now = clock.now()
        let actor = actor
        return try await metadata.write { tx in
            let outcome = try body(tx, now)
            try tx.append(
                AuditEvent(
                    action: action, actor: actor, namespaceID: outcome.namespaceID,
                    subject: outcome.subject),
                at: now)
            return outcome.value
        }
    }

    /// All rows of a list that comes in pages.
    func listAll<Row: Sendable>(
        _ list: @escaping @Sendable (any MetadataReading, PageRequest) throws -> Page<Row>
    ) async throws -> [Row] {
        var rows: [Row] = []
        var number = 1
        while true {
            let request = PageRequest(number: number, size: PageRequest.limitCount)
            let page = try await metadata.read { try list($0, request) }
            rows += page.rows
            guard page.rows.count == request.size, rows.count < page.totalCount,
                request.offset < PageRequest.offsetLimitCount
            else { return rows }
            number += 1
        }
    }

    /// The message for the person at the keyboard, who may know the cause as well.
    static func describe(_ error: RegistryError) -> String {
        error.cause.map { "\(error.message): \($0)" } ?? error.message
    }
}

extension MetadataReading {
    /// - Throws: `notFound` when there is no such user.
    func requireUser(_ username: String) throws -> UserRecord {
        guard let user = try findUser(username: username) else {
            throw RegistryError(.notFound, "there is no user '\(username)'")
        }
        return user
    }

    /// - Throws: `notFound` when there is no such namespace, or it is of another kind.
    func requireNamespace(_ path: String, _ kind: NamespaceKind?) throws -> NamespaceRecord {
        guard let namespace = try findNamespace(.path(path, kind)) else {
            throw RegistryError(
                .notFound, "there is no \(kind?.rawValue ?? "group or project") '\(path)'")
        }
        return namespace
    }
}
