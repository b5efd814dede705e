import FormatKit
import HTTPTypes
import NIOCore
import Registry
import TestSupport
import Testing

@Suite("Answers with files")
struct FileResponseTests {
    private let content = Array("0123456789abcdefghij".utf8)
    private let scope = InMemoryScope()
    private let file: FileRecord

    init() {
        file = scope.place(
            content,
            at: FileAddress(format: "generic", package: "p", version: "1", path: "a/b.txt"),
            mediaType: "text/plain", hashes: [.md5, .sha512])
    }

    private func head(
        _ headers: HTTPFields = [:], method: HTTPRequest.Method = .get
    ) throws -> RequestHead {
        RequestHead(
            method: method, tail: RequestPath(segments: ["p", "1", "a", "b.txt"]),
            query: try RequestQuery(parsing: ""), headers: headers,
            origin: PublicOrigin(scheme: "http", authority: "localhost"), mountPath: "/x/-/generic",
            requestID: "r")
    }

    private func respond(_ head: RequestHead) async throws(RegistryError) -> FormatResponse {
        try await FileResponse(file, name: "b.txt").respond(to: head) {
            () async throws(RegistryError) in
            try await scope.open(file)
        }
    }

    @Test func whole() async throws {
        let response = try await respond(try head())
        #expect(response.status == .ok)
        #expect(try await response.body.collect() == content)
        #expect(response.body.length == 20)
        let fields = response.headers
        #expect(fields[.eTag] == "\"\(file.digests.sha256)\"")
        #expect(fields[.lastModified] == file.createdAt.httpDate)
        #expect(fields[.acceptRanges] == "bytes")
        #expect(fields[.contentType] == "text/plain")
        #expect(fields[.contentDisposition] == #"attachment; filename="b.txt""#)
        #expect(fields[.xContentTypeOptions] == "nosniff")
        #expect(fields[.cacheControl] == "private, no-cache")
        #expect(fields[.xChecksumSHA256] == file.digests.sha256.hex)
        #expect(fields[.xChecksumMD5] == file.digests.md5)
        #expect(fields[.xChecksumSHA512] == file.digests.sha512)
        #expect(fields[.xChecksumSHA1] == nil)
        #expect(fields[.reprDigest] == file.digests.digestField)
        #expect(fields[.contentDigest] == file.digests.digestField)
    }

    @Test func onePart() async throws {
        let response = try await respond(try head([.range: "bytes=10-12"]))
        #expect(response.status == .partialContent)
        #expect(response.headers[.contentRange] == "bytes 10-12/20")
        #expect(try await response.body.collect() == Array("abc".utf8))
        // The digest of the whole describes the representation and not this content.
        #expect(response.headers[.reprDigest] == file.digests.digestField)
        #expect(response.headers[.contentDigest] == nil)
        #expect(response.headers[.xChecksumSHA256] == file.digests.sha256.hex)
    }

    @Test func severalParts() async throws {
        let response = try await respond(try head([.range: "bytes=-2,0-1,100-"]))
        #expect(response.status == .partialContent)
        #expect(response.headers[.contentRange] == nil)
        let boundary = "packhouse-" + file.digests.sha256.hex.prefix(32)
        #expect(
            response.headers[.contentType] == "multipart/byteranges; boundary=\(boundary)")
        let body = try await response.body.collect()
        #expect(Int64(body.count) == response.body.length)
        #expect(
            String(decoding: body, as: UTF8.self)
                == "--\(boundary)\r\nContent-Type: text/plain\r\n"
                + "Content-Range: bytes 18-19/20\r\n\r\nij\r\n"
                + "--\(boundary)\r\nContent-Type: text/plain\r\n"
                + "Content-Range: bytes 0-1/20\r\n\r\n01\r\n--\(boundary)--\r\n")
    }

    @Test func behindTheEnd() async throws {
        let head = try head([.range: "bytes=20-"])
        let failure = await #expect(throws: RegistryError.self) { try await respond(head) }
        #expect(failure?.code == .rangeNotSatisfiable)
        #expect(failure?.headers[.contentRange] == "bytes */20")
        #expect(failure?.headers[.xChecksumSHA256] == file.digests.sha256.hex)
    }

    @Test(arguments: [
        ("now", 206), ("sha", 206), ("W/", 200), ("old", 200), ("date", 206), ("olddate", 200),
    ])
    func ifRange(_ kind: String, _ status: Int) async throws {
        let values = [
            "now": "\"\(file.digests.sha256)\"",
            "sha": FileResponse(file, name: "").validators
                .entityTag.description,
            "W/": "W/\"\(file.digests.sha256)\"", "old": "\"old\"",
            "date": file.createdAt.httpDate,
            "olddate": file.createdAt.advanced(bySeconds: -1).httpDate,
        ]
        let response = try await respond(
            try head([.range: "bytes=0-0", .ifRange: values[kind] ?? ""]))
        #expect(response.status.code == status)
    }

    @Test func notModified() async throws {
        let head = try head([.ifNoneMatch: "\"\(file.digests.sha256)\"", .range: "bytes=99-"])
        // Nothing is opened for it.
        let response = try await FileResponse(file, name: "b").respond(to: head) {
            () async throws(RegistryError) in
            throw RegistryError(.internalError, "opened")
        }
        #expect(response.status == .notModified)
        #expect(response.body.length == 0)
        #expect(response.headers[.eTag] == "\"\(file.digests.sha256)\"")
        #expect(response.headers[.xChecksumSHA256] == file.digests.sha256.hex)
        #expect(response.headers[.contentType] == nil)
    }

    @Test func conditionFailed() async throws {
        let head = try head([.ifMatch: "\"other\""])
        let failure = await #expect(throws: RegistryError.self) { try await respond(head) }
        #expect(failure?.code == .preconditionFailed)
        #expect(failure?.headers[.eTag] == "\"\(file.digests.sha256)\"")
    }

    @Test func aHeadIsTheGetAndIgnoresRanges() async throws {
        let get = try await respond(try head())
        for headers in [HTTPFields(), [.range: "bytes=0-0"], [.range: "bytes=99-"]] {
            let response = try await respond(try head(headers, method: .head))
            #expect(response.status == .ok)
            #expect(response.headers == get.headers)
            #expect(response.body.length == get.body.length)
        }
    }

    @Test func everyPartOfEveryRangeIsRight() async throws {
        var random = SeededGenerator.announced("FileResponseTests")
        for _ in 0..<300 {
            let first = Int.random(in: 0..<20, using: &random)
            let last = Int.random(in: first..<40, using: &random)
            let response = try await respond(try head([.range: "bytes=\(first)-\(last)"]))
            #expect(try await response.body.collect() == Array(content[first...min(last, 19)]))
            #expect(
                response.headers[.contentRange] == "bytes \(first)-\(min(last, 19))/20")
        }
    }

    @Test func failuresAreJSON() throws {
        let failure = RegistryError(
            .tooManyRequests, "wait \"a\" while", reason: "slow", detail: ["b": "2", "a": "1"],
            retryAfterSeconds: 7)
        let response = FormatResponse.jsonFailure(failure, for: try head())
        #expect(response.status == .tooManyRequests)
        #expect(response.headers[.retryAfter] == "7")
        #expect(response.headers[.contentType] == "application/json")
        guard case .bytes(let body) = response.body else {
            Issue.record("the body is not bytes")
            return
        }
        #expect(
            String(buffer: body)
                == #"{"message":"wait \"a\" while","reason":"slow","detail":{"a":"1","b":"2"}}"#)
    }

    @Test(
        arguments: [
            ([:], true), ([.secFetchMode: "navigate"], true), ([.secFetchMode: "cors"], false),
            ([.secFetchMode: "same-origin"], false), ([.xRequestedWith: "XMLHttpRequest"], false),
        ] as [(HTTPFields, Bool)])
    func challenges(_ headers: HTTPFields, _ isChallenged: Bool) throws {
        let failure = RegistryError(.unauthenticated, "who are you")
        let response = FormatResponse.jsonFailure(failure, for: try head(headers))
        #expect(response.status == .unauthorized)
        #expect(
            response.headers[.wwwAuthenticate]
                == (isChallenged ? #"Basic realm="Packhouse""# : nil))
    }
}
