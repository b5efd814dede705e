import HTTPTypes
import PyPIFormat
import Registry
import TestSupport
import Testing

@Suite("What is refused before a file's bytes are stored")
struct PyPIEarlyRefusalTests {
    /// Uploads where nothing can be stored: an answer other than that says that nothing was tried.
    private func refusal(
        _ file: TestDistribution, _ fields: [(String, String)]? = nil, filename: String? = nil,
        fieldsFirst: Bool = true, as role: Role = .owner, in bench: PyPIBench
    ) async throws -> RegistryError? {
        let services = RegistryServices(
            metadata: bench.test.store, blobs: ClosedBlobStore(base: bench.test.services.blobs))
        let scope = HostedProject(
            project: bench.project,
            actor: Actor(
                principal: .user(
                    UserPrincipal(id: 1, username: "root", isAdmin: false, scopes: nil)),
                requestID: "r1", remoteAddress: "127.0.0.1"),
            role: role, services: services)
        let form = TestForm(
            fields: fields ?? file.fields, file: (filename ?? file.filename, file.bytes),
            fieldsFirst: fieldsFirst)
        let body = ScriptedBody(form.bytes, chunkBytes: 100)
        let head = try PyPIPathTests.head(.post, "/", [.contentType: TestForm.contentType])
        do throws(RegistryError) {
            _ = try await PyPIFormat().handle(
                .upload, head,
                body: RequestBody(source: body, limitBytes: PyPIFormat.uploadLimitBytes),
                in: scope)
            return nil
        } catch {
            // A client that sends before it listens has sent all of it.
            #expect(try await body.nextChunk() == nil)
            return error
        }
    }

    @Test(arguments: [
        ("filetype", "sdist", "its name says it is a 'bdist_wheel'"),
        (":action", "submit", "a project needs no registration"),
        ("name", "-", "a project's name has"),
        ("name", "other", "the name begins with the project's name, 'other'"),
        ("version", "two", "'two' is not a version"),
        ("version", "2.0", "has the version behind the name: '2.0'"),
        ("sha256_digest", "xyz", "is not a digest in hexadecimal"),
        ("blake2_256_digest", "xyz", "is not a digest in hexadecimal"),
    ])
    func fieldsThatDoNotFit(_ name: String, _ value: String, _ words: String) async throws {
        try await PyPIBench.run { bench in
            let wheel = TestDistribution()
            let fields = wheel.fields.filter { $0.0 != name } + [(name, value)]
            let error = try await refusal(wheel, fields, in: bench)
            #expect(error?.code == .malformed)
            #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
            // Behind the file they come too late for that.
            let late = try await refusal(wheel, fields, fieldsFirst: false, in: bench)
            #expect(late?.code == .unavailable)
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func whatTheProjectDoesNotTake(_ kind: DatabaseKind) async throws {
        try await PyPIBench.run(on: kind) { bench in
            let wheel = TestDistribution("Some.Tool", "1.0")
            #expect(try await bench.upload(wheel).status == 201)
            var other = wheel
            other.content = "x = 2\n"
            let taken = try await refusal(other, in: bench)
            #expect(taken?.code == .conflict && taken?.reason == "file_exists")
            #expect(taken?.message.hasPrefix("File already exists") == true)
            // In another spelling of the version it is the same file of the same release.
            var fields = other.fields.filter { $0.0 != "version" }
            fields.append(("version", "1"))
            #expect(try await refusal(other, fields, in: bench)?.reason == "file_exists")
            // What is free is stored, and these very bytes again.
            let free = TestDistribution("Some.Tool", "1.1")
            #expect(try await refusal(free, in: bench)?.code == .unavailable)
            #expect(try await refusal(wheel, in: bench)?.code == .unavailable)

            #expect(
                try await bench.scope.trashVersion(
                    format: PyPIFormat.id, package: "some-tool", version: "1.0"))
            let reserved = try await refusal(other, in: bench)
            #expect(reserved?.code == .malformed && reserved?.reason == "name_reserved")

            try await bench.upload(free)
            let archived = try await bench.send(
                .put, "/simple/some-tool/status", body: Array(#"{"status":"archived"}"#.utf8))
            #expect(archived.status == 200)
            let closed = try await refusal(TestDistribution("some_tool", "3.0"), in: bench)
            #expect(closed?.code == .forbidden && closed?.reason == "project_closed")
        }
    }

    @Test func whatARuleProtects() async throws {
        try await PyPIBench.run { bench in
            let now = bench.test.services.clock.now()
            let id = bench.project.id
            try await bench.test.store.write { tx in
                _ = try tx.insertPackageRule(
                    PackageRuleTerms(
                        pattern: try WildcardPattern("guarded-*"), format: PyPIFormat.id,
                        publish: RuleRequirement(role: .maintainer),
                        delete: RuleRequirement(role: .maintainer)),
                    projectID: id, at: now)
            }
            let wheel = TestDistribution("Guarded.Tool", "1.0")
            let refused = try await refusal(wheel, as: .developer, in: bench)
            #expect(refused?.code == .forbidden && refused?.reason == "package_protected")
            #expect(refused?.message.contains("the rule 'guarded-*'") == true)
            #expect(try await refusal(wheel, as: .maintainer, in: bench)?.code == .unavailable)
        }
    }
}

/// A store in which nothing can be stored.
private struct ClosedBlobStore: BlobStore {
    let base: any BlobStore

    func beginUpload(hashes: ExtraHashes) async throws(RegistryError) -> BlobUpload {
        throw RegistryError(.unavailable, "nothing can be stored")
    }

    func resumeUpload(
        _ uploadID: String,
        readState: @Sendable () async throws(RegistryError) -> UploadState
    ) async throws(RegistryError) -> BlobUpload {
        throw RegistryError(.unavailable, "nothing can be stored")
    }

    func discardUpload(_ uploadID: String) async throws(RegistryError) {
        try await base.discardUpload(uploadID)
    }

    func open(_ key: StorageKey) async throws(RegistryError) -> any BlobReader {
        try await base.open(key)
    }

    func size(of key: StorageKey) async throws(RegistryError) -> Int64? {
        try await base.size(of: key)
    }

    func remove(_ key: StorageKey) async throws(RegistryError) { try await base.remove(key) }

    func listEntries(
        writtenBefore moment: Timestamp,
        _ visit: @Sendable (_ page: [BlobStoreEntry]) async throws(RegistryError) -> Void
    ) async throws(RegistryError) {
        try await base.listEntries(writtenBefore: moment, visit)
    }

    func checkHealth() async throws(RegistryError) { try await base.checkHealth() }
}
