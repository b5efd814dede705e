import Database
import MetadataStorage
import Registry
import TestSupport
import Testing

@Suite("The metadata store on both engines")
struct SQLMetadataStoreTests {
    @Test("Both engines run the same statements")
    func oneText() async throws {
        var texts: [DatabaseKind: Set<String>] = [:]
        for kind in DatabaseKind.allCases {
            let recorder = Recorder()
            for check in MetadataStoreContract.checks {
                let clock = ManualClock(Sample.now)
                let database = try await kind.makeDatabase()
                try await database.withEngine { engine in
                    let store = SQLMetadataStore(
                        engine: ObservedEngine(base: engine, observer: recorder), clock: clock)
                    try await MetadataStoreContract(store, clock: clock).verify(check)
                }
            }
            texts[kind] = recorder.texts
        }
        let (sqlite, postgres) = (texts[.sqlite] ?? [], texts[.postgres] ?? [])
        #expect(sqlite.subtracting(postgres) == [])
        #expect(postgres.subtracting(sqlite) == [])
        // Every method of the protocols runs one statement or more.
        #expect(sqlite.count > 60)
    }

    @Test(
        "A file is found as the last commit left it, whichever process made that",
        arguments: DatabaseKind.allCases)
    func freshFiles(_ kind: DatabaseKind) async throws {
        let database = try await kind.makeDatabase()
        try await database.withStore { one in
            let file = try await one.write { tx in
                try tx.insertSampleFile(tx.insertSample("web"), blob: 1)
            }
            let projectID = file.version.package.projectID
            let address = FileAddress(
                format: file.version.package.format, package: file.version.package.name,
                version: file.version.name, path: file.file.path)
            try await database.withStore { two in
                for number in 0..<50 {
                    let isThere = number % 2 == 0
                    for store in [one, two, one, two] {
                        let found = try await store.findFile(address, inProject: projectID)
                        #expect(found?.file.id == (isThere ? file.file.id : nil))
                    }
                    try await (number % 4 < 2 ? one : two).write { tx in
                        _ =
                            isThere
                            ? try tx.trashFile(file.file.id, at: Sample.now)
                            : try tx.restoreFile(file.file.id)
                    }
                }
            }
            #expect(try await one.findFile(address, inProject: projectID + 1) == nil)
        }
    }

    @Test(
        "A blob that a file or a lease names cannot be deleted (I3)",
        arguments: DatabaseKind.allCases)
    func restrict(_ kind: DatabaseKind) async throws {
        try await kind.makeDatabase().withEngine { engine in
            let store = SQLMetadataStore(engine: engine)
            let file = try await store.write { tx in
                _ = try tx.upsertBlob(Sample.blob(2), at: Sample.now)
                _ = try tx.upsertBlob(Sample.blob(3), at: Sample.now)
                let file = try tx.insertSampleFile(tx.insertSample("web"), blob: 1)
                _ = try tx.trashVersion(file.version.id, at: Sample.now)
                return file
            }
            try await engine.write { session in
                try session.execute(
                    """
                    INSERT INTO blob_leases (digest, package_id, expires_at)
                    VALUES (\(Sample.digest(2).description), \(file.file.packageID), 0)
                    """)
            }
            for (number, kind) in [
                (1, DatabaseError.Kind.foreignKeyViolation), (2, .foreignKeyViolation),
            ] {
                let error = await #expect(throws: DatabaseError.self) {
                    try await engine.write { session in
                        try session.execute(
                            "DELETE FROM blobs WHERE digest = \(Sample.digest(number).description)")
                    }
                }
                #expect(error?.kind == kind)
            }
            let count = try await engine.write { session in
                try session.execute(
                    "DELETE FROM blobs WHERE digest = \(Sample.digest(3).description)")
            }
            #expect(count == 1)
        }
    }

    @Test("A review moves back and never forward", arguments: DatabaseKind.allCases)
    func reviews(_ kind: DatabaseKind) async throws {
        try await kind.makeDatabase().withEngine { engine in
            let store = SQLMetadataStore(engine: engine)
            for seconds in [10, 5, 20, 15] as [Int64] {
                try await store.write { tx in
                    try tx.upsertReview(
                        .version(7), event: "e\(seconds)",
                        after: Timestamp(seconds: seconds))
                }
            }
            let rows = try await engine.read { session in
                try session.query("SELECT subject_kind, subject, event, review_after FROM reviews")
            }
            #expect(
                rows.map(\.values) == [
                    [.text("version"), .text("7"), .text("e15"), .integer(20_000_000)]
                ])
        }
    }

    @Test(
        "A wish that comes while somebody looks is not lost, whatever its moment",
        arguments: DatabaseKind.allCases)
    func wishesMeanwhile(_ kind: DatabaseKind) async throws {
        try await kind.makeDatabase().withEngine { engine in
            let store = SQLMetadataStore(engine: engine)
            let subject = ReviewSubject.version(7)
            let (due, now) = (Sample.now.advanced(bySeconds: -5), Sample.now)
            for seconds in [-10, -5, 0, 5] as [Int64] {
                for isPostponed in [false, true] {
                    let claimed = try await store.write { tx in
                        try tx.upsertReview(subject, event: "first", after: due)
                        return try tx.claimReviews(
                            limit: 1, at: now, until: now.advanced(bySeconds: 60))
                    }
                    let review = try #require(claimed.first)
                    try await store.write { tx in
                        // By a replica whose clock may be behind.
                        try tx.upsertReview(
                            subject, event: "again", after: now.advanced(bySeconds: seconds))
                        if isPostponed {
                            try tx.postponeReview(
                                review, until: now.advanced(bySeconds: 1000), failure: nil)
                        } else {
                            try tx.finishReviews([review])
                        }
                    }
                    let later = now.advanced(bySeconds: 6)
                    let again = try await store.write { tx in
                        try tx.claimReviews(
                            limit: 1, at: later, until: later.advanced(bySeconds: 60))
                    }
                    #expect(again.map(\.event) == ["again"], "\(seconds) \(isPostponed)")
                    try await store.write { tx in
                        try tx.finishReviews(again)
                    }
                    let left = try await engine.read { try $0.query("SELECT 1 FROM reviews") }
                    #expect(left.isEmpty)
                }
            }
        }
    }

    @Test("Lost bytes are unlinked when their key is replaced", arguments: DatabaseKind.allCases)
    func unlinks(_ kind: DatabaseKind) async throws {
        try await kind.makeDatabase().withEngine { engine in
            let store = SQLMetadataStore(engine: engine)
            let blob = Sample.blob(1)
            let isReplaced = try await store.write { tx in
                _ = try tx.upsertBlob(blob, at: Sample.now)
                return try tx.replaceBlobKey(
                    blob.digest, old: blob.key, new: StorageKey(stored: "new"))
            }
            #expect(isReplaced)
            let rows = try await engine.read { try $0.query("SELECT storage_key FROM unlinks") }
            #expect(rows.map(\.values) == [[.text(blob.key.description)]])
        }
    }

    @Test("No project is left in a removed group", arguments: DatabaseKind.allCases)
    func removalRace(_ kind: DatabaseKind) async throws {
        try await kind.makeDatabase().withStore { store in
            for round in 0..<10 {
                let group = try await store.write { tx in
                    let group = try tx.insertSample("g\(round)", .group)
                    try tx.insertSample("g\(round)/sub", .group)
                    return group
                }
                try await withThrowingTaskGroup { tasks in
                    for number in 0..<4 {
                        tasks.addTask {
                            do throws(RegistryError) {
                                try await store.write { tx in
                                    guard try tx.findNamespace(.path("g\(round)/sub", nil)) != nil
                                    else { return }
                                    try tx.insertSample("g\(round)/sub/p\(number)")
                                }
                            } catch {
                                #expect(error.code == .notFound)
                            }
                        }
                    }
                    tasks.addTask {
                        let isRemoved = try await store.write {
                            try $0.removeNamespace(group.id, at: Sample.now)
                        }
                        #expect(isRemoved)
                    }
                    try await tasks.waitForAll()
                }
                let left = try await store.read { tx in
                    try tx.listNamespaces(
                        NamespaceFilter(kinds: [.project, .group], visibleTo: .everything),
                        page: PageRequest())
                }
                #expect(left.rows.map(\.path.description) == [])
            }
        }
    }

    @Test(
        "A call of a publish that fails undoes all or nothing, whichever it is",
        arguments: DatabaseKind.allCases, FaultyEngine.Moment.allCases)
    func faults(_ kind: DatabaseKind, _ moment: FaultyEngine.Moment) async throws {
        try await kind.makeDatabase().withEngine { engine in
            let project = try await SQLMetadataStore(engine: engine)
                .write { try $0.insertSample("web") }
            var failingCall = 1
            while true {
                let faulty = FaultyEngine(engine, failingCall: failingCall, moment)
                let version = "\(failingCall)"
                var failure: RegistryError?
                do throws(RegistryError) {
                    _ = try await SQLMetadataStore(engine: faulty).write { tx in
                        try tx.insertSampleFile(project, version: version)
                    }
                } catch {
                    failure = error
                }
                let address = FileAddress(
                    format: Sample.format, package: "tool", version: version, path: "tool.tar")
                let found = try await SQLMetadataStore(engine: engine).read { tx in
                    (
                        try tx.findFiles(
                            address, in: .project(project.id), readableBy: .everything, limit: 1
                        ).count,
                        try tx.findVersions(
                            format: address.format, package: "tool", version: version,
                            in: .instance, readableBy: .everything, limit: 1
                        ).count
                    )
                }
                #expect(found.0 == found.1)
                guard faulty.hasFailed else {
                    #expect(failure == nil && found == (1, 1))
                    break
                }
                #expect(failure?.code == .unavailable)
                #expect(failure?.retryAfterSeconds == SQLMetadataStore.retryAfterSeconds)
                if moment == .before { #expect(found == (0, 0)) }
                failingCall += 1
            }
            #expect(failingCall > 5)
        }
    }

    @Test("A database that is not there is unavailable, with a time to come back")
    func unavailable() async throws {
        let store = SQLMetadataStore(engine: PostgresEngine(url: "postgres://127.0.0.1:1/none"))
        let error = await #expect(throws: RegistryError.self) {
            _ = try await store.read { try $0.findAdministrationEpoch() }
        }
        #expect(error?.code == .unavailable)
        #expect(error?.retryAfterSeconds == SQLMetadataStore.retryAfterSeconds)
        await store.close()
    }
}

/// An engine in front of another that shows every step to an observer.
private struct ObservedEngine: SQLEngine {
    let base: any SQLEngine
    let observer: any SQLObserver

    var dialect: SQLDialect { base.dialect }

    func read<Value: Sendable>(
        observer: (any SQLObserver)?,
        _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        try await base.read(observer: self.observer, body)
    }

    func write<Value: Sendable>(
        observer: (any SQLObserver)?,
        _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        try await base.write(observer: self.observer, body)
    }

    func close() async {
        await base.close()
    }
}

/// Remembers the text of every statement that succeeded.
private final class Recorder: SQLObserver {
    private let seen = SendableBox<Set<String>>([])

    var texts: Set<String> { seen.withValue { $0 } }

    func willRun(_ step: SQLStep) {}

    func didRun(_ step: SQLStep) {
        if case .statement(let text) = step { seen.withValue { _ = $0.insert(text) } }
    }
}
