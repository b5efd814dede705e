import Foundation
import HTTPTypes
import NIOCore
import PyPIFormat
import Registry
import TestSupport
import Testing

@Suite("The simple index of the PyPI format")
struct PyPISimpleTests {
    /// A clock that stands still, so that pages are the same each time.
    private static let clock = ManualClock(Timestamp(seconds: 1_700_000_000))

    /// A project with a file of each kind, one release yanked, one with attestations.
    private static func fill(_ bench: PyPIBench) async throws {
        var wheel = TestDistribution("My.Tool", "1.0")
        wheel.more =
            "Requires-Python: >=3.8,<4\nSummary: A <tool>\nKeywords: a,b\n"
            + "Project-URL: Home, https://example.com/\n\nRead me.\n"
        let attestation = AttestationTests.attestation(
            name: wheel.filename, sha256: wheel.digests.sha256.hex)
        try await bench.upload(wheel, [("attestations", "[\(attestation)]")])
        try await bench.upload(TestDistribution("My.Tool", "1.0", isWheel: false))
        try await bench.upload(TestDistribution("My.Tool", "0.9+local.1"))
        let scope = bench.scope
        _ = try await scope.change(
            "my-tool", format: PyPIFormat.id, expecting: nil,
            [
                .updateVersion(
                    "0.9+local.1", status: .yanked,
                    attributes: #"{"status_reason":"broken \"quotes\" & <tags>"}"#)
            ])
    }

    /// The page as it was when this was written; `UPDATE_GOLDEN=1` writes it anew.
    private func expectGolden(
        _ text: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let url = RepositoryRoot.url.appendingPathComponent("Tests/Formats/PyPI/Golden/\(name)")
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] != nil {
            try Data(text.utf8).write(to: url)
        }
        let expected = try String(contentsOf: url, encoding: .utf8)
        #expect(text == expected, sourceLocation: sourceLocation)
    }

    @Test func pagesAreWhatTheyWere() async throws {
        try await PyPIBench.run(clock: Self.clock) { bench in
            try await Self.fill(bench)
            let html = try await bench.send(.get, "/simple/my-tool/")
            #expect(html.header("Content-Type") == "text/html; charset=utf-8")
            try expectGolden(html.text, "project.html")
            let json = try await bench.send(
                .get, "/simple/my-tool/", [("Accept", TestDistribution.json)])
            #expect(json.header("Content-Type") == "application/vnd.pypi.simple.v1+json")
            try expectGolden(json.text, "project.json")
            try expectGolden(
                try await bench.send(.get, "/pypi/my-tool/json").text, "releases.json")
            try expectGolden(
                try await bench.send(.get, "/My_Tool/0.9%2Blocal.1/json").text, "release.json")
            try expectGolden(try await bench.send(.get, "/simple/").text, "index.html")
            let list = try await bench.send(
                .get, "/simple/", [("Accept", TestDistribution.json)])
            try expectGolden(list.text, "index.json")
        }
    }

    /// Both forms say the same (P-4), also of what nothing else is said about.
    @Test func htmlAndJSONAgree() async throws {
        try await PyPIBench.run { bench in
            try await Self.fill(bench)
            let html = try await bench.send(.get, "/simple/my-tool/").text
            let files = try await bench.files(of: "my-tool")
            let links = html.matches(of: /<a href="([^"#]*)#sha256=([0-9a-f]*)"([^>]*)>([^<]*)</)
            #expect(links.count == files.count)
            for link in links {
                let file = try #require(files[String(link.output.4)])
                let hashes = file["hashes"] as? [String: String]
                #expect(file["url"] as? String == String(link.output.1))
                #expect(hashes?["sha256"] == String(link.output.2))
                let more = link.output.3
                #expect(more.contains("data-requires-python") == (file["requires-python"] != nil))
                #expect(more.contains("data-core-metadata") == (file["core-metadata"] != nil))
                #expect(more.contains("data-yanked") == ((file["yanked"] as? Bool) != false))
                #expect(more.contains("data-provenance") == (file["provenance"] is String))
            }
        }
    }

    @Test(arguments: [
        (nil, "text/html; charset=utf-8"), ("*/*", "text/html; charset=utf-8"),
        ("text/html", "text/html; charset=utf-8"),
        ("image/png", "text/html; charset=utf-8"),
        // pip, uv and poetry.
        (
            "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, "
                + "text/html; q=0.01", TestDistribution.json
        ),
        (
            "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, "
                + "text/html;q=0.01", TestDistribution.json
        ),
        ("application/vnd.pypi.simple.latest+json", TestDistribution.json),
        ("application/vnd.pypi.simple.v1+html", "text/html; charset=utf-8"),
        ("application/vnd.pypi.simple.v1+json;q=0.1, text/html", "text/html; charset=utf-8"),
    ])
    func choosesTheForm(_ accept: String?, _ type: String) async throws {
        try await PyPIBench.run { bench in
            try await bench.upload(TestDistribution())
            for path in ["/simple/", "/simple/tool/"] {
                let answer = try await bench.send(
                    .get, path, accept.map { [("Accept", $0)] } ?? [])
                #expect(answer.header("Content-Type") == type)
                #expect(answer.header("Vary")?.contains("Accept") == true)
                #expect(answer.header("Cache-Control")?.hasPrefix("private") == true)
            }
            let query = try await bench.send(
                .get, "/simple/tool/?format=application/vnd.pypi.simple.v1%2Bjson")
            #expect(query.header("Content-Type") == TestDistribution.json)
        }
    }

    @Test func redirectsKeepTheAddress() async throws {
        try await PyPIBench.run { bench in
            try await bench.upload(TestDistribution("Foo.Bar"))
            for mount in ["/acme/web/-/pypi", "/api/v4/projects/acme%2Fweb/packages/pypi"] {
                for name in ["Foo.Bar", "foo-bar", "FOO__bar/"] {
                    let answer = try await bench.send(.get, "/simple/\(name)", at: mount)
                    #expect(answer.status.code == 301)
                    // Relative, so that the host and the credential stay.
                    #expect(answer.header("Location") == "\(mount)/simple/foo-bar/")
                }
                for path in ["", "/", "/simple"] {
                    let answer = try await bench.send(.get, path, at: mount)
                    #expect(answer.status.code == 301)
                    #expect(answer.header("Location") == "\(mount)/simple/")
                }
            }
        }
    }

    @Test func whatIsUnchangedIsNotSentAgain() async throws {
        try await PyPIBench.run { bench in
            for number in 0..<20 { try await bench.upload(TestDistribution("tool", "1.\(number)")) }
            var tags: Set<String> = []
            for accept in ["text/html", TestDistribution.json] {
                for encoding in ["identity", "gzip"] {
                    let fields = [("Accept", accept), ("Accept-Encoding", encoding)]
                    let answer = try await bench.send(.get, "/simple/tool/", fields)
                    #expect(
                        answer.header("Content-Encoding") == (encoding == "gzip" ? "gzip" : nil))
                    let tag = try #require(answer.header("ETag"))
                    #expect(tags.insert(tag).inserted, "each form has a tag of its own")
                    let again = try await bench.send(
                        .get, "/simple/tool/", fields + [("If-None-Match", tag)])
                    #expect(again.status == 304)
                    #expect(again.body.isEmpty)
                    #expect(again.header("ETag") == tag)
                    let head = try await bench.send(.head, "/simple/tool/", fields)
                    #expect(head.header("ETag") == tag)
                }
            }
            // Another file, another tag; and the new page at once.
            try await bench.upload(TestDistribution("tool", "2.0"))
            let old = try #require(tags.first)
            let answer = try await bench.send(
                .get, "/simple/tool/", [("If-None-Match", old)])
            #expect(answer.status == 200)
            #expect(answer.text.contains("tool-2.0-py3-none-any.whl"))
            let release = try await bench.send(.get, "/pypi/tool/json")
            let tag = try #require(release.header("ETag"))
            let again = try await bench.send(.get, "/pypi/tool/json", [("If-None-Match", tag)])
            #expect(again.status == 304)
        }
    }

    /// In a group, a name that several projects have is one; the newest file of a name counts.
    @Test(arguments: DatabaseKind.allCases)
    func groupsAreUnions(_ kind: DatabaseKind) async throws {
        try await PyPIBench.run(on: kind) { bench in
            var older = TestDistribution("tool", "1.0")
            older.more = "Requires-Python: >=3.7\n"
            try await bench.upload(older, at: "/acme/base/-/pypi")
            var newer = older
            newer.more = "Requires-Python: >=3.9\n"
            try await bench.upload(newer)
            try await bench.upload(TestDistribution("tool", "2.0"), at: "/acme/base/-/pypi")
            let mount = "/acme/-/pypi"
            let page = try await bench.page(of: "tool", at: mount)
            #expect(page["versions"] as? [String] == ["1.0", "2.0"])
            let file = try #require(try await bench.files(of: "tool", at: mount)[newer.filename])
            #expect(file["requires-python"] as? String == ">=3.9")
            // Each content has its own metadata, whichever is asked for.
            for file in [older, newer] {
                let metadata = try await bench.send(
                    .get, "/files/\(file.digests.sha256.hex)/\(file.filename).metadata", at: mount)
                #expect(metadata.text == file.metadata)
            }
            let list = try await bench.send(.get, "/simple/", at: mount).text
            #expect(list.matches(of: /<a href="tool\/">/).count == 1)
        }
    }

    @Test func namesThatAreNotThere() async throws {
        try await PyPIBench.run { bench in
            try await bench.upload(TestDistribution())
            let hex = String(repeating: "0", count: 64)
            for path in [
                "/simple/other/", "/pypi/other/json", "/pypi/tool/9.0/json",
                "/files/\(hex)/tool-1.0-py3-none-any.whl",
                "/files/\(hex)/tool-1.0-py3-none-any.whl.metadata",
                "/files/\(TestDistribution().digests.sha256.hex)/tool-2.0-py3-none-any.whl",
                // What is served beside a file is not served for itself.
                "/files/\(TestDistribution().metadataDigest)/tool-1.0-py3-none-any.whl",
            ] {
                let answer = try await bench.send(.get, path)
                #expect(answer.status == 404, "\(path)")
                #expect(answer.text.hasPrefix("404 there is no"), "\(answer.text)")
            }
            let bad = try await bench.send(.get, "/simple/-/")
            #expect(bad.status.code == 400)
        }
    }

    /// PEP 792: what a status means for uploads, pages and downloads.
    @Test func projectsHaveAStatus() async throws {
        try await PyPIBench.run { bench in
            let wheel = TestDistribution()
            try await bench.upload(wheel)
            let file = "/files/\(wheel.digests.sha256.hex)/\(wheel.filename)"
            for (status, takesFiles, offersFiles) in [
                ("archived", false, true), ("quarantined", false, false),
                ("deprecated", true, true), ("active", true, true),
            ] {
                let changed = try await bench.send(
                    .put, "/simple/tool/status", [("Content-Type", "application/json")],
                    body: Array(#"{"status":"\#(status)","reason":"use <other>"}"#.utf8))
                #expect(changed.status == 200, "\(changed.text)")
                let page = try await bench.page(of: "tool")
                let told = page["project-status"] as? [String: String]
                let expected = ["status": status, "reason": "use <other>"]
                let html = try await bench.send(.get, "/simple/tool/").text
                if status == "active" {
                    // What every project is needs no words.
                    #expect(told == nil)
                    #expect(!html.contains("project-status"))
                } else {
                    #expect(told == expected)
                    #expect(
                        html.contains(#"<meta name="pypi:project-status" content="\#(status)">"#))
                    #expect(html.contains(#"status-reason" content="use &lt;other&gt;">"#))
                }
                #expect((page["files"] as? [Any])?.isEmpty == !offersFiles)
                #expect(try await bench.send(.get, file).status.code == (offersFiles ? 200 : 404))
                var next = TestDistribution("tool", "2.0")
                next.customFilename = "tool-2.0-py3-none-\(status).whl"
                let upload = try await bench.upload(next)
                #expect(upload.status.code == (takesFiles ? 201 : 403), "\(upload.text)")
                if !takesFiles { #expect(upload.text.contains("is \(status) and takes no files")) }
            }
            for body in ["{}", #"{"status":"gone"}"#, "x", #"{"status":"active","more":1}"#] {
                let refused = try await bench.send(
                    .put, "/simple/tool/status", body: Array(body.utf8))
                #expect(refused.status.code == 400)
            }
            let none = try await bench.send(
                .put, "/simple/other/status", body: Array(#"{"status":"active"}"#.utf8))
            #expect(none.status == 404)
        }
    }

    /// Who looks at a release has not downloaded it.
    @Test func onlyFilesCountAsDownloads() async throws {
        try await PyPIBench.run { bench in
            let wheel = TestDistribution()
            try await bench.upload(wheel)
            let path = "/files/\(wheel.digests.sha256.hex)/\(wheel.filename)"
            let format = PyPIFormat()
            for (path, counts) in [
                (path, true), (path + ".metadata", false), ("/simple/tool/", false),
            ] {
                let head = try PyPIPathTests.head(.get, path)
                let operation = try #require(try format.parse(head))
                let response = try await format.handle(
                    operation, head,
                    body: RequestBody(source: ScriptedBody([]), limitBytes: 0), in: bench.scope)
                #expect((response.contentVersionID != nil) == counts, "\(path)")
            }
        }
    }

    /// P-12: names are sent page by page, each once and in order, and memory is that of one page.
    @Test func manyProjects() async throws {
        try await PyPIBench.run { bench in
            let count = 2_500
            let now = bench.test.services.clock.now()
            let id = bench.project.id
            try await bench.test.store.write { tx in
                for number in 0..<count {
                    let package = try tx.upsertPackage(
                        projectID: id, format: PyPIFormat.id,
                        name: "tool-\(String(number + 10_000).dropFirst())", at: now)
                    _ = try tx.insertVersion(
                        package: package, name: "1.0", status: .default, lifetime: .explicit,
                        attributes: "{}",
                        actor: Actor(
                            principal: .console, requestID: "r", remoteAddress: "127.0.0.1"),
                        at: now)
                }
            }
            let json = try await bench.send(
                .get, "/simple/", [("Accept", TestDistribution.json)]
            ).object()
            let names = (json["projects"] as? [[String: String]])?.compactMap { $0["name"] }
            #expect(names?.count == count)
            #expect(names == names?.sorted())
            let html = try await bench.send(.get, "/simple/").text
            #expect(html.matches(of: /<a href="tool-[0-9]{4}\/">/).count == count)
            #expect(html.hasSuffix("</html>\n"))

            let response = try await PyPIFormat().handle(
                .listProjects, PyPIPathTests.head(.get, "/simple/"),
                body: RequestBody(source: ScriptedBody([]), limitBytes: 0), in: bench.scope)
            guard case .stream(length: nil, let write) = response.body else {
                Issue.record("the list is not streamed")
                return
            }
            let pieces = CountingWriter()
            try await write(pieces)
            #expect(pieces.sizes.reduce(0, +) == html.utf8.count)
            #expect(pieces.sizes.count == 3, "a page of names in each")
            #expect(pieces.sizes.allSatisfy { $0 < 64 * 1024 })
        }
    }
}

/// Remembers the sizes of the pieces that it is given.
private final class CountingWriter: ResponseWriter {
    private let state = SendableBox<[Int]>([])

    var sizes: [Int] { state.withValue { $0 } }

    func write(_ buffer: ByteBuffer) async throws(RegistryError) {
        state.withValue { $0.append(buffer.readableBytes) }
    }
}

extension PyPIBench {
    /// The project as the format sees it.
    var scope: HostedProject {
        HostedProject(
            project: project,
            actor: Actor(principal: .console, requestID: "r1", remoteAddress: "127.0.0.1"),
            role: .owner, services: test.services)
    }
}
