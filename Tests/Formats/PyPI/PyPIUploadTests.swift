import FormatKit
import HTTPTypes
import PyPIFormat
import Registry
import TestSupport
import Testing

@Suite("Uploads to the PyPI format")
struct PyPIUploadTests {
    @Test(arguments: DatabaseKind.allCases)
    func whatIsUploadedIsInstalled(_ kind: DatabaseKind) async throws {
        try await PyPIBench.run(on: kind) { bench in
            var wheel = TestDistribution("Foo.Bar_baz", "1.0")
            wheel.more = "Requires-Python: >=3.8\nSummary: A tool\n\nRead me.\n"
            let stored = try await bench.upload(wheel)
            #expect(stored.status == 201, "\(stored.text)")
            #expect(stored.text == "published Foo_Bar_baz-1.0-py3-none-any.whl\n")
            #expect(stored.header("Packhouse-Stage") == "beta")
            let sdist = TestDistribution("Foo.Bar_baz", "1.0", isWheel: false)
            #expect(try await bench.upload(sdist).status == 201)

            for mount in ["/acme/web/-/pypi", "/acme/-/pypi", "/-/pypi"] {
                let files = try await bench.files(of: "foo-bar-baz", at: mount)
                #expect(files.keys.sorted() == [sdist.filename, wheel.filename].sorted())
                let file = try #require(files[wheel.filename])
                let hashes = try #require(file["hashes"] as? [String: String])
                #expect(hashes["sha256"] == wheel.digests.sha256.hex)
                #expect(hashes["md5"] == wheel.digests.md5)
                #expect(file["requires-python"] as? String == ">=3.8")
                #expect(file["size"] as? Int == wheel.bytes.count)
                let url = try #require(file["url"] as? String)
                #expect(url.hasPrefix("../../files/"))
                let address = String(url.dropFirst(5))
                let got = try await bench.send(.get, address, at: mount)
                #expect(got.status == 200)
                #expect(got.body == wheel.bytes)
                #expect(got.header("Cache-Control")?.contains("immutable") == true)
                // P-1, P-2: what is advertised is served, with its own digest.
                let metadata = try await bench.send(.get, address + ".metadata", at: mount)
                #expect(metadata.text == wheel.metadata)
                #expect(
                    (file["core-metadata"] as? [String: String])
                        == ["sha256": wheel.metadataDigest])
                // A source distribution of old may be built into something else.
                #expect(files[sdist.filename]?["core-metadata"] == nil)
                let other = try await bench.send(
                    .get, "/files/\(sdist.digests.sha256.hex)/\(sdist.filename).metadata",
                    at: mount)
                #expect(other.text == sdist.metadata)
            }
        }
    }

    @Test func versionsHaveOneSpelling() async throws {
        try await PyPIBench.run { bench in
            try await bench.upload(TestDistribution("tool", "1.0rc1"))
            var local = TestDistribution("tool", "1.0+Local.1")
            local.customFilename = "tool-1.0+local.1-py3-none-any.whl"
            // The folder of its metadata has the spelling that the file's name has not.
            #expect(try await bench.upload(local).status == 201)
            var sdist = TestDistribution("tool", "1.0-RC1", isWheel: false)
            sdist.metadataVersion = "2.4"
            #expect(try await bench.upload(sdist).status == 201)
            let page = try await bench.page(of: "tool")
            #expect(page["versions"] as? [String] == ["1.0rc1", "1.0+local.1"])
            let files = try await bench.files(of: "tool")
            let url = try #require(files[local.filename]?["url"] as? String)
            #expect(url.hasSuffix("/tool-1.0%2Blocal.1-py3-none-any.whl"))
            #expect(try await bench.send(.get, String(url.dropFirst(5))).body == local.bytes)
            #expect(files[sdist.filename]?["core-metadata"] != nil)
        }
    }

    /// P-9, P-14: the same again is a success, and something else is refused in words that tools know.
    @Test(arguments: DatabaseKind.allCases)
    func theSameAgain(_ kind: DatabaseKind) async throws {
        try await PyPIBench.run(on: kind) { bench in
            let wheel = TestDistribution()
            #expect(try await bench.upload(wheel).status == 201)
            let before = try await bench.send(.get, "/simple/tool/").text
            for fieldsFirst in [true, false] {
                let again = try await bench.upload(wheel, fieldsFirst: fieldsFirst)
                #expect(again.status == 200)
                #expect(again.text.contains("same bytes"))
            }
            #expect(try await bench.send(.get, "/simple/tool/").text == before)
            var other = wheel
            other.content = "x = 2\n"
            for fieldsFirst in [true, false] {
                let refused = try await bench.upload(other, fieldsFirst: fieldsFirst)
                #expect(refused.status.code == 409)
                #expect(refused.status.reasonPhrase.hasPrefix("File already exists"))
                #expect(refused.text.hasPrefix("409 File already exists"))
                #expect(refused.text.contains("'acme/web' does not allow replacing"))
            }
            let forUV = try await bench.upload(other, accept: "application/json;q=0.9, text/plain")
            #expect(forUV.header("Content-Type") == "application/json")
            let code = try forUV.object()["code"] as? String
            #expect(code?.hasPrefix("409 File already exists") == true)
            let files = try await bench.files(of: "tool")
            #expect(
                (files[wheel.filename]?["hashes"] as? [String: String])?["sha256"]
                    == wheel.digests.sha256.hex)
        }
    }

    @Test func otherBytesReplaceWhereTheProjectAllows() async throws {
        let settings = NamespaceSettings(allowsReplacing: ["pypi": true])
        try await PyPIBench.run(settings: settings) { bench in
            var wheel = TestDistribution()
            #expect(try await bench.upload(wheel).status == 201)
            wheel.more = "Requires-Python: >=3.9\n"
            #expect(try await bench.upload(wheel).status == 201)
            let file = try #require(try await bench.files(of: "tool")[wheel.filename])
            #expect(file["requires-python"] as? String == ">=3.9")
            #expect(
                (file["core-metadata"] as? [String: String]) == ["sha256": wheel.metadataDigest])
        }
    }

    /// What was served beside a deleted file is not served beside another one of its name.
    @Test(arguments: [true, false])
    func aDeletedFileTakesItsSidecarsAlong(_ isReplaced: Bool) async throws {
        let settings = NamespaceSettings(allowsReplacing: isReplaced ? ["pypi": true] : [:])
        try await PyPIBench.run(settings: settings) { bench in
            var wheel = TestDistribution()
            let attestation = AttestationTests.attestation(
                name: wheel.filename, sha256: wheel.digests.sha256.hex)
            try await bench.upload(wheel, [("attestations", "[\(attestation)]")])
            if !isReplaced {
                let address = FileAddress(
                    format: PyPIFormat.id, package: "tool", version: "1.0", path: wheel.filename)
                #expect(try await bench.scope.trashFile(address, ifMatches: nil))
            }
            wheel.more = "Requires-Python: >=3.12\n"
            let stored = try await bench.upload(wheel)
            #expect(stored.status == 201, "\(stored.text)")
            let file = try #require(try await bench.files(of: "tool")[wheel.filename])
            #expect(file["provenance"] is String == false)
            #expect(
                (file["core-metadata"] as? [String: String]) == ["sha256": wheel.metadataDigest])
            let metadata = try await bench.send(
                .get, "/files/\(wheel.digests.sha256.hex)/\(wheel.filename).metadata")
            #expect(metadata.text == wheel.metadata)
        }
    }

    @Test(arguments: [
        ("sha256_digest", String(repeating: "0", count: 64), "the sha256 of the content is"),
        ("md5_digest", String(repeating: "0", count: 32), "the md5 of the content is"),
        ("blake2_256_digest", String(repeating: "0", count: 64), "the blake2_256 of the content"),
        ("sha256_digest", "xyz", "is not a digest in hexadecimal"),
        ("md5_digest", "xyz", "is not a digest in hexadecimal"),
        ("name", "other", "'other'"),
        ("name", "-", "a project's name has"),
        ("version", "2.0", "version"),
        ("version", "two", "'two' is not a version"),
        ("filetype", "sdist", "its name says it is a 'bdist_wheel'"),
        ("filetype", "bdist_egg", "its name says it is a 'bdist_wheel'"),
        (":action", "submit", "a project needs no registration"),
        (":action", "doc_upload", "the action 'doc_upload' is not known"),
        ("attestations", "nonsense", "the attestations are refused"),
    ])
    func refusesAField(_ name: String, _ value: String, _ words: String) async throws {
        try await PyPIBench.run { bench in
            let wheel = TestDistribution()
            let fields = wheel.fields.filter { $0.0 != name } + [(name, value)]
            for fieldsFirst in [true, false] {
                let refused = try await bench.upload(
                    wheel, fields: fields, fieldsFirst: fieldsFirst)
                #expect([400, 422].contains(refused.status.code))
                #expect(refused.text.contains(words), "\(refused.text)")
                #expect(refused.text.contains(refused.status.reasonPhrase))
            }
            #expect(try await bench.send(.get, "/simple/tool/").status == 404)
            try await expectNoBlobs(bench)
        }
    }

    /// The bytes of what was refused do not stay behind.
    private func expectNoBlobs(_ bench: PyPIBench) async throws {
        #expect(try await bench.blobCount() == 0)
    }

    @Test(arguments: [
        (TestDistribution("tool", "1.0"), "tool-1.0-py3-none-any.exe", "ends in .whl"),
        (TestDistribution("tool", "1.0"), "other-1.0-py3-none-any.whl", "the project's name"),
        (TestDistribution("tool", "1.0"), "tool-2.0-py3-none-any.whl", "has the version behind"),
        (TestDistribution("tool", "1.0", isWheel: false), "other-1.0.tar.gz", "is the project's"),
        (TestDistribution("tool", "1.0", isWheel: false), "tool-2.0.tar.gz", "is the project's"),
        (TestDistribution("tool", "1.0", isWheel: false), "tool-1.0.zip", "is no ZIP file"),
        (TestDistribution("tool", "1.0"), "tool-1.0.tar.gz", "cannot be unpacked"),
        (TestDistribution("tool", "1.0"), "../tool-1.0-py3-none-any.whl", "has 1 to 255"),
    ])
    func refusesAFilename(
        _ file: TestDistribution, _ filename: String, _ words: String
    ) async throws {
        try await PyPIBench.run { bench in
            let fields = file.fields.filter { $0.0 != "filetype" }
            let refused = try await bench.upload(file, fields: fields, filename: filename)
            #expect(refused.status.code == 400)
            #expect(refused.text.contains(words), "\(refused.text)")
            try await expectNoBlobs(bench)
        }
    }

    @Test func refusesWhatIsNoDistribution() async throws {
        try await PyPIBench.run { bench in
            func refusal(_ name: String, _ bytes: [UInt8]) async throws -> String {
                let form = TestForm(fields: [], file: (name, bytes), fieldsFirst: true)
                let answer = try await bench.send(
                    .post, "/", [("Content-Type", TestForm.contentType)], body: form.bytes)
                #expect(answer.status.code == 400)
                return answer.text
            }
            let wheel = "tool-1.0-py3-none-any.whl"
            let info = "tool-1.0.dist-info/METADATA"
            #expect(
                try await refusal(wheel, ZipBuilder(["tool.py": ""]).build())
                    .contains("it has no name-version.dist-info/METADATA"))
            #expect(
                try await refusal(
                    wheel,
                    ZipBuilder([info: "Name: tool\n", "b-2.dist-info/METADATA": ""]).build()
                ).contains("more than one"))
            #expect(
                try await refusal(wheel, ZipBuilder([info: "Name: tool\n"]).build())
                    .contains("does not say Metadata-Version, Name and Version"))
            var bomb = ZipBuilder([info: TestDistribution().metadata])
            bomb.suffix = Array("more".utf8)
            #expect(try await refusal(wheel, bomb.build()).contains("something follows its end"))
            #expect(
                try await refusal(
                    "tool-1.0.tar.gz",
                    TarBuilder([
                        TarBuilder.Entry("tool-1.0/PKG-INFO", type: "2")
                    ]).buildGzip()
                ).contains("a link"))
            #expect(try await refusal(wheel, []).contains("no ZIP file"))
            // Where the form does not say what it is, the file itself has to fit its name.
            #expect(
                try await refusal("other-1.0-py3-none-any.whl", TestDistribution().bytes)
                    .contains("and not in 'other-1.0"))
            #expect(
                try await refusal("tool-2.0-py3-none-any.whl", TestDistribution().bytes)
                    .contains("and not in 'tool-2.0"))
            try await expectNoBlobs(bench)
        }
    }

    @Test func refusesWhatIsNoForm() async throws {
        try await PyPIBench.run { bench in
            let wheel = TestDistribution()
            let json = try await bench.send(
                .post, "/", [("Content-Type", "application/json")], body: Array("{}".utf8))
            #expect(json.status.code == 415)
            let cut = TestForm(
                fields: wheel.fields, file: (wheel.filename, wheel.bytes), fieldsFirst: true)
            let broken = try await bench.send(
                .post, "/", [("Content-Type", TestForm.contentType)],
                body: Array(cut.bytes.dropLast(40)))
            #expect(broken.status.code == 400)
            #expect(broken.text.contains("before its last boundary"))
            let bare = try await bench.send(
                .post, "/", [("Content-Type", TestForm.contentType)],
                body: TestForm(fields: wheel.fields, file: nil, fieldsFirst: true).bytes)
            #expect(bare.text.contains("has no file 'content'"))
            let twice = cut.bytes.dropLast(TestForm.boundary.utf8.count + 6) + cut.bytes
            let both = try await bench.send(
                .post, "/", [("Content-Type", TestForm.contentType)], body: Array(twice))
            #expect(both.text.contains("two files"))
            // A group can only be read, and the words help whoever took the wrong address.
            let group = try await bench.upload(wheel, at: "/acme/-/pypi")
            #expect(group.status.code == 405)
            #expect(group.text.contains("read-only"))
            let simple = try await bench.send(.post, "/simple/")
            #expect(simple.status.code == 405)
            #expect(simple.text.contains("without /simple"))
            try await expectNoBlobs(bench)
        }
    }

    /// Digests are compared in whatever place the client sends them; BLAKE2 is Python's.
    @Test(arguments: [true, false])
    func comparesEveryDigest(_ fieldsFirst: Bool) async throws {
        try await PyPIBench.run { bench in
            var file = TestDistribution("tool", "1.0", isWheel: false)
            file.content = String(repeating: "x", count: 300_000)
            let blake2 = Self.blake2(of: file.bytes)
            let urlSafe = Base64.encode(Hex.decode(file.digests.md5 ?? "") ?? [])
                .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
            let fields = file.fields.filter { $0.0 != "md5_digest" }
            let stored = try await bench.upload(
                file, fields: fields,
                [("blake2_256_digest", blake2.uppercased()), ("md5_digest", urlSafe)],
                fieldsFirst: fieldsFirst)
            #expect(stored.status == 201, "\(stored.text)")
        }
    }

    private static func blake2(of bytes: [UInt8]) -> String { TestBLAKE2.hash(bytes) }

    /// P-15.
    @Test func keepsAttestations() async throws {
        try await PyPIBench.run { bench in
            let wheel = TestDistribution()
            let attestation = AttestationTests.attestation(
                name: wheel.filename, sha256: wheel.digests.sha256.hex)
            let stored = try await bench.upload(
                wheel, [("attestations", "[\(attestation)]")])
            #expect(stored.status == 201, "\(stored.text)")
            // A signature is another one each time; that of the first time stays.
            let again = try await bench.upload(
                wheel, [("attestations", "[ \(attestation)]")])
            #expect(again.status == 200)
            for mount in ["/acme/web/-/pypi", "/api/v4/groups/acme/-/packages/pypi"] {
                let file = try #require(
                    try await bench.files(of: "tool", at: mount)[wheel.filename])
                let url = try #require(file["provenance"] as? String)
                let prefix = "http://packages.example.com\(mount)"
                #expect(
                    url == "\(prefix)/integrity/tool/1.0/tool-1.0-py3-none-any.whl/provenance")
                let got = try await bench.test.send(
                    .get, String(url.dropFirst("http://packages.example.com".count)),
                    token: bench.test.rootToken)
                #expect(got.status == 200)
                #expect(got.text.contains("\"attestations\":[\(attestation)]"))
                #expect(
                    got.header("Content-Type") == "application/vnd.pypi.integrity.v1+json")
            }
            let plain = TestDistribution("tool", "2.0")
            try await bench.upload(plain)
            let files = try await bench.files(of: "tool")
            #expect(files[plain.filename]?["provenance"] is String == false)
            let none = try await bench.send(
                .get, "/integrity/tool/2.0/\(plain.filename)/provenance")
            #expect(none.status == 404)
        }
    }

    /// Files of one release at once: all of them are there.
    @Test(arguments: DatabaseKind.allCases)
    func manyAtOnce(_ kind: DatabaseKind) async throws {
        try await PyPIBench.run(on: kind) { bench in
            try await withThrowingTaskGroup { group in
                for number in 0..<20 {
                    group.addTask {
                        var wheel = TestDistribution("tool", "1.\(number % 4)")
                        wheel.customFilename =
                            "tool-\(wheel.version)-\(number)-py3-none-any.whl"
                        let stored = try await bench.upload(wheel)
                        #expect(stored.status == 201, "\(stored.text)")
                    }
                }
                try await group.waitForAll()
            }
            let page = try await bench.page(of: "tool")
            #expect((page["files"] as? [Any])?.count == 20)
            #expect((page["versions"] as? [Any])?.count == 4)
        }
    }
}
