import Database
import MetadataStorage
import Registry
import TestSupport
import Testing

@Suite("Rows that contradict each other")
struct VerificationStatementTests {
    private static let limit = 10

    private func problems(
        _ store: SQLMetadataStore
    ) async throws -> [RowProblem.Kind: [RowProblem]] {
        try await store.read { tx in
            var found: [RowProblem.Kind: [RowProblem]] = [:]
            for kind in RowProblem.Kind.allCases {
                let problems = try tx.listRowProblems(kind, limit: Self.limit)
                if !problems.isEmpty { found[kind] = problems }
            }
            return found
        }
    }

    @Test("Each is found, and put right where there is a way", arguments: DatabaseKind.allCases)
    func rows(_ kind: DatabaseKind) async throws {
        try await kind.makeDatabase().withEngine { engine in
            let store = SQLMetadataStore(engine: engine)
            let (one, other, blob) = try await store.write { tx in
                let project = try tx.insertSample("web")
                let one = try tx.insertSampleFile(project, package: "one", blob: 1)
                let other = try tx.insertSampleFile(project, package: "other", blob: 2)
                try tx.setTag("latest", version: one.version, at: Sample.now)
                try tx.insertLinks([VersionLink(.child, target: "x")], versionID: one.version.id)
                // Nothing names it, and somebody will look.
                let blob = Sample.blob(3)
                _ = try tx.upsertBlob(blob, at: Sample.now)
                try tx.upsertReview(.blob(blob.digest), event: "test", after: Sample.now)
                return (one, other, blob)
            }
            #expect(try await problems(store).isEmpty)
            _ = try await engine.write { session in
                let otherID = other.version.package.id
                try session.execute(
                    "UPDATE files SET package_id = \(otherID) WHERE id = \(one.file.id)")
                try session.execute("UPDATE tags SET package_id = \(otherID)")
                try session.execute("UPDATE version_links SET kind = 'cousin'")
                try session.execute("DELETE FROM reviews")
                try session.execute(
                    """
                    INSERT INTO unlinks (storage_key, attempts, created_at)
                    VALUES (\(blob.key.description), 0, 0), ('other', 0, 0)
                    """)
                try session.execute(
                    """
                    INSERT INTO uploads (
                        id, project_id, format, package_name, creator, byte_offset, state,
                        created_at, updated_at, expires_at)
                    SELECT 'u1', project_id, 'oci', 'api', '', 0, \([UInt8]()), 0, 0, 0
                    FROM packages WHERE id = \(otherID)
                    """)
                try session.execute(
                    "UPDATE versions SET lifetime = 'referenced' WHERE package_id = \(otherID)")
            }
            let found = try await problems(store)
            #expect(Set(found.keys) == Set(RowProblem.Kind.allCases))
            #expect(found.values.allSatisfy { $0.count == 1 })
            #expect(
                found[.fileOfOtherPackage]?.first?.subject == "web generic one 1.0 tool.tar")
            #expect(found[.tagOfOtherPackage]?.first?.subject == "web generic one 1.0 tag latest")
            #expect(found[.linkOfUnknownKind]?.first?.subject == "web generic one 1.0 link cousin")
            #expect(found[.unlinkOfNamedKey]?.first?.id == blob.key.description)
            #expect(found[.unreviewedBlob]?.first?.id == blob.digest.description)
            #expect(found[.unreviewedVersion]?.first?.id == String(other.version.id))
            #expect(found[.unreviewedUpload]?.first?.id == "u1")
            for problem in found.values.flatMap(\.self) {
                let isCorrected = try await store.write { tx in
                    try tx.correctRow(problem, at: Sample.now)
                }
                #expect(isCorrected == problem.kind.isCorrectable, "\(problem)")
            }
            #expect(
                Set(try await problems(store).keys)
                    == [.fileOfOtherPackage, .tagOfOtherPackage, .linkOfUnknownKind])
            let unlinks = try await engine.read { try $0.query("SELECT storage_key FROM unlinks") }
            #expect(unlinks.map(\.values) == [[.text("other")]])
        }
    }

    @Test("What keeps a version needs no review", arguments: DatabaseKind.allCases)
    func keptVersions(_ kind: DatabaseKind) async throws {
        try await kind.makeDatabase().withEngine { engine in
            let store = SQLMetadataStore(engine: engine)
            try await store.write { tx in
                let project = try tx.insertSample("web")
                for (number, name) in ["tagged", "part", "index", "note"].enumerated() {
                    _ = try tx.insertSampleFile(project, version: name, blob: number + 1)
                }
            }
            let ids = try await engine.write { session in
                try session.execute("UPDATE versions SET lifetime = 'referenced'")
                return try session.query("SELECT name, id FROM versions ORDER BY id").map { row in
                    var row = row
                    return (try row.text(), try row.integer())
                }
            }
            let numbers = Dictionary(uniqueKeysWithValues: ids)
            try await store.write { tx in
                guard let tagged = numbers["tagged"], let index = numbers["index"],
                    let note = numbers["note"], let version = try tx.findVersion(tagged)
                else { return }
                try tx.setTag("latest", version: version, at: Sample.now)
                try tx.insertLinks([VersionLink(.child, target: "part")], versionID: index)
                try tx.insertLinks([VersionLink(.subject, target: "index")], versionID: note)
            }
            let found = try await problems(store)
            #expect(found[.unreviewedVersion]?.map(\.id) == numbers["index"].map { [String($0)] })
        }
    }

    @Test("Sizes of packages are counted as they are kept", arguments: DatabaseKind.allCases)
    func sizes(_ kind: DatabaseKind) async throws {
        try await kind.makeDatabase().withEngine { engine in
            let store = SQLMetadataStore(engine: engine)
            let (file, projectID) = try await store.write { tx in
                let project = try tx.insertSample("web")
                let file = try tx.insertSampleFile(project, blob: 5)
                _ = try tx.insertSampleFile(project, path: "again", blob: 5)
                _ = try tx.insertSampleFile(project, version: "2.0", blob: 7)
                _ = try tx.insertSampleFile(project, package: "box", blob: 5)
                return (file, project.id)
            }
            func sizes() async throws -> [PackageSize] {
                try await store.read { tx in
                    try tx.listPackageSizes(after: 0, inProject: projectID, limit: 10)
                }
            }
            #expect(try await sizes().map(\.actual) == [12, 5])
            #expect(try await sizes().map(\.recorded) == [12, 5])
            #expect(try await sizes().map(\.address).first == "web/-/generic/tool")
            let id = file.version.package.id
            #expect(try await store.write { try $0.trashVersion(file.version.id, at: Sample.now) })
            #expect(try await sizes().map(\.actual) == [7, 5])
            #expect(try await !store.write { try $0.correctPackageSize(id) })
            _ = try await engine.write { try $0.execute("UPDATE packages SET size_bytes = 1") }
            #expect(try await store.write { try $0.correctPackageSize(id) })
            #expect(try await sizes().map(\.recorded) == [7, 1])
            let other = try await store.read { tx in
                try tx.listPackageSizes(after: id, inProject: nil, limit: 10)
            }
            #expect(other.map(\.packageID).allSatisfy { $0 > id } && other.count == 1)
        }
    }
}
