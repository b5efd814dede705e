import Foundation
import HTTPTypes
import Registry
import TestSupport
import Testing

@Suite("Pulling")
struct OCIPullTests {
    /// C-2, C-3, C-5: the bytes and the type as they were pushed, whatever the client would rather
    /// have, and the digest on every answer.
    @Test(arguments: DatabaseKind.allCases)
    func manifests(_ kind: DatabaseKind) async throws {
        let image = TestImage("a")
        try await OCIBench.run(on: kind) { bench in
            try await bench.push(image, as: "v1")
            for reference in ["v1", image.digest.description] {
                for accept in [nil, "*/*", "application/vnd.docker.distribution.manifest.v1+json"] {
                    for method in [HTTPRequest.Method.get, .head] {
                        let answer = try await bench.send(
                            method, "acme/web/api/manifests/\(reference)",
                            accept.map { [("Accept", $0)] } ?? [])
                        #expect(answer.status == .ok)
                        #expect(answer.headers[.contentType] == TestImage.manifestType)
                        #expect(
                            answer.header("Docker-Content-Digest") == image.digest.description)
                        #expect(answer.headers[.eTag] == "\"\(image.digest)\"")
                        if method == .get { #expect(answer.text == image.manifest) }
                    }
                }
            }
            let gone = try await bench.send(.get, "acme/web/api/manifests/v2")
            #expect(gone.status == .notFound)
            #expect(gone.errorCode == "MANIFEST_UNKNOWN")
            for other in ["acme/web", "acme/web/api/x", "acme/base"] {
                let answer = try await bench.send(.get, "\(other)/manifests/v1")
                #expect(answer.status == .notFound)
            }
        }
    }

    @Test func whatTheClientHasIsNotSentAgain() async throws {
        let image = TestImage("a")
        try await OCIBench.run(on: .sqlite) { bench in
            try await bench.push(image, as: "v1")
            let tag = "\"\(image.digest)\""
            let cases: [([(String, String)], HTTPResponse.Status)] = [
                ([("If-None-Match", tag)], .notModified),
                ([("If-None-Match", "W/\(tag)")], .notModified),
                ([("If-None-Match", "\"other\"")], .ok), ([("If-Match", tag)], .ok),
                ([("If-Match", "\"other\"")], .preconditionFailed),
                // A tag may go back to an older manifest: dates say nothing.
                ([("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")], .ok),
                ([("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:01 GMT")], .ok),
            ]
            for (headers, status) in cases {
                for method in [HTTPRequest.Method.get, .head] {
                    let answer = try await bench.send(
                        method, "acme/web/api/manifests/v1", headers)
                    #expect(answer.status == status, "\(headers)")
                    #expect(answer.header("Docker-Content-Digest") == image.digest.description)
                    if status == .notModified { #expect(answer.body.isEmpty) }
                }
            }
        }
    }

    /// C-24.
    @Test func rangesOfBlobs() async throws {
        let content = Array("0123456789".utf8)
        let digest = TestImage.digest(content)
        try await OCIBench.run(on: .sqlite) { bench in
            try await bench.push(content)
            let target = "acme/web/api/blobs/\(digest)"
            let cases: [([(String, String)], Int, String?, String?)] = [
                ([("Range", "bytes=2-4")], 206, "234", "bytes 2-4/10"),
                ([("Range", "bytes=-3")], 206, "789", "bytes 7-9/10"),
                ([("Range", "bytes=8-")], 206, "89", "bytes 8-9/10"),
                ([("Range", "bytes=8-99")], 206, "89", "bytes 8-9/10"),
                ([("Range", "bytes=10-")], 416, nil, "bytes */10"),
                ([("Range", "bytes=5-0")], 416, nil, "bytes */10"),
                ([("Range", "lines=1-2")], 200, "0123456789", nil),
                ([("Range", "bytes=2-4"), ("If-Range", "\"\(digest)\"")], 206, "234", nil),
                ([("Range", "bytes=2-4"), ("If-Range", "\"old\"")], 200, "0123456789", nil),
            ]
            for (headers, status, text, range) in cases {
                let answer = try await bench.send(.get, target, headers)
                #expect(answer.status.code == status, "\(headers)")
                if let text { #expect(answer.text == text, "\(headers)") }
                if let range { #expect(answer.headers[.contentRange] == range, "\(headers)") }
                #expect(answer.header("Docker-Content-Digest") == digest.description)
                if status == 416 { #expect(answer.errorCode == "RANGE_INVALID") }
            }
            let several = try await bench.send(.get, target, [("Range", "bytes=0-1,5-6")])
            #expect(several.status == .partialContent)
            #expect(several.headers[.contentType]?.hasPrefix("multipart/byteranges") == true)
            #expect(several.text.contains("\r\n\r\n01\r\n"))
            #expect(several.text.contains("\r\n\r\n56\r\n"))
            // C-23: a HEAD is answered here, whole.
            let head = try await bench.send(.head, target, [("Range", "bytes=2-4")])
            #expect(head.status == .ok)
            #expect(head.headers[.acceptRanges] == "bytes")
        }
    }

    /// C-26: what is lost on the disk is not there, by HEAD as by GET, and a push brings it back.
    @Test(arguments: [Damage.removed, .truncated])
    func lostBytesAreHealedByAPush(_ damage: Damage) async throws {
        // Larger than what is kept in memory.
        let content = [UInt8](repeating: 7, count: 3 << 20)
        let digest = TestImage.digest(content)
        try await OCIBench.run(on: .sqlite) { bench in
            try await bench.push(content)
            let target = "acme/web/api/blobs/\(digest)"
            #expect(try await bench.send(.head, target).status == .ok)
            try damage.harm(digest, in: bench.test.blobFolder)
            for method in [HTTPRequest.Method.head, .get] {
                let answer = try await bench.send(method, target)
                #expect(answer.status == .notFound, "\(method)")
                #expect(answer.errorCode == "BLOB_UNKNOWN")
            }
            // The client that saw this uploads again.
            try await bench.push(content)
            #expect(try await bench.send(.head, target).status == .ok)
            #expect(try await bench.send(.get, target).body == content)
        }
    }

    enum Damage: Sendable {
        case removed
        case truncated

        func harm(_ digest: Digest, in folder: String) throws {
            let files = try FileManager.default.subpathsOfDirectory(atPath: folder)
                .filter { $0.contains(digest.hex) }
            #expect(files.count == 1)
            for file in files {
                let path = folder + "/" + file
                switch self {
                case .removed: try FileManager.default.removeItem(atPath: path)
                case .truncated: try Data([1, 2, 3]).write(to: URL(fileURLWithPath: path))
                }
            }
        }
    }

    /// I13.
    @Test func headIsGetWithoutTheBody() async throws {
        let image = TestImage("a")
        try await OCIBench.run(on: .sqlite) { bench in
            try await bench.push(image, as: "v1")
            let begun = try await bench.send(.post, "acme/web/api/blobs/uploads/")
            let id = try #require(begun.header("Docker-Upload-UUID"))
            let config = TestImage.digest(image.config)
            let api = "/v2/acme/web/api"
            let gitLab = "/gitlab/v1/repositories/acme/web"
            for target in [
                "/v2/", "/v2/_catalog?n=1", "\(api)/manifests/v1", "\(api)/manifests/none",
                "\(api)/manifests/\(image.digest)", "\(api)/blobs/\(config)",
                "\(api)/blobs/sha256:x",
                "\(api)/tags/list", "\(api)/tags/list?n=-1", "/v2/acme/none/tags/list",
                "\(api)/referrers/\(image.digest)", "\(api)/blobs/uploads/\(id)",
                "/gitlab/v1/", "\(gitLab)/api/?size=self", "\(gitLab)/api/tags/list/",
                "\(gitLab)/api/tags/detail/v1/", "\(gitLab)/none/", "/v2/nowhere",
            ] {
                let get = try await bench.follow(.get, target)
                let head = try await bench.follow(.head, target)
                #expect(head.status == get.status, "\(target)")
                #expect(head.headers == get.headers, "\(target)")
            }
        }
    }

    /// C-30, C-31: a client that asks here instead of elsewhere is told that it was understood.
    @Test func mirrors() async throws {
        let image = TestImage("a")
        try await OCIBench.run(on: .sqlite, visibility: .public) { bench in
            try await bench.push(image, as: "v1")
            let target = "acme/web/api/manifests/v1"
            let mirrored = try await bench.send(.get, target + "?ns=docker.io")
            #expect(mirrored.header("OCI-Namespace") == "docker.io")
            #expect(mirrored.text == image.manifest)
            for query in ["", "?ns=", "?ns=a%0d%0ab", "?ns=a%20b"] {
                let answer = try await bench.send(.get, target + query)
                #expect(answer.header("OCI-Namespace") == nil, "\(query)")
                #expect(answer.status == .ok)
            }
        }
    }
}
