import FormatKit
import HTTPTypes
import PyPIFormat
import Registry
import Testing

@Suite("Addresses of the PyPI format")
struct PyPIPathTests {
    private static let hex = String(repeating: "0a", count: 32)

    static func head(
        _ method: HTTPRequest.Method, _ target: String, _ headers: HTTPFields = [:]
    ) throws(RegistryError) -> RequestHead {
        let mark = target.firstIndex(of: "?") ?? target.endIndex
        return RequestHead(
            method: method, tail: try RequestPath(parsing: target[..<mark]),
            query: try RequestQuery(parsing: target[mark...].dropFirst()), headers: headers,
            origin: PublicOrigin(scheme: "https", authority: "packages.example"),
            mountPath: "/acme/web/-/pypi", requestID: "r1")
    }

    private static func file(_ name: String, _ isMetadata: Bool = false) throws -> PyPIOperation {
        .download(
            PyPIFileReference(
                digest: try Digest(.sha256, hex: hex), filename: name, isMetadata: isMetadata))
    }

    static let cases: [(HTTPRequest.Method, String, @Sendable () throws -> PyPIOperation)] = [
        (.post, "/", { .upload }), (.post, "/legacy/", { .upload }),
        (.get, "/", { .redirect("/simple/") }), (.head, "/", { .redirect("/simple/") }),
        (.get, "/simple/", { .listProjects }), (.head, "/simple/", { .listProjects }),
        (.get, "/simple", { .redirect("/simple/") }),
        (.get, "/simple/tool/", { .showProject("tool") }),
        (.get, "/simple/tool", { .redirect("/simple/tool/") }),
        (.get, "/simple/Foo.Bar_baz/", { .redirect("/simple/foo-bar-baz/") }),
        (.head, "/simple/Foo.Bar_baz", { .redirect("/simple/foo-bar-baz/") }),
        (.get, "/files/\(hex)/tool-1.0.tar.gz", { try file("tool-1.0.tar.gz") }),
        (.head, "/files/\(hex.uppercased())/tool-1.0.tar.gz", { try file("tool-1.0.tar.gz") }),
        (
            .get, "/files/\(hex)/t-1.0%2Bx-py3-none-any.whl",
            { try file("t-1.0+x-py3-none-any.whl") }
        ),
        (.get, "/files/\(hex)/t-1.0+x-py3-none-any.whl", { try file("t-1.0+x-py3-none-any.whl") }),
        (.get, "/files/\(hex)/tool-1.0.tar.gz.metadata", { try file("tool-1.0.tar.gz", true) }),
        (.get, "/pypi/Tool/json", { .describe("tool", version: nil) }),
        (.get, "/pypi/tool/1.0-rc1/json", { .describe("tool", version: "1.0rc1") }),
        (.get, "/Tool/json", { .describe("tool", version: nil) }),
        (.get, "/tool/1.0/json/", { .describe("tool", version: "1.0") }),
        (.put, "/simple/Tool/status", { .changeStatus("tool") }),
        (
            .get, "/integrity/Tool/1.0.0/tool-1.0.0.tar.gz/provenance",
            {
                .showProvenance(
                    FileAddress(
                        format: PyPIFormat.id, package: "tool", version: "1.0.0",
                        path: "tool-1.0.0.tar.gz"))
            }
        ),
    ]

    @Test(arguments: cases.indices)
    func parses(_ index: Int) throws {
        let (method, target, expected) = Self.cases[index]
        #expect(try PyPIFormat().parse(Self.head(method, target)) == expected())
    }

    @Test(arguments: [
        "/simple/tool/1.0/", "/files/", "/files/\(hex)", "/integrity/tool/1.0/tool-1.0.tar.gz",
        "/tool", "/simple/tool/other", "/a/b/c/d/e", "/pypi/tool",
    ])
    func isNoAddress(_ target: String) throws {
        #expect(try PyPIFormat().parse(Self.head(.get, target)) == nil)
    }

    @Test(arguments: [
        "/simple/-x/", "/simple/a%20b/", "/files/0a/tool-1.0.tar.gz",
        "/files/\(hex)/tool.exe", "/pypi/tool/one/json",
    ])
    func refusesNames(_ target: String) {
        let error = #expect(throws: RegistryError.self) {
            try PyPIFormat().parse(Self.head(.get, target))
        }
        #expect(error?.code == .malformed)
    }

    @Test(arguments: [
        (HTTPRequest.Method.post, "/simple/", "GET, HEAD"), (.put, "/", "GET, HEAD, POST"),
        (.delete, "/simple/tool/", "GET, HEAD"), (.get, "/simple/tool/status", "PUT"),
        (.post, "/files/\(hex)/tool-1.0.tar.gz", "GET, HEAD"),
    ])
    func refusesMethods(_ method: HTTPRequest.Method, _ target: String, _ allowed: String) {
        let error = #expect(throws: RegistryError.self) {
            try PyPIFormat().parse(Self.head(method, target))
        }
        #expect(error?.code == .methodNotAllowed)
        #expect(error?.headers[.allow] == allowed)
    }

    @Test func everyOperationHasAnExample() throws {
        let labels = try PyPIFormat.examples.compactMap { example in
            try PyPIFormat().parse(Self.head(example.method, example.tail))?.label
        }
        #expect(labels.count == PyPIFormat.examples.count)
        #expect(Set(labels).count == 8)
        #expect(PyPIFormat.stage == .beta)
    }
}
