import FormatKit
import GenericFormat
import HTTPTypes
import Registry
import TestSupport
import Testing

@Suite("Uploads to the generic format")
struct GenericUploadTests {
    private let bench = GenericBench()
    private let target = "/tool/1.0/bin/tool"
    private let digests = InMemoryBlobs.digests(of: Array("hello".utf8))
    private let otherDigest = InMemoryBlobs.digests(of: Array("other".utf8))

    private func tag(_ digests: BlobDigests) -> String { "\"\(digests.sha256)\"" }

    @Test(arguments: [true, false])
    func storesAndReadsBack(_ announcesLength: Bool) async throws {
        let stored = try await bench.send(
            .put, target, [.contentType: "text/x-tool"], body: "hello world, and more",
            announcesLength: announcesLength)
        #expect(stored.status == 201)
        #expect(stored.text == #"{"message":"201 Created"}"#)
        #expect(
            stored.headers[.location]
                == "https://packages.example/acme/web/-/generic/tool/1.0/bin/tool")
        let read = try await bench.send(.get, target)
        #expect(read.status == 200)
        #expect(read.text == "hello world, and more")
        #expect(read.headers[.contentType] == "text/x-tool")
        #expect(
            read.headers[.contentDisposition] == #"attachment; filename="tool""#)
        for name in [HTTPField.Name.eTag, .lastModified, .xChecksumSHA256] {
            #expect(stored.headers[name] != nil)
            #expect(stored.headers[name] == read.headers[name])
        }
        #expect(bench.scope.blobs.openUploadCount == 0)
    }

    @Test func anEmptyFileIsAFile() async throws {
        #expect(try await bench.send(.put, target, body: "").status == 201)
        let read = try await bench.send(.get, target, [.range: "bytes=0-"])
        #expect(read.status == 200)
        #expect(read.body.isEmpty)
    }

    @Test func describesTheStoredFile() async throws {
        let answer = try await bench.send(
            .put, target + "?select=package_file", [.xChecksumMD5: digests.md5 ?? ""],
            body: "hello")
        #expect(answer.status == 201)
        #expect(answer.headers[.contentType] == "application/json")
        let time = bench.scope.clock.now().iso8601
        #expect(
            answer.text
                == #"{"id":2,"package_id":1,"created_at":"\#(time)","updated_at":"\#(time)","#
                + #""size":5,"file_store":1,"file_md5":"\#(digests.md5 ?? "")","file_sha1":null,"#
                + #""file_name":"bin/tool","file":{"url":"#
                + #""https://packages.example/acme/web/-/generic/tool/1.0/bin/tool"},"#
                + #""file_sha256":"\#(digests.sha256.hex)","verification_retry_at":null,"#
                + #""verified_at":null,"verification_failure":null,"#
                + #""verification_retry_count":null,"verification_checksum":null,"#
                + #""verification_state":0,"verification_started_at":null,"new_file_path":null}"#)
    }

    @Test func hidesTheVersion() async throws {
        func status() async throws -> VersionStatus? {
            try await bench.scope.findVersion(
                format: GenericFormat.id, package: "tool", version: "1.0")?.status
        }
        _ = try await bench.send(.put, target + "?status=hidden", body: "hello")
        #expect(try await status() == .hidden)
        _ = try await bench.send(.put, "/tool/1.0/second", body: "x")
        #expect(try await status() == .hidden)
        _ = try await bench.send(.put, "/tool/1.0/third?status=default", body: "x")
        #expect(try await status() == .default)
    }

    @Test func identicalBytesAgainSucceedAndChangeNothing() async throws {
        let first = try await bench.send(.put, target + "?select=package_file", body: "hello")
        bench.scope.clock.advance(bySeconds: 60)
        for length in [true, false] {
            let again = try await bench.send(
                .put, target + "?select=package_file", body: "hello", announcesLength: length)
            #expect(again.status == 201)
            #expect(again.text == first.text)
        }
    }

    @Test func otherBytesAreRefusedWithTheRule() async throws {
        _ = try await bench.send(.put, target, body: "hello")
        let answers = [
            // Known from the head: another size, or another digest.
            try await bench.send(.put, target, body: "longer than before"),
            try await bench.send(
                .put, target, [.xChecksumSHA256: otherDigest.sha256.hex], body: "other"),
            try await bench.send(
                .put, target, [.contentDigest: otherDigest.digestField], body: "other",
                announcesLength: false),
        ]
        for answer in answers {
            #expect(answer.status == 409)
            #expect(answer.text.contains("does not allow replacing"))
            #expect(answer.text.contains(#""reason":"file_exists""#))
            #expect(answer.readCount == 0, "the body is not asked for")
            #expect(answer.headers[.xChecksumSHA256] == digests.sha256.hex)
        }
        // Known from the bytes alone.
        let late = try await bench.send(.put, target, body: "other")
        #expect(late.status == 409)
        #expect(late.readCount > 0)
        #expect(try await bench.send(.get, target).text == "hello")
        #expect(bench.scope.blobs.openUploadCount == 0)
    }

    @Test func otherBytesReplaceWhereTheProjectAllows() async throws {
        let bench = GenericBench(allowsReplacing: true)
        _ = try await bench.send(.put, target, body: "hello")
        #expect(try await bench.send(.put, target, body: "something else").status == 201)
        #expect(try await bench.send(.get, target).text == "something else")
    }

    @Test func conditionsAreDecidedBeforeTheBody() async throws {
        let bench = GenericBench(allowsReplacing: true)
        let absent: [HTTPFields] = [[.ifMatch: "*"], [.ifMatch: tag(digests)]]
        for headers in absent {
            let answer = try await bench.send(.put, target, headers, body: "hello")
            #expect(answer.status == 412)
            #expect(answer.readCount == 0)
        }
        #expect(
            try await bench.send(.put, target, [.ifNoneMatch: "*"], body: "hello").status == 201)
        let past = bench.scope.clock.now().advanced(bySeconds: -1).httpDate
        let taken: [HTTPFields] = [
            [.ifNoneMatch: "*"], [.ifNoneMatch: tag(digests)], [.ifMatch: tag(otherDigest)],
            [.ifMatch: "W/" + tag(digests)], [.ifMatch: "nonsense"], [.ifNoneMatch: "nonsense"],
            [.ifUnmodifiedSince: past], [.ifMatch: tag(digests), .ifNoneMatch: "*"],
        ]
        for headers in taken {
            let answer = try await bench.send(.put, target, headers, body: "hello")
            #expect(answer.status == 412, "\(headers)")
            #expect(answer.readCount == 0, "\(headers)")
            #expect(answer.headers[.eTag] == tag(digests))
            #expect(answer.headers[.xChecksumSHA256] == digests.sha256.hex)
        }
        let fitting: [HTTPFields] = [
            [.ifMatch: tag(digests)], [.ifMatch: "*"], [.ifMatch: "\"x\", " + tag(digests)],
            [.ifNoneMatch: tag(otherDigest)],
            [.ifUnmodifiedSince: bench.scope.clock.now().httpDate],
        ]
        for headers in fitting {
            #expect(
                try await bench.send(.put, target, headers, body: "hello").status == 201,
                "\(headers)")
        }
        #expect(bench.scope.blobs.openUploadCount == 0)
    }

    @Test(arguments: ["absent", "matches"])
    func aConditionHoldsUntilTheEnd(_ kind: String) async throws {
        // Somebody else publishes after the condition was weighed and before ours is stored.
        let bench = GenericBench(allowsReplacing: true)
        var headers: HTTPFields = [.ifNoneMatch: "*"]
        if kind == "matches" {
            _ = try await bench.send(.put, target, body: "hello")
            headers = [.ifMatch: tag(digests)]
        }
        bench.scope.beforeNextPublish { scope in
            scope.place(Array("faster".utf8), at: FileAddress("/tool/1.0/bin/tool"))
        }
        #expect(try await bench.send(.put, target, headers, body: "mine").status == 412)
        #expect(try await bench.send(.get, target).text == "faster")
    }

    @Test func announcedDigestsAreVerified() async throws {
        let right: [HTTPFields] = [
            [.contentDigest: digests.digestField], [.reprDigest: digests.digestField],
            [.xChecksumSHA256: digests.sha256.hex], [.xChecksumSHA1: digests.sha1 ?? ""],
            [.xChecksumMD5: digests.md5 ?? ""], [.xChecksumSHA512: digests.sha512 ?? ""],
            [.contentMD5: "XUFAKrxLKna5cZ2REBfFkg=="],
            [.legacyDigest: "SHA=qvTGHdzF6KLavt4PO0gs2a6pQ00="],
        ]
        for (index, headers) in right.enumerated() {
            let file = "/tool/1.0/right\(index)"
            #expect(try await bench.send(.put, file, headers, body: "hello").status == 201)
            let wrong = "/tool/1.0/wrong\(index)"
            let answer = try await bench.send(.put, wrong, headers, body: "HELLO")
            #expect(answer.status == 422, "\(headers)")
            #expect(answer.text.contains(#""reason":"digest_mismatch""#))
            #expect(try await bench.send(.get, wrong).status == 404, "nothing becomes visible")
        }
        #expect(bench.scope.blobs.openUploadCount == 0)
    }

    @Test func everyAnswerHasTheDigestsThatWereAskedFor() async throws {
        let headers: HTTPFields = [
            .xChecksumMD5: digests.md5 ?? "", .xChecksumSHA1: digests.sha1 ?? "",
            .xChecksumSHA512: digests.sha512 ?? "",
        ]
        let stored = try await bench.send(.put, target, headers, body: "hello")
        let tag = stored.headers[.eTag] ?? ""
        let answers = [
            stored,
            try await bench.send(.get, target), try await bench.send(.head, target),
            try await bench.send(.get, target, [.range: "bytes=0-1"]),
            try await bench.send(.get, target, [.range: "bytes=0-0,2-2"]),
            try await bench.send(.get, target, [.range: "bytes=99-"]),
            try await bench.send(.get, target, [.ifNoneMatch: tag]),
            try await bench.send(.get, target, [.ifMatch: "\"x\""]),
            try await bench.send(.put, target, [.ifNoneMatch: "*"], body: "hello"),
            try await bench.send(.put, target, body: "not hello"),
            try await bench.send(.delete, target, [.ifMatch: "\"x\""]),
        ]
        #expect(answers.map(\.status) == [201, 200, 200, 206, 206, 416, 304, 412, 412, 409, 412])
        for answer in answers {
            #expect(answer.headers[.xChecksumSHA256] == digests.sha256.hex, "\(answer.status)")
            #expect(answer.headers[.xChecksumMD5] == digests.md5, "\(answer.status)")
            #expect(answer.headers[.xChecksumSHA1] == digests.sha1, "\(answer.status)")
            #expect(answer.headers[.xChecksumSHA512] == digests.sha512, "\(answer.status)")
        }
    }

    @Test(
        arguments: [
            ([.xChecksumSHA256: "nonsense"], 400), ([.contentDigest: "sha-256=abc"], 400),
            ([.contentMD5: "abc"], 400), ([.contentRange: "bytes 0-4/10"], 400),
            ([.contentEncoding: "gzip"], 415), ([.contentEncoding: "identity"], 201),
        ] as [(HTTPFields, Int)])
    func headersThatCannotBeTaken(_ headers: HTTPFields, _ status: Int) async throws {
        let answer = try await bench.send(.put, target, headers, body: "hello")
        #expect(answer.status == status)
        #expect(status == 201 || answer.readCount == 0)
        #expect(bench.scope.blobs.openUploadCount == 0)
    }

    @Test func aShorterBodyThanAnnouncedIsNotStored() async throws {
        let answer = try await bench.send(.put, target, [.contentLength: "9"], body: "hello")
        #expect(answer.status == 422)
        #expect(try await bench.send(.get, target).status == 404)
    }

    @Test func aGroupIsReadOnly() async throws {
        let bench = GenericBench(isUnion: true)
        bench.scope.place(Array("hello".utf8), at: FileAddress(target))
        #expect(try await bench.send(.get, target).text == "hello")
        // Even where the head alone would say 409 or 412.
        for headers in [HTTPFields(), [.ifNoneMatch: "*"]] {
            let answer = try await bench.send(.put, target, headers, body: "something else")
            #expect(answer.status == 405)
            #expect(answer.headers[.allow] == "GET, HEAD")
            #expect(answer.readCount == 0)
        }
        #expect(try await bench.send(.delete, target).status == 405)
        #expect(try await bench.send(.delete, "/tool/1.0").status == 405)
    }

    @Test func theNameOfADeletedVersionStaysReserved() async throws {
        _ = try await bench.send(.put, target, body: "hello")
        #expect(try await bench.send(.delete, target).status == 204)
        #expect(try await bench.send(.put, target, body: "another").status == 201)
        #expect(try await bench.send(.delete, "/tool/1.0").status == 204)
        let answer = try await bench.send(.put, target, body: "another")
        #expect(answer.status == 409)
        #expect(answer.text.contains(#""reason":"name_reserved""#))
    }
}
