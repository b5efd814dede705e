public import Database
public import Registry

/// The facts of the registry in a database, on either engine.
public struct SQLMetadataStore: MetadataStore {
    /// When to come back after the database could not be reached.
    public static let retryAfterSeconds = 5

    private let engine: any SQLEngine
    private let clock: any RegistryClock
    private var periods: CollectionPeriods
    private let files = RowMemory<FileAddress, PublishedFile>()
    private let blobs = RowMemory<BlobAddress, HeldBlob>()
    private let packages = RowMemory<PackageAddress, PackageRecord>()

    /// A store in the database of `engine`, which must have been migrated. `clock` says which
    /// memberships have expired where a query is not told the time; `periods` count where no project
    /// or group has its own.
    public init(
        engine: any SQLEngine, clock: any RegistryClock = SystemClock(),
        periods: CollectionPeriods = CollectionPeriods()
    ) {
        self.engine = engine
        self.clock = clock
        self.periods = periods
    }

    /// The same store with other periods for where no project or group has its own.
    public func counting(_ periods: CollectionPeriods) -> SQLMetadataStore {
        var store = self
        store.periods = periods
        return store
    }

    /// Brings the database to this program's schema; several processes may do it at the same time.
    ///
    /// - Throws: `unavailable`, or `internalError` when a newer program migrated the database.
    @discardableResult
    public func migrate() async throws(RegistryError) -> MigrationStatus {
        do {
            return try await Migrator(MetadataSchema.migrations)
                .migrate(engine, atMicroseconds: clock.now().microseconds)
        } catch {
            throw Self.convert(error)
        }
    }

    /// Which steps of the schema were applied and which are pending.
    public func migrationStatus() async throws(RegistryError) -> MigrationStatus {
        do {
            return try await Migrator(MetadataSchema.migrations).status(of: engine)
        } catch {
            throw Self.convert(error)
        }
    }

    public func read<Value: Sendable>(
        _ body: @escaping @Sendable (any MetadataReading) throws -> Value
    ) async throws(RegistryError) -> Value {
        do {
            return try await engine.read { [clock, periods] session in
                try body(MetadataTransaction(session, at: clock.now(), periods))
            }
        } catch {
            throw Self.convert(error)
        }
    }

    public func write<Value: Sendable>(
        _ body: @escaping @Sendable (any MetadataWriting) throws -> Value
    ) async throws(RegistryError) -> Value {
        try await write(.request, body)
    }

    public func write<Value: Sendable>(
        _ urgency: WriteUrgency, _ body: @escaping @Sendable (any MetadataWriting) throws -> Value
    ) async throws(RegistryError) -> Value {
        do {
            return try await engine.write(SQLUrgency(urgency), observer: nil) {
                [clock, periods] session in
                try body(MetadataTransaction(session, at: clock.now(), periods))
            }
        } catch {
            throw Self.convert(error)
        }
    }

    public func findFile(
        _ address: FileAddress, inProject projectID: Int64
    ) async throws(RegistryError) -> PublishedFile? {
        // Taken before the look-up: what is committed meanwhile makes another mark.
        let mark = engine.findStateMark()
        if let mark, let known = files.find(address, projectID, at: mark) { return known }
        let found = try await read { tx in
            try tx.findFiles(
                address, in: .project(projectID), readableBy: .everything, limit: 1
            ).first
        }
        if let mark, let found { files.remember(found, as: address, projectID, at: mark) }
        return found
    }

    public func findPackage(
        _ address: PackageAddress, inProject projectID: Int64
    ) async throws(RegistryError) -> PackageRecord? {
        let mark = engine.findStateMark()
        if let mark, let known = packages.find(address, projectID, at: mark) { return known }
        let found = try await read { tx in
            try tx.findPackages(
                address, in: .project(projectID), readableBy: .everything
            ).first
        }
        if let mark, let found { packages.remember(found, as: address, projectID, at: mark) }
        return found
    }

    public func findBlob(
        _ address: BlobAddress, inProject projectID: Int64, at now: Timestamp
    ) async throws(RegistryError) -> HeldBlob? {
        let mark = engine.findStateMark()
        if let mark, let known = blobs.find(address, projectID, at: mark), known.isHeld(at: now) {
            return known
        }
        let held = try await read { tx in try tx.findBlob(address, projectID: projectID) }
        guard let held, held.isHeld(at: now) else { return nil }
        if let mark { blobs.remember(held, as: address, projectID, at: mark) }
        return held
    }

    /// Ends what runs and closes every connection.
    public func close() async {
        await engine.close()
    }

    /// The one place where the engine's errors become the registry's.
    private static func convert(_ error: any Error) -> RegistryError {
        guard let failure = error as? DatabaseError else { return .wrapping(error) }
        switch failure.kind {
        case .unavailable, .busy, .unknownOutcome:
            return RegistryError(
                .unavailable, "the database cannot be reached now", reason: "database_unavailable",
                retryAfterSeconds: retryAfterSeconds, cause: failure)
        case .storageFull:
            return RegistryError(
                .insufficientStorage, "the database has no space left", cause: failure)
        case .uniqueViolation:
            return RegistryError(.conflict, "it exists already", cause: failure)
        case .foreignKeyViolation:
            return RegistryError(
                .conflict, "something that it depends on was removed meanwhile", cause: failure)
        case .schemaTooNew, .other:
            return .wrapping(failure)
        }
    }
}

extension SQLUrgency {
    fileprivate init(_ urgency: WriteUrgency) {
        self =
            switch urgency {
            case .request: .request
            case .background: .background
            case .deferred: .deferred
            }
    }
}
