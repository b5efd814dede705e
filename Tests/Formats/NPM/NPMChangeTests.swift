import Foundation
import HTTPTypes
import NPMFormat
import Registry
import TestSupport
import Testing

/// What clients change after a publish: tags, deprecations, and what they take back.
@Suite struct NPMChangeTests {
    private static let versions = ["1.0.0", "1.1.0", "2.0.0"]

    private func withPackage(
        on kind: DatabaseKind = .sqlite, _ body: (NPMBench) async throws -> Void
    ) async throws {
        try await NPMBench.run(on: kind) { bench in
            for version in Self.versions {
                #expect(
                    try await bench.publish(TestPublish("@acme/tool", version)).status == .created)
            }
            try await body(bench)
        }
    }

    private static let tag = "/-/package/@acme%2ftool/dist-tags/"

    @Test(arguments: DatabaseKind.allCases)
    func tagsAreSetAndRemoved(_ kind: DatabaseKind) async throws {
        try await withPackage(on: kind) { bench in
            let before = try await bench.send(.get, "/@acme/tool").headers[.eTag]
            let set = try await bench.send(.put, Self.tag + "stable", json: "1.1.0")
            #expect(set.status == .created, "\(set.text)")
            try await bench.send(.post, Self.tag + "latest", json: "1.0.0")
            #expect(
                try await bench.tags("@acme/tool") == ["latest": "1.0.0", "stable": "1.1.0"])
            #expect(try await bench.send(.get, "/@acme/tool").headers[.eTag] != before)
            #expect(try await bench.send(.delete, Self.tag + "stable").status == .ok)
            #expect(try await bench.tags("@acme/tool") == ["latest": "1.0.0"])
            for (method, tag, json, status) in [
                (HTTPRequest.Method.put, "stable", "9.9.9", HTTPResponse.Status.notFound),
                (.put, "1.0", "1.0.0", .badRequest), (.delete, "stable", "", .notFound),
                (.delete, "latest", "", .badRequest),
            ] {
                let answer =
                    method == .delete
                    ? try await bench.send(method, Self.tag + tag)
                    : try await bench.send(method, Self.tag + tag, json: json)
                #expect(answer.status == status, "\(tag): \(answer.text)")
                #expect(try answer.object()["error"] is String)
            }
            let unknown = try await bench.send(
                .put, "/-/package/nothing/dist-tags/next", json: "1.0.0")
            #expect(unknown.status == .notFound)
        }
    }

    /// What `npm deprecate` does: reads, marks and sends back.
    private func deprecate(
        _ bench: NPMBench, _ versions: [String], _ message: String
    ) async throws -> TestResponse {
        var packument = try await bench.packument("@acme%2ftool?write=true")
        var all = try #require(packument["versions"] as? [String: [String: Any]])
        for version in versions { all[version]?["deprecated"] = message }
        packument["versions"] = all
        return try await bench.send(.put, "/@acme%2ftool", json: packument)
    }

    private func deprecations(_ bench: NPMBench) async throws -> [String: String] {
        let accept = [("Accept", "application/vnd.npm.install-v1+json")]
        let short = try await bench.send(.get, "/@acme/tool", accept).object()["versions"]
        let full = try await bench.packument("@acme/tool")["versions"]
        let found = [short, full].map { versions in
            ((versions as? [String: [String: Any]]) ?? [:]).compactMapValues {
                $0["deprecated"] as? String
            }
        }
        #expect(found[0] == found[1])
        return found[1]
    }

    @Test(arguments: DatabaseKind.allCases)
    func versionsAreDeprecatedAndNoLonger(_ kind: DatabaseKind) async throws {
        try await withPackage(on: kind) { bench in
            let answer = try await deprecate(bench, ["1.0.0", "1.1.0"], "use \"2\" – it's better")
            #expect(answer.status == .ok, "\(answer.text)")
            #expect(
                try await deprecations(bench)
                    == ["1.0.0": "use \"2\" – it's better", "1.1.0": "use \"2\" – it's better"])
            _ = try await deprecate(bench, ["1.0.0"], "")
            #expect(try await deprecations(bench) == ["1.1.0": "use \"2\" – it's better"])
            // Everything else stays as it was.
            let packument = try await bench.packument("@acme/tool")
            #expect((packument["versions"] as? [String: Any])?.count == 3)
            #expect(try await bench.tags("@acme/tool") == ["latest": "2.0.0"])
        }
    }

    @Test func whatChangedMeanwhileIsNotLost() async throws {
        try await withPackage { bench in
            var packument = try await bench.packument("@acme%2ftool")
            try await bench.publish(TestPublish("@acme/tool", "3.0.0"))
            var versions = try #require(packument["versions"] as? [String: [String: Any]])
            versions["1.0.0"]?["deprecated"] = "old"
            packument["versions"] = versions
            let late = try await bench.send(.put, "/@acme%2ftool", json: packument)
            #expect(late.status == .conflict)
            let revision = try #require(packument["_rev"] as? String)
            versions["1.0.0"] = nil
            packument["versions"] = versions
            for answer in [
                try await bench.send(.put, "/@acme%2ftool/-rev/\(revision)", json: packument),
                try await bench.send(.delete, "/@acme%2ftool/-rev/\(revision)"),
                try await bench.send(.delete, "/@acme%2ftool/-rev/undefined"),
            ] {
                #expect(answer.status == .conflict)
                #expect(answer.text.contains("try again"))
            }
            #expect(
                (try await bench.packument("@acme/tool")["versions"] as? [String: Any])?.count == 4)
        }
    }

    /// *Source*: npm/cli, `libnpmpublish/lib/unpublish.js`.
    @Test(arguments: DatabaseKind.allCases)
    func aVersionIsUnpublished(_ kind: DatabaseKind) async throws {
        try await withPackage(on: kind) { bench in
            var packument = try await bench.packument("@acme%2ftool?write=true")
            var versions = try #require(packument["versions"] as? [String: [String: Any]])
            versions["2.0.0"] = nil
            packument["versions"] = versions
            packument["dist-tags"] = ["latest": "1.1.0"]
            let revision = try #require(packument["_rev"] as? String)
            let put = try await bench.send(
                .put, "/@acme%2ftool/-rev/\(revision)", json: packument)
            #expect(put.status == .ok, "\(put.text)")
            let next = try await bench.packument("@acme%2ftool?write=true")
            let removed = try await bench.send(
                .delete, "/@acme/tool/-/tool-2.0.0.tgz/-rev/\(next["_rev"] ?? "")")
            #expect(removed.status == .ok, "\(removed.text)")
            #expect(try await bench.tags("@acme/tool") == ["latest": "1.1.0"])
            #expect(try await bench.send(.get, "/@acme/tool/-/tool-2.0.0.tgz").status == .notFound)
            // The name stays reserved, and the answer says so.
            let again = try await bench.publish(TestPublish("@acme/tool", "2.0.0"))
            #expect(again.status == .conflict)
            #expect(again.text.contains("was deleted and its name stays reserved"))
        }
    }

    @Test func aTarballAloneIsItsVersion() async throws {
        try await withPackage { bench in
            let revision = try await bench.packument("@acme/tool")["_rev"] ?? ""
            let answer = try await bench.send(
                .delete, "/@acme/tool/-/tool-2.0.0.tgz/-rev/\(revision)")
            #expect(answer.status == .ok)
            #expect(try await bench.tags("@acme/tool") == ["latest": "1.1.0"])
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func aPackageIsUnpublished(_ kind: DatabaseKind) async throws {
        try await withPackage(on: kind) { bench in
            let revision = try await bench.packument("@acme/tool")["_rev"] ?? ""
            let answer = try await bench.send(.delete, "/@acme%2ftool/-rev/\(revision)")
            #expect(answer.status == .ok, "\(answer.text)")
            for path in [
                "/@acme/tool", "/@acme/tool/-/tool-1.0.0.tgz", "/-/package/@acme/tool/dist-tags",
            ] {
                #expect(try await bench.send(.get, path).status == .notFound)
            }
            let gone = try await bench.send(.delete, "/@acme%2ftool/-rev/\(revision)")
            #expect(gone.status == .notFound)
            #expect(try await bench.publish(TestPublish("@acme/tool", "3.0.0")).status == .created)
        }
    }

    @Test func emptyingAPackageIsNotUnderstoodAsUnpublishing() async throws {
        try await withPackage { bench in
            let revision = try await bench.packument("@acme/tool")["_rev"] ?? ""
            for document in [
                ["versions": [String: String]()], ["users": [String: String]()], [:],
            ] as [[String: Any]] {
                let answer = try await bench.send(
                    .put, "/@acme%2ftool/-rev/\(revision)", json: document)
                #expect(answer.status == .badRequest, "\(answer.text)")
            }
            #expect(
                (try await bench.packument("@acme/tool")["versions"] as? [String: Any])?.count == 3)
        }
    }
}
