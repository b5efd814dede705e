import FormatKit
import Foundation
import HTTPTypes
import PyPIFormat
import Registry
import TestSupport
import Testing

/// What broke clients of other indexes; the rest of these rows is tested where it belongs.
@Suite("What broke clients of Python elsewhere")
struct PyPICompatibilityTests {
    /// P-1, P-2: everything that is advertised is served, with the digest that is advertised.
    @Test(arguments: ["/acme/web/-/pypi", "/acme/-/pypi", "/-/pypi", "/api/v4/packages/pypi"])
    func whatIsAdvertisedIsServed(_ mount: String) async throws {
        try await PyPIBench.run { bench in
            for isWheel in [true, false] {
                var file = TestDistribution("tool", "1.0", isWheel: isWheel)
                file.metadataVersion = "2.2"
                try await bench.upload(file)
            }
            let files = try await bench.files(of: "tool", at: mount)
            #expect(files.count == 2)
            for (name, file) in files {
                let url = try #require(file["url"] as? String)
                let hashes = try #require(file["hashes"] as? [String: String])
                let metadata = try #require(file["core-metadata"] as? [String: String])
                // pip 22.3 to 23.1 fails at the old name in JSON; in HTML both are there.
                #expect(file["dist-info-metadata"] == nil)
                let html = try await bench.send(.get, "/simple/tool/", at: mount).text
                for attribute in ["data-core-metadata", "data-dist-info-metadata"] {
                    #expect(html.contains("\(attribute)=\"sha256=\(metadata["sha256"] ?? "")\""))
                }
                for (ending, said) in [("", hashes), (".metadata", metadata)] {
                    let address = "/simple/tool/\(url)\(ending)"
                    let answer = try await bench.send(.get, Self.resolve(address), at: mount)
                    #expect(answer.status == 200, "\(name)\(ending)")
                    let digests = InMemoryBlobs.digests(of: answer.body)
                    #expect(said["sha256"] == digests.sha256.hex, "\(name)\(ending)")
                }
            }
        }
    }

    /// As a client resolves an address that is relative to a page.
    private static func resolve(_ path: String) -> String {
        var segments: [Substring] = []
        for segment in path.split(separator: "/") {
            if segment == ".." { segments.removeLast() } else { segments.append(segment) }
        }
        return "/" + segments.joined(separator: "/")
    }

    /// P-3: the members that PEP 691, 700, 714 and 740 name, with the types that they have.
    @Test func theJSONIsThatOfTheSpecification() async throws {
        try await PyPIBench.run { bench in
            var wheel = TestDistribution()
            wheel.more = "Requires-Python: >=3.9\n"
            let attestation = AttestationTests.attestation(
                name: wheel.filename, sha256: wheel.digests.sha256.hex)
            try await bench.upload(wheel, [("attestations", "[\(attestation)]")])
            let page = try await bench.page(of: "tool")
            #expect(Set(page.keys) == ["meta", "name", "versions", "files"])
            #expect(page["name"] as? String == "tool")
            #expect(page["versions"] as? [String] == ["1.0"])
            let meta = try #require(page["meta"] as? [String: String])
            #expect(meta["api-version"]?.wholeMatch(of: /1\.[0-9]+/) != nil)
            let file = try #require(try await bench.files(of: "tool")[wheel.filename])
            #expect(
                Set(file.keys) == [
                    "filename", "url", "hashes", "size", "upload-time", "requires-python",
                    "core-metadata", "yanked", "provenance",
                ])
            #expect(file["hashes"] is [String: String] && file["digests"] == nil)
            #expect(file["size"] as? Int == wheel.bytes.count)
            #expect(file["yanked"] as? Bool == false)
            #expect(file["requires-python"] as? String == ">=3.9")
            let time = try #require(file["upload-time"] as? String)
            #expect(
                time.wholeMatch(
                    of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z/) != nil)
            #expect((file["provenance"] as? String)?.hasPrefix("http://") == true)
        }
    }

    /// P-4, P-8: what is private is kept by no cache that others share; every link has its sha256.
    @Test func pagesSayHowTheyMayBeKept() async throws {
        try await PyPIBench.run { bench in
            try await bench.upload(TestDistribution())
            for accept in ["text/html", TestDistribution.json] {
                for path in ["/simple/", "/simple/tool/"] {
                    let answer = try await bench.send(.get, path, [("Accept", accept)])
                    #expect(answer.header("Vary")?.contains("Accept") == true)
                    #expect(answer.header("Cache-Control")?.contains("private") == true)
                }
            }
            let html = try await bench.send(.get, "/simple/tool/").text
            let links = html.matches(of: /<a href="[^"]*#sha256=[0-9a-f]{64}"/)
            #expect(links.count == 1 && html.matches(of: /<a\s/).count == 1)
        }
    }

    /// P-5, P-7: wherever the gateway stands, addresses lead back to it and nowhere else.
    @Test func addressesHoldBehindAnyProxy() async throws {
        try await PyPIBench.run { bench in
            try await bench.upload(TestDistribution("Foo.Bar_baz"))
            for prefix in ["", "/pkgs"] {
                func answer(_ path: String) async throws -> FormatResponse {
                    let head = RequestHead(
                        method: .get, tail: try RequestPath(parsing: path),
                        query: try RequestQuery(parsing: ""), headers: [:],
                        origin: PublicOrigin(
                            scheme: "https", authority: "packages.example:8443",
                            pathPrefix: prefix),
                        mountPath: "/acme/web/-/pypi", requestID: "r1")
                    let format = PyPIFormat()
                    let operation = try #require(try format.parse(head))
                    return try await format.handle(
                        operation, head,
                        body: RequestBody(source: ScriptedBody([]), limitBytes: 0),
                        in: bench.scope)
                }
                let redirect = try await answer("/simple/Foo.Bar_baz")
                #expect(redirect.status == .movedPermanently)
                #expect(
                    redirect.headers[.location]
                        == "\(prefix)/acme/web/-/pypi/simple/foo-bar-baz/")
                let page = try await answer("/simple/foo-bar-baz/").body.collect()
                let html = String(decoding: page, as: UTF8.self)
                #expect(html.contains("<a href=\"../../files/") && !html.contains("base href"))
                #expect(!html.contains("://"))
            }
        }
    }

    /// P-10: every version of the metadata is taken, and served byte for byte.
    @Test(arguments: ["1.0", "1.1", "1.2", "2.0", "2.1", "2.2", "2.3", "2.4", "2.5", "2.9", "9.1"])
    func metadataOfEveryVersionIsKept(_ version: String) async throws {
        try await PyPIBench.run { bench in
            for isWheel in [true, false] {
                var file = TestDistribution("tool", "1.0", isWheel: isWheel)
                file.metadataVersion = version
                file.more =
                    "Provides-Extra: a\nProvides-Extra: b\nLicense-File: LICENSE\n"
                    + "License-File: NOTICE\nImport-Name: tool\nX-New: ä\r\n\n# Read\r\nme"
                let stored = try await bench.upload(
                    file,
                    [
                        ("provides_extra", "a"), ("provides_extra", "b"),
                        ("license_file", "LICENSE"), ("license_file", "NOTICE"),
                        ("import_names", "tool"), ("x_new", "ä"),
                    ])
                #expect(stored.status == 201, "\(stored.text)")
                let metadata = try await bench.send(
                    .get, "/files/\(file.digests.sha256.hex)/\(file.filename).metadata")
                #expect(metadata.body == Array(file.metadata.utf8))
            }
        }
    }

    /// P-11: what a page says of a file stays with it.
    @Test func attributesOfFilesAreKept() async throws {
        try await PyPIBench.run { bench in
            let wheel = TestDistribution()
            // The form counts where the file says nothing.
            try await bench.upload(wheel, [("requires_python", ">=3.7, <4")])
            try await bench.test.store.write { tx in
                let found = try tx.findVersions(
                    format: PyPIFormat.id, package: "tool", version: "1.0", in: .instance,
                    readableBy: .everything, limit: 1)
                let version = try #require(found.first)
                try tx.updateVersion(
                    version.id, status: .yanked, attributes: #"{"status_reason":"<bad> & old"}"#)
                try tx.touchPackage(version.package.id, at: version.createdAt)
            }
            let file = try #require(try await bench.files(of: "tool")[wheel.filename])
            #expect(file["requires-python"] as? String == ">=3.7, <4")
            #expect(file["yanked"] as? String == "<bad> & old")
            let html = try await bench.send(.get, "/simple/tool/").text
            #expect(html.contains(#"data-requires-python="&gt;=3.7, &lt;4""#))
            #expect(html.contains(#"data-yanked="&lt;bad&gt; &amp; old""#))
        }
    }

    /// P-13: a name that is not here is not here, and nobody else is asked.
    @Test func unknownNamesAreNotAskedFor() async throws {
        try await PyPIBench.run { bench in
            for path in ["/simple/reqeusts/", "/pypi/reqeusts/json"] {
                for mount in ["/acme/web/-/pypi", "/acme/-/pypi", "/-/pypi"] {
                    let answer = try await bench.send(.get, path, at: mount)
                    #expect(answer.status == 404)
                    #expect(answer.header("Location") == nil)
                    #expect(answer.text.contains("there is no project 'reqeusts'"))
                }
            }
        }
    }

    /// P-16: what clients of old send beside the file, and how they write the form.
    @Test func formsOfOldAreRead() async throws {
        try await PyPIBench.run { bench in
            var wheel = TestDistribution()
            // More than a part of 64 KiB.
            wheel.content = (0..<9_000).map { "value_\($0) = \($0)\n" }.joined()
            var body = TestForm(
                fields: wheel.fields + [
                    ("comment", "UNKNOWN"), ("home_page", ""), ("platform", "UNKNOWN"),
                    ("gpg_signature", "…"), ("obsoletes", ""), ("metadata_version", "1.0"),
                ], file: (wheel.filename, wheel.bytes), fieldsFirst: true
            ).bytes
            // distutils: a preamble, and no line break behind the last boundary.
            body = Array("\r\n".utf8) + body.dropLast(2)
            let stored = try await bench.send(
                .post, "/legacy/",
                [
                    (
                        "Content-Type",
                        "multipart/form-data; charset=utf-8; boundary=\"\(TestForm.boundary)\""
                    )
                ],
                body: body)
            #expect(stored.status == 201, "\(stored.text)")
            let boundary = "--------------GHSKFJDLGDS7543FJKLFHRE75642756743254"
            let other = TestDistribution("tool", "2.0")
            let form = TestForm(
                fields: other.fields, file: (other.filename, other.bytes), fieldsFirst: true)
            let text = form.bytes.replacing(
                Array(TestForm.boundary.utf8), with: Array(boundary.utf8))
            let again = try await bench.send(
                .post, "/", [("Content-Type", "multipart/form-data; boundary=\(boundary)")],
                body: text)
            #expect(again.status == 201, "\(again.text)")
            let url = try #require(try await bench.files(of: "tool")[wheel.filename]?["url"])
            let got = try await bench.send(.get, Self.resolve("/simple/tool/\(url)"))
            #expect(got.body == wheel.bytes)
        }
    }
}
