import FormatKit
import GenericFormat
import HTTPTypes
import Registry
import TestSupport
import Testing

@Suite("Reading from and deleting in the generic format")
struct GenericReadTests {
    private let bench = GenericBench()
    private let target = "/tool/1.0/bin/tool"
    private let content = "0123456789"

    private func place() -> FileRecord {
        bench.scope.place(Array(content.utf8), at: FileAddress(target))
    }

    @Test func ranges() async throws {
        let tag = "\"\(place().digests.sha256)\""
        let cases: [(HTTPFields, Int, String?)] = [
            ([.range: "bytes=2-4"], 206, "234"), ([.range: "bytes=-3"], 206, "789"),
            ([.range: "bytes=8-"], 206, "89"), ([.range: "bytes=10-"], 416, nil),
            ([.range: "bytes=x"], 200, content), ([.range: "lines=1-2"], 200, content),
            ([.range: "bytes=2-4", .ifRange: tag], 206, "234"),
            ([.range: "bytes=2-4", .ifRange: "\"old\""], 200, content),
            ([.range: "bytes=10-", .ifRange: "\"old\""], 200, content),
            ([.range: "bytes=10-", .ifNoneMatch: tag], 304, ""),
        ]
        for (headers, status, text) in cases {
            let answer = try await bench.send(.get, target, headers)
            #expect(answer.status == status, "\(headers)")
            if let text { #expect(answer.text == text, "\(headers)") }
        }
        let refused = try await bench.send(.get, target, [.range: "bytes=10-"])
        #expect(refused.headers[.contentRange] == "bytes */10")
        #expect(refused.text.hasPrefix(#"{"message":"#))
    }

    @Test func headIsGetWithoutTheBody() async throws {
        let file = place()
        for path in [target, "/tool/1.0", "/tool/1.0?per_page=1", "/tool/1.0/none", "/none/1.0"] {
            let conditions: [HTTPFields] = [
                [:], [.ifNoneMatch: "\"\(file.digests.sha256)\""], [.ifMatch: "\"x\""],
                [.ifModifiedSince: file.createdAt.httpDate],
            ]
            for headers in conditions {
                let get = try await bench.send(.get, path, headers)
                let head = try await bench.send(.head, path, headers)
                #expect(head.status == get.status, "\(path) \(headers)")
                #expect(head.headers == get.headers, "\(path) \(headers)")
                #expect(head.body.count == get.body.count, "\(path) \(headers)")
            }
        }
    }

    @Test func whatIsNotThereIsNotFound() async throws {
        for (method, path) in [
            (HTTPRequest.Method.get, target), (.head, target), (.delete, target),
            (.get, "/tool/1.0"), (.delete, "/tool/1.0"),
        ] {
            let answer = try await bench.send(method, path)
            #expect(answer.status == 404)
            #expect(answer.headers[.contentType] == "application/json")
            #expect(answer.text.hasPrefix(#"{"message":"there is no such "#))
        }
    }

    @Test func listsTheFilesOfAVersion() async throws {
        for name in ["b", "a/z", "a", "B", "a-b"] {
            bench.scope.place(Array(name.utf8), at: FileAddress("/tool/1.0/\(name)"))
        }
        bench.scope.place(Array("x".utf8), at: FileAddress("/tool/2.0/other"))
        let whole = try await bench.send(.get, "/tool/1.0/")
        #expect(whole.status == 200)
        #expect(whole.headers[.contentType] == "application/json")
        #expect(Self.names(whole.text) == ["B", "a", "a-b", "a/z", "b"])
        #expect(whole.headers[.xTotal] == "5")
        let second = try await bench.send(.get, "/tool/1.0?page=2&per_page=2")
        #expect(Self.names(second.text) == ["a-b", "a/z"])
        #expect(second.headers[.xNextPage] == "3")
        #expect(second.headers[.xPreviousPage] == "1")
        #expect(second.headers[.xTotalPages] == "3")
        #expect(
            second.headers[.link]?.contains(
                "<https://packages.example/acme/web/-/generic/tool/1.0?page=3&per_page=2>; "
                    + "rel=\"next\"") == true)
        #expect(Self.names(try await bench.send(.get, "/tool/1.0?page=9").text) == [])
        #expect(try await bench.send(.get, "/tool/1.0?page=x").status == 400)
    }

    @Test func aListedFileIsDescribed() async throws {
        let file = place()
        let answer = try await bench.send(.get, "/tool/1.0")
        #expect(
            answer.text
                == #"[{"id":2,"package_id":1,"created_at":"\#(file.createdAt.iso8601)","#
                + #""file_name":"bin/tool","size":10,"file_md5":null,"file_sha1":null,"#
                + #""file_sha256":"\#(file.digests.sha256.hex)","file_sha512":null,"#
                + #""media_type":"application/octet-stream","#
                + #""url":"https://packages.example/acme/web/-/generic/tool/1.0/bin/tool"}]"#)
    }

    @Test func urlsEncodeWhatNeedsIt() async throws {
        _ = try await bench.send(.put, "/c++/1.0+b/a@b/c+d", body: "x")
        let answer = try await bench.send(.get, "/c++/1.0+b")
        let url = "https://packages.example/acme/web/-/generic/c%2B%2B/1.0%2Bb/a%40b/c%2Bd"
        #expect(answer.text.contains(#""url":"\#(url)""#))
        let target = url.dropFirst("https://packages.example/acme/web/-/generic".count)
        #expect(try await bench.send(.get, String(target)).text == "x")
    }

    @Test func deletesAFile() async throws {
        _ = place()
        bench.scope.place([1], at: FileAddress("/tool/1.0/stays"))
        let answer = try await bench.send(.delete, target)
        #expect(answer.status == 204)
        #expect(answer.body.isEmpty)
        #expect(try await bench.send(.get, target).status == 404)
        #expect(try await bench.send(.get, "/tool/1.0/stays").status == 200)
        #expect(try await bench.send(.delete, target).status == 404)
    }

    @Test func deletesOnACondition() async throws {
        let tag = "\"\(place().digests.sha256)\""
        let refused: [HTTPFields] = [
            [.ifMatch: "\"x\""], [.ifNoneMatch: "*"], [.ifNoneMatch: tag], [.ifMatch: "W/" + tag],
            [.ifUnmodifiedSince: bench.scope.clock.now().advanced(bySeconds: -1).httpDate],
        ]
        for headers in refused {
            #expect(try await bench.send(.delete, target, headers).status == 412, "\(headers)")
        }
        #expect(try await bench.send(.get, target).status == 200)
        #expect(try await bench.send(.delete, target, [.ifMatch: tag]).status == 204)
        #expect(try await bench.send(.delete, target, [.ifMatch: tag]).status == 412)
        #expect(try await bench.send(.delete, target, [.ifNoneMatch: "\"x\""]).status == 404)
    }

    @Test func deletesAVersion() async throws {
        _ = place()
        bench.scope.place([1], at: FileAddress("/tool/2.0/stays"))
        #expect(try await bench.send(.delete, "/tool/1.0", [.ifMatch: "\"x\""]).status == 412)
        #expect(try await bench.send(.delete, "/tool/1.0/").status == 204)
        #expect(try await bench.send(.get, target).status == 404)
        #expect(try await bench.send(.get, "/tool/1.0").status == 404)
        #expect(try await bench.send(.delete, "/tool/1.0").status == 404)
        #expect(try await bench.send(.get, "/tool/2.0/stays").status == 200)
    }

    @Test func onlyUploadsTakeABody() throws {
        for example in GenericFormat.examples {
            let operation = try #require(try GenericClient.parse(example.method, example.tail))
            #expect((operation.bodyLimitBytes > 0) == (example.method == .put))
        }
    }

    @Test func everyFailureIsRendered() throws {
        let head = try GenericClient.head(.get, target)
        for code in RegistryError.Code.allCases {
            let failure = RegistryError(code, "words")
            let response = bench.format.render(failure, for: head)
            #expect(response.status == failure.status)
            #expect(response.headers[.contentType] == "application/json")
            #expect((response.headers[.wwwAuthenticate] != nil) == (code == .unauthenticated))
        }
    }

    /// The values of `file_name`, in order.
    private static func names(_ json: String) -> [String] {
        json.split(separator: #""file_name":""#, omittingEmptySubsequences: false).dropFirst()
            .map { String($0.prefix { $0 != "\"" }) }
    }
}
