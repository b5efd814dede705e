import Foundation
import GenericFormat
import HTTPTypes
import Registry
import TestSupport
import Testing

/// What curl does with the generic format, through the whole server. curl has to be installed
/// (`apt-get install curl`).
@Suite("curl and the generic format")
struct GenericCurlTests {
    /// A server with a private project `acme/web`.
    struct Site {
        let gateway: TestGateway
        let origin: String
        let projectID: Int
        let folder: TemporaryFolder

        var token: [String] { ["-H", "PRIVATE-TOKEN: \(gateway.rootToken)"] }

        func url(_ path: String) -> String { "\(origin)/acme/web/-/generic/\(path)" }

        /// Runs curl; the output has the head of the answer, its body, and with `-v` the dialogue.
        func curl(_ arguments: [String], input: String = "") async throws -> String {
            let child = try ChildProcess(
                executable: URL(fileURLWithPath: "/usr/bin/curl"),
                arguments: ["-sS", "--max-time", "60"] + arguments, input: input,
                folder: folder.url)
            let ending = try await child.ending()
            try #require(ending.status == 0, "\(arguments): \(child.output)")
            return child.output
        }

        /// The status of the answer.
        func status(_ arguments: [String], input: String = "") async throws -> String {
            try await curl(
                ["-o", "/dev/null", "-w", "%{http_code}"] + arguments, input: input)
        }

        func create(_ path: String, _ fields: [String: any Sendable]) async throws
            -> [String: Any]
        {
            let answer = try await gateway.send(
                .post, "/api/v4/\(path)", token: gateway.rootToken, json: fields)
            try #require(answer.status == .created, "\(path): \(answer.text)")
            return try answer.object()
        }
    }

    private func withSite(_ body: (Site) async throws -> Void) async throws {
        try await TestGateway.run(on: .sqlite, formats: [GenericFormat()]) { gateway in
            try await gateway.listening { origin in
                let bare = Site(
                    gateway: gateway, origin: origin, projectID: 0, folder: try TemporaryFolder())
                let group = try await bare.create("groups", ["name": "Acme", "path": "acme"])
                let groupID = try #require(group["id"] as? Int)
                let project = try await bare.create(
                    "projects", ["name": "Web", "path": "web", "namespace_id": groupID])
                try await body(
                    Site(
                        gateway: gateway, origin: origin,
                        projectID: try #require(project["id"] as? Int), folder: bare.folder))
            }
        }
    }

    @Test func everyCredential() async throws {
        try await withSite { site in
            let deploy = try await site.create(
                "projects/\(site.projectID)/deploy_tokens",
                ["name": "d", "scopes": ["read_package_registry", "write_package_registry"]])
            let deployToken = try #require(deploy["token"] as? String)
            let deployName = try #require(deploy["username"] as? String)
            let job = try await site.create(
                "projects/\(site.projectID)/job_tokens", ["job_id": 7, "user_id": 1])
            let jobToken = try #require(job["token"] as? String)
            let root = site.gateway.rootToken
            let credentials = [
                ["-H", "PRIVATE-TOKEN: \(root)"], ["-H", "Authorization: Bearer \(root)"],
                ["-u", "root:\(root)"],
                ["-H", "Deploy-Token: \(deployToken)"], ["-u", "\(deployName):\(deployToken)"],
                ["-H", "JOB-TOKEN: \(jobToken)"], ["-u", "gitlab-ci-token:\(jobToken)"],
            ]
            let file = try site.folder.write("hello", to: "file.txt")
            for (index, credential) in credentials.enumerated() {
                let url = site.url("tool/1.0/file\(index).txt")
                #expect(
                    try await site.status(credential + ["-T", file, url]) == "201",
                    "\(credential)")
                #expect(try await site.curl(credential + [url]) == "hello", "\(credential)")
            }
            let url = site.url("tool/1.0/file0.txt")
            let unknown = try await site.curl(["-i", url])
            #expect(unknown.contains("HTTP/1.1 401"))
            #expect(unknown.contains(#"Basic realm="Packhouse""#))
            #expect(try await site.status(["-H", "PRIVATE-TOKEN: wrong", url]) == "401")
            #expect(try await site.status(["-T", file, url]) == "401")
        }
    }

    @Test func gitLabsAddressesAreTheSameFiles() async throws {
        try await withSite { site in
            let file = try site.folder.write("hello", to: "file.txt")
            let byPath = "\(site.origin)/api/v4/projects/acme%2Fweb/packages/generic/tool/1.0/a/b"
            let byID =
                "\(site.origin)/api/v4/projects/\(site.projectID)/packages/generic/tool/1.0/a%2Fb"
            let stored = try await site.curl(site.token + ["-T", file, byPath])
            #expect(stored == #"{"message":"201 Created"}"#)
            for url in [
                byPath, byID, site.url("tool/1.0/a/b"),
                "\(site.origin)/acme/-/generic/tool/1.0/a/b",
                "\(site.origin)/-/generic/tool/1.0/a/b",
                "\(site.origin)/api/v4/packages/generic/tool/1.0/a/b",
                "\(site.origin)/api/v4/groups/acme/-/packages/generic/tool/1.0/a/b",
            ] {
                #expect(try await site.curl(site.token + [url]) == "hello", "\(url)")
            }
            let listed = try await site.curl(
                site.token + ["\(site.origin)/api/v4/projects/acme%2Fweb/packages/generic/tool/1.0"]
            )
            #expect(listed.contains(#""url":"\#(byPath)""#))
            let group = "\(site.origin)/acme/-/generic/tool/1.0/c"
            #expect(try await site.status(site.token + ["-T", file, group]) == "405")
        }
    }

    @Test func continueIsSaidOnlyWhenNothingSpeaksAgainstIt() async throws {
        try await withSite { site in
            let big = try site.folder.write(String(repeating: "big", count: 1 << 20), to: "big")
            let bigger = try site.folder.write(
                String(repeating: "big", count: (1 << 20) + 1), to: "bigger")
            let url = site.url("tool/1.0/big")
            let expecting = site.token + ["-v", "-H", "Expect: 100-continue"]
            let stored = try await site.curl(expecting + ["-T", big, url])
            #expect(stored.contains("HTTP/1.1 100 Continue"))
            #expect(stored.contains("HTTP/1.1 201 Created"))
            let refusals = [
                (expecting + ["-T", bigger, url], "409"),
                (expecting + ["-H", "If-None-Match: *", "-T", big, url], "412"),
                (expecting + ["-H", "If-Match: \"x\"", "-T", big, url], "412"),
                (["-v", "-H", "Expect: 100-continue", "-T", big, url], "401"),
            ]
            for (arguments, status) in refusals {
                let answer = try await site.curl(arguments)
                #expect(answer.contains("HTTP/1.1 \(status) "), "\(status)")
                #expect(!answer.contains("100 Continue"), "\(status)")
            }
            // A client that does not wait and is still sending reads the refusal, too.
            #expect(
                try await site.status(site.token + ["-H", "Expect:", "-T", bigger, url]) == "409")
        }
    }

    @Test func noBodyIsAskedForUnderAReservedName() async throws {
        try await withSite { site in
            let big = try site.folder.write(String(repeating: "big", count: 1 << 20), to: "big")
            let expecting = site.token + ["-v", "-H", "Expect: 100-continue"]
            let release = site.url("tool/1.0")
            #expect(
                try await site.status(site.token + ["-T", big, "\(release)/big"]) == "201")
            #expect(try await site.status(site.token + ["-X", "DELETE", release]) == "204")
            let gitLabs = "\(site.origin)/api/v4/projects/\(site.projectID)/packages/generic"
            for url in ["\(release)/big", "\(release)/other", "\(gitLabs)/tool/1.0/big"] {
                let answer = try await site.curl(expecting + ["-T", big, url])
                #expect(answer.contains("HTTP/1.1 409 "), "\(url)")
                #expect(answer.contains("stays reserved"), "\(url)")
                #expect(!answer.contains("100 Continue"), "\(url)")
                // A client that does not wait and is still sending reads the refusal, too.
                #expect(
                    try await site.status(site.token + ["-H", "Expect:", "-T", big, url]) == "409")
            }
            let free = try await site.curl(expecting + ["-T", big, site.url("tool/1.1/big")])
            #expect(free.contains("HTTP/1.1 100 Continue"))
            #expect(free.contains("HTTP/1.1 201 Created"))
        }
    }

    @Test func chunkedUploadsRangesAndResumedDownloads() async throws {
        try await withSite { site in
            let content = (0..<20_000).map { "line \($0)\n" }.joined()
            let url = site.url("tool/1.0/lines.txt")
            #expect(
                try await site.status(site.token + ["-T", "-", url], input: content) == "201")
            let half = try site.folder.write(String(content.prefix(100_000)), to: "half")
            _ = try await site.curl(site.token + ["-C", "-", "-o", half, url])
            #expect(try String(contentsOfFile: half, encoding: .utf8) == content)
            #expect(try await site.curl(site.token + ["-r", "0-5", url]) == "line 0")
            #expect(try await site.curl(site.token + ["-r", "-6", url]) == "19999\n")
            let parts = try await site.curl(site.token + ["-i", "-r", "0-3,5-5", url])
            #expect(parts.contains("HTTP/1.1 206 "))
            #expect(parts.contains("\r\n\r\nline\r\n--packhouse-"))
            #expect(try await site.status(site.token + ["-r", "9999999-", url]) == "416")
        }
    }

    @Test func headIsGetWithoutTheBody() async throws {
        try await withSite { site in
            let file = try site.folder.write("hello", to: "file.txt")
            let url = site.url("tool/1.0/file.txt")
            #expect(try await site.status(site.token + ["-T", file, url]) == "201")
            let volatile = ["date:", "x-request-id:"]
            func head(_ arguments: [String]) async throws -> [String] {
                try await site.curl(site.token + arguments).components(separatedBy: "\r\n")
                    .prefix { !$0.isEmpty }
                    .filter { line in
                        !volatile.contains { line.lowercased().hasPrefix($0) }
                    }.sorted()
            }
            for url in [url, site.url("tool/1.0"), site.url("tool/1.0/none")] {
                let get = try await head(["-i", url])
                #expect(try await head(["-I", url]) == get)
                #expect(get.contains { $0.lowercased().hasPrefix("content-length: ") })
            }
        }
    }
}
