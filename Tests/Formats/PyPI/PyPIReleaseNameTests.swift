import HTTPTypes
import PyPIFormat
import Registry
import TestSupport
import Testing

/// `1.0` and `1.0.0` mean one release, as on PyPI; the first file decides how it is spelled.
@Suite("Releases that are spelled in several ways")
struct PyPIReleaseNameTests {
    private static func file(_ version: String, _ number: Int = 0) -> TestDistribution {
        var file = TestDistribution("tool", version)
        file.customFilename = "tool-\(version)-\(number)-py3-none-any.whl"
        return file
    }

    @Test(arguments: DatabaseKind.allCases)
    func zerosAtTheEndMakeNoOtherRelease(_ kind: DatabaseKind) async throws {
        try await PyPIBench.run(on: kind) { bench in
            for (version, number) in [("1.0", 0), ("1", 1), ("1.0.0", 2), ("1.0.0.0.0", 3)] {
                let stored = try await bench.upload(Self.file(version, number))
                #expect(stored.status == 201, "\(stored.text)")
            }
            for other in ["1.0.1", "1.0rc1", "1.0+local", "1!1.0"] {
                #expect(try await bench.upload(Self.file(other)).status == 201)
            }
            let page = try await bench.page(of: "tool")
            #expect(
                page["versions"] as? [String] == [
                    "1.0rc1", "1.0", "1.0+local", "1.0.1", "1!1.0",
                ])
            #expect((page["files"] as? [Any])?.count == 8)
            // The same again in any spelling of the version is the same again.
            var wheel = Self.file("1.0")
            func fields() -> [(String, String)] {
                wheel.fields.filter { $0.0 != "version" } + [("version", "1.0.0")]
            }
            #expect(try await bench.upload(wheel, fields: fields()).status == 200)
            wheel.content = "x = 2\n"
            for fieldsFirst in [true, false] {
                let taken = try await bench.upload(
                    wheel, fields: fields(), fieldsFirst: fieldsFirst)
                #expect(taken.status.code == 409)
            }
            for version in ["1", "1.0", "1.0.0"] {
                let answer = try await bench.send(.get, "/pypi/tool/\(version)/json")
                let info = try answer.object()["info"] as? [String: Any]
                #expect(info?["version"] as? String == "1.0")
            }
        }
    }

    @Test func attestationsAreFoundInEverySpelling() async throws {
        try await PyPIBench.run { bench in
            try await bench.upload(Self.file("2.0"))
            let wheel = Self.file("2.0.0", 1)
            let attestation = AttestationTests.attestation(
                name: wheel.filename, sha256: wheel.digests.sha256.hex)
            try await bench.upload(wheel, [("attestations", "[\(attestation)]")])
            let file = try #require(try await bench.files(of: "tool")[wheel.filename])
            let url = try #require(file["provenance"] as? String)
            #expect(url.hasSuffix("/integrity/tool/2.0/\(wheel.filename)/provenance"))
            for mount in ["/acme/web/-/pypi", "/acme/-/pypi", "/-/pypi"] {
                for version in ["2", "2.0", "2.0.0"] {
                    let got = try await bench.send(
                        .get, "/integrity/tool/\(version)/\(wheel.filename)/provenance", at: mount)
                    #expect(got.status == 200, "\(mount) \(version)")
                }
            }
            let none = try await bench.send(
                .get, "/integrity/tool/2.0.1/\(wheel.filename)/provenance")
            #expect(none.status == 404)
        }
    }

    /// Whoever is first, there is one release.
    @Test(arguments: DatabaseKind.allCases)
    func spellingsAtOnceMakeOneRelease(_ kind: DatabaseKind) async throws {
        try await PyPIBench.run(on: kind) { bench in
            try await withThrowingTaskGroup { group in
                for number in 0..<12 {
                    group.addTask {
                        let version = "3" + String(repeating: ".0", count: number % 4)
                        let stored = try await bench.upload(Self.file(version, number))
                        #expect(stored.status == 201, "\(stored.text)")
                    }
                }
                try await group.waitForAll()
            }
            let page = try await bench.page(of: "tool")
            #expect((page["files"] as? [Any])?.count == 12)
            #expect((page["versions"] as? [Any])?.count == 1)
        }
    }
}
