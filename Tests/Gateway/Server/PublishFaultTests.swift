import BlobStorage
import Database
import GenericFormat
import HTTPTypes
import MetadataStorage
import NIOPosix
import Registry
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Fails every single call that one publish makes, in turn: the client sees success or an error, and
/// what it was told is stored is stored.
@Suite struct PublishFaultTests {
    private static let target = "/root/bench/-/generic/tool/1.0/file"
    private static let content = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

    /// The parts that survive a fault: a database and a folder.
    private struct Site {
        let engine: any SQLEngine
        let folder: TemporaryFolder

        func gateway(
            engine faulty: (any SQLEngine)? = nil,
            operations: any FileOperations = POSIXFileOperations()
        ) async throws -> TestGateway {
            let store = SQLMetadataStore(engine: faulty ?? engine)
            let blobs = try FileBlobStore(
                root: folder.path("blobs"), threadPool: .singleton, operations: operations)
            return await TestGateway.assemble(
                formats: [GenericFormat()],
                services: RegistryServices(metadata: store, blobs: blobs),
                store: SQLMetadataStore(engine: engine), blobFolder: folder.path("blobs"))
        }
    }

    private func withSite(
        _ kind: DatabaseKind, _ body: (Site) async throws -> Void
    ) async throws {
        let database = try await kind.makeDatabase()
        try await database.withEngine { engine in
            let site = Site(engine: engine, folder: try TemporaryFolder())
            if kind == .sqlite { _ = try await SQLMetadataStore(engine: engine).migrate() }
            let gateway = try await site.gateway()
            try await gateway.insertRoot()
            let created = try await gateway.send(
                .post, "/api/v4/projects", token: gateway.rootToken, json: ["name": "bench"])
            try #require(created.status == .created, "\(created.text)")
            try await body(site)
        }
    }

    /// What must be true whatever happened: an acknowledged file is served, one that was not
    /// acknowledged is there completely or not at all, and the client's next attempt succeeds.
    private func verify(_ answer: TestResponse, _ site: Site, _ what: String) async throws {
        let healthy = try await site.gateway()
        let token = healthy.rootToken
        let found = try await healthy.send(.get, Self.target, token: token)
        if answer.status.kind == .successful {
            #expect(found.status == .ok, "\(what): acknowledged and lost")
        } else {
            #expect(answer.status.code >= 500, "\(what): \(answer.status) \(answer.text)")
            #expect(found.status == .ok || found.status == .notFound, "\(what)")
        }
        if found.status == .ok { #expect(found.body == Self.content, "\(what): other bytes") }
        let again = try await healthy.send(.put, Self.target, token: token, body: Self.content)
        #expect(again.status.kind == .successful, "\(what): the retry got \(again.text)")
        let served = try await healthy.send(.get, Self.target, token: token)
        #expect(served.status == .ok && served.body == Self.content, "\(what): after the retry")
        try await healthy.store.write { tx in
            // The next round begins without the file and without its version.
            let versions = try tx.listVersions(
                VersionFilter(), in: .instance, readableBy: .everything, page: PageRequest())
            for version in versions.rows {
                _ = try tx.trashVersion(version.id, at: SystemClock().now())
            }
            for project in try tx.listNamespaces(
                NamespaceFilter(kinds: [.project], visibleTo: .everything), page: PageRequest()
            ).rows {
                var settings = project.settings
                settings.reservesDeletedNames = false
                _ = try tx.updateNamespace(project.id, NamespaceChange(settings: settings))
            }
        }
    }

    @Test(arguments: DatabaseKind.allCases, FaultyEngine.Moment.allCases)
    func everyDatabaseCall(kind: DatabaseKind, moment: FaultyEngine.Moment) async throws {
        try await withSite(kind) { site in
            var call = 0
            while true {
                call += 1
                let faulty = FaultyEngine(site.engine, failingCall: call, moment)
                let gateway = try await site.gateway(engine: faulty)
                let answer = try await gateway.send(
                    .put, Self.target, token: gateway.rootToken, body: Self.content)
                guard faulty.hasFailed else {
                    #expect(answer.status == .created, "\(answer.text)")
                    break
                }
                if answer.status.kind != .successful {
                    #expect(answer.status == .serviceUnavailable, "call \(call): \(answer.text)")
                    #expect(answer.headers[.retryAfter] != nil)
                    #expect(answer.headers[.contentType] == "application/json")
                }
                try await verify(answer, site, "\(kind) \(moment) call \(call)")
            }
            #expect(call > 8, "a publish makes more calls than \(call)")
        }
    }

    @Test(arguments: DatabaseKind.allCases, [EIO, ENOSPC])
    func everyFileCall(kind: DatabaseKind, errno: CInt) async throws {
        try await withSite(kind) { site in
            var call = 0
            while true {
                call += 1
                let operations = FaultyFileOperations()
                let gateway = try await site.gateway(operations: operations)
                operations.plan(.call(call, errno: errno))
                let answer = try await gateway.send(
                    .put, Self.target, token: gateway.rootToken, body: Self.content)
                guard operations.hasFailed else {
                    #expect(answer.status == .created, "\(answer.text)")
                    break
                }
                if errno == ENOSPC, answer.status.kind != .successful {
                    #expect(answer.status.code == 507, "call \(call): \(answer.text)")
                }
                try await verify(answer, site, "\(kind) errno \(errno) call \(call)")
            }
            #expect(call > 4, "a publish makes more calls than \(call)")
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func aLostBlobIsHealedByPublishingItAgain(kind: DatabaseKind) async throws {
        try await withSite(kind) { site in
            let gateway = try await site.gateway()
            let token = gateway.rootToken
            func put() async throws -> TestResponse {
                try await gateway.send(.put, Self.target, token: token, body: Self.content)
            }
            #expect(try await put().status == .created)
            let sha256 = try await gateway.store.read { tx in
                try tx.findFiles(
                    FileAddress(
                        format: "generic", package: "tool", version: "1.0", path: "file"),
                    in: .instance, readableBy: .everything, limit: 1
                ).first?.file
            }
            let file = try #require(sha256)
            for damage in [true, false] {
                let key = try await gateway.store.write { tx in
                    try tx.findBlobKey(file.digests.sha256)
                }
                let path = site.folder.path("blobs/blobs/\(try #require(key))")
                if damage {
                    #expect(truncate(path, 5) == 0)
                } else {
                    #expect(unlink(path) == 0)
                }
                let lost = try await gateway.send(.head, Self.target, token: token)
                #expect(lost.status == .notFound)
                #expect(try await put().status.kind == .successful)
                let healed = try await gateway.send(.get, Self.target, token: token)
                #expect(healed.body == Self.content)
            }
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func whatIsDeletedOrReplacedIsReviewed(kind: DatabaseKind) async throws {
        try await withSite(kind) { site in
            let gateway = try await site.gateway()
            let token = gateway.rootToken
            func reviews() async throws -> [String] {
                try await site.engine.read { session in
                    try session.query(
                        """
                        SELECT subject_kind, subject, event FROM reviews
                        ORDER BY subject_kind, subject
                        """
                    ).map { row in
                        var row = row
                        return "\(try row.text()) \(try row.text()) \(try row.text())"
                    }
                }
            }
            for version in ["1.0", "2.0", "3.0"] {
                let stored = try await gateway.send(
                    .put, "/root/bench/-/generic/tool/\(version)/file", token: token,
                    body: Array(version.utf8))
                #expect(stored.status == .created)
            }
            #expect(try await reviews() == [], "what is published is no garbage")
            let ids = try await gateway.store.read { tx in
                try tx.listVersions(
                    VersionFilter(order: .version), in: .instance, readableBy: .everything,
                    page: PageRequest()
                ).rows.map(\.id)
            }
            let project = try #require(
                try await gateway.send(.get, "/api/v4/projects/root%2Fbench", token: token)
                    .object()["id"] as? Int)
            let deletions: [String] = [
                "/root/bench/-/generic/tool/1.0/file", "/root/bench/-/generic/tool/2.0",
                "/api/v4/projects/\(project)/packages/\(ids[2])",
            ]
            for target in deletions {
                #expect(
                    try await gateway.send(.delete, target, token: token).status == .noContent)
            }
            #expect(
                try await reviews() == [
                    "version \(ids[0]) file.trashed", "version \(ids[1]) version.trashed",
                    "version \(ids[2]) version.trashed",
                ])
        }
    }
}
