import GenericFormat
import HTTPTypes
import Registry
import TestSupport
import Testing

@Suite("Addresses of the generic format")
struct GenericPathTests {
    private static let long = String(repeating: "a", count: 255)

    @Test(arguments: [
        ("/tool/1.0/tool.tar.gz", "tool", "1.0", "tool.tar.gz"),
        ("/tool/1.0/linux/x86_64/tool", "tool", "1.0", "linux/x86_64/tool"),
        ("/tool/1.0/linux%2Fx86_64%2Ftool", "tool", "1.0", "linux/x86_64/tool"),
        ("/tool/1.0/linux%2fx86_64/tool", "tool", "1.0", "linux/x86_64/tool"),
        ("//tool///1.0//a", "tool", "1.0", "a"),
        ("/%74ool/1%2E0/tool%2Etar%2Egz", "tool", "1.0", "tool.tar.gz"),
        ("/My_Tool-1.x+y/v1/f", "My_Tool-1.x+y", "v1", "f"),
        (
            "/t/1.2.3~rc1-1+b2/helloworld_1.2.3~rc1-1_amd64.deb", "t", "1.2.3~rc1-1+b2",
            "helloworld_1.2.3~rc1-1_amd64.deb"
        ),
        ("/t/1/user@host.txt", "t", "1", "user@host.txt"),
        ("/t/1/.hidden", "t", "1", ".hidden"),
        ("/t/1/...", "t", "1", "..."),
        ("/t/1/a..b", "t", "1", "a..b"),
        ("/t/1/dir/~x/@y/z", "t", "1", "dir/~x/@y/z"),
        ("/0/0/0", "0", "0", "0"),
        ("/-/-/-", "-", "-", "-"),
        ("/_/_/_", "_", "_", "_"),
        ("/eu.artectrex.eu/v1/app-release.apk", "eu.artectrex.eu", "v1", "app-release.apk"),
        ("/\(long)/\(long)/\(long)", long, long, long),
        ("/t/2024-01-31_12.00/f", "t", "2024-01-31_12.00", "f"),
    ])
    func files(_ target: String, _ package: String, _ version: String, _ path: String) throws {
        let address = FileAddress(
            format: "generic", package: package, version: version, path: path)
        #expect(try GenericClient.parse(.get, target) == .downloadFile(address))
        #expect(try GenericClient.parse(.head, target) == .downloadFile(address))
        #expect(try GenericClient.parse(.delete, target) == .deleteFile(address))
        #expect(
            try GenericClient.parse(.put, target)
                == .uploadFile(address, GenericUploadOptions()))
    }

    @Test(arguments: ["/tool/1.0", "/tool/1.0/", "/tool/1.0///", "//tool/1%2e0"])
    func versions(_ target: String) throws {
        let version = GenericVersion(package: "tool", name: "1.0")
        #expect(try GenericClient.parse(.get, target) == .listFiles(version, PageRequest()))
        #expect(try GenericClient.parse(.head, target) == .listFiles(version, PageRequest()))
        #expect(try GenericClient.parse(.delete, target) == .deleteVersion(version))
        #expect(
            try GenericClient.parse(.get, target + "?page=3&per_page=7")
                == .listFiles(version, PageRequest(number: 3, size: 7)))
    }

    @Test(arguments: ["/", "//", "/tool", "/tool/", "/%20", "/..a"])
    func notAddresses(_ target: String) throws {
        for method in [HTTPRequest.Method.get, .put, .delete, .post] {
            #expect(try GenericClient.parse(method, target) == nil)
        }
    }

    /// What no spelling may let through, in every place of an address.
    static let forbiddenEverywhere = [
        "%00", "a%00b", "%0a", "a%0D%0Ab", "%7f", "%1b", "..", ".", "%2e%2e", "%2E", ".%2e",
        "%2e.", "%5c", "..%5c..", "a%5Cb", "\\", "a b", "a%20b", "%", "%2", "%zz", "a%", "%u0061",
        "%c0%ae%c0%ae", "%ff", "%ed%a0%80", "a:b", "a*b", "a?b%3F", "a%3Fb", "a%23b", "a%22b",
        "a'b", "a<b", "a>b", "a|b", "a$b", "a&b", "a;b", "a=b", "a,b", "a(b)", "a!b", "a`b",
        "a^b", "a{b}", "a[b]", "%25", "%252e%252e", "%252f", "ü", "%C3%BC", "%E2%80%AE",
        "a%E2%80%8Bb", "%EF%BC%8E%EF%BC%8E", "\(long)a", String(repeating: "a", count: 8192),
    ].filter { !$0.hasPrefix("a?b") }

    @Test(arguments: forbiddenEverywhere)
    func forbiddenNames(_ name: String) {
        let targets = [
            "/\(name)/1.0/f", "/tool/\(name)/f", "/tool/1.0/\(name)", "/tool/1.0/dir/\(name)",
            "/tool/1.0/\(name)/f", "/\(name)/1.0", "/tool/\(name)",
        ]
        for target in targets {
            for method in [HTTPRequest.Method.get, .head, .put, .delete] {
                let failure = #expect(throws: RegistryError.self, "\(method) \(target)") {
                    try GenericClient.parse(method, target)
                }
                #expect(failure?.code == .malformed, "\(method) \(target)")
            }
        }
    }

    @Test(arguments: [
        // A separator in a name of one segment.
        "/a%2Fb/1.0/f", "/tool/1%2F0/f", "/tool%2f1.0/1.0/f", "/%2F/1.0/f", "/tool/%2f/f",
        "/a%2f..%2fb/1.0/f", "/tool/..%2f..%2fsecret/f",
        // Paths that leave the version, or have holes.
        "/tool/1.0/..%2f..%2fother%2f1.0%2ff", "/tool/1.0/a%2f..%2fb", "/tool/1.0/a%2f%2e%2e%2fb",
        "/tool/1.0/%2fetc%2fpasswd", "/tool/1.0/a%2f", "/tool/1.0/a%2f%2fb", "/tool/1.0/%2f",
        "/tool/1.0/a%2f.%2fb", "/tool/1.0/../../f", "/tool/1.0/./f", "/tool/1.0/a%5c..%5cb",
        // Rules of GitLab.
        "/tool/1..0/f", "/tool/1.0../f", "/tool/..1/f", "/.../1.0/f", "/a@b/1.0/f", "/a~b/1.0/f",
        "/tool/1@0/f", "/tool/1.0/~f", "/tool/1.0/f~", "/tool/1.0/@f", "/tool/1.0/f@",
        "/tool/1.0/~", "/tool/1.0/@", "/tool/1.0/~dir/f", "/tool/1.0/dir/f~",
        // A file is not a folder.
        "/tool/1.0/f/", "/tool/1.0/dir/f/",
        // Too deep, and too long.
        "/tool/1.0/" + String(repeating: "a/", count: 32) + "f",
        "/tool/1.0/" + String(repeating: String(repeating: "a", count: 250) + "/", count: 5) + "f",
    ])
    func forbiddenAddresses(_ target: String) {
        for method in [HTTPRequest.Method.get, .put, .delete] {
            let failure = #expect(throws: RegistryError.self, "\(method) \(target)") {
                try GenericClient.parse(method, target)
            }
            #expect(failure?.code == .malformed, "\(method) \(target)")
        }
    }

    @Test func refusalsNameTheRule() {
        let rules = [
            ("/a b/1/f", "package"), ("/a/1..0/f", "version"), ("/a/1/~f", "'~'"),
            ("/a/1/f/", "'/'"),
        ]
        for (target, word) in rules {
            let failure = #expect(throws: RegistryError.self) {
                try GenericClient.parse(
                    .put, target.split(separator: " ").joined(separator: "%20"))
            }
            #expect(failure?.message.contains(word) == true, "\(target)")
            #expect(failure?.reason == "name_invalid")
        }
    }

    @Test(arguments: [
        (HTTPRequest.Method.post, "/tool/1.0/f", "GET, HEAD, PUT, DELETE"),
        (.patch, "/tool/1.0/f", "GET, HEAD, PUT, DELETE"),
        (.options, "/tool/1.0/f", "GET, HEAD, PUT, DELETE"),
        (.trace, "/tool/1.0/f", "GET, HEAD, PUT, DELETE"),
        (.put, "/tool/1.0", "GET, HEAD, DELETE"),
        (.put, "/tool/1.0/", "GET, HEAD, DELETE"),
        (.post, "/tool/1.0", "GET, HEAD, DELETE"),
    ])
    func otherMethods(_ method: HTTPRequest.Method, _ target: String, _ allow: String) {
        let failure = #expect(throws: RegistryError.self) {
            try GenericClient.parse(method, target)
        }
        #expect(failure?.code == .methodNotAllowed)
        #expect(failure?.headers[.allow] == allow)
    }

    @Test(
        arguments: [
            ("", nil, false), ("?status=default", .default, false),
            ("?status=hidden", .hidden, false),
            ("?select=package_file", nil, true),
            ("?status=hidden&select=package_file", .hidden, true), ("?unknown=1", nil, false),
        ] as [(String, VersionStatus?, Bool)])
    func uploadQueries(_ query: String, _ status: VersionStatus?, _ answers: Bool) throws {
        #expect(
            try GenericClient.parse(.put, "/t/1/f" + query)
                == .uploadFile(
                    FileAddress("/t/1/f"),
                    GenericUploadOptions(status: status, answersWithFile: answers)))
    }

    @Test(arguments: [
        "?status=", "?status", "?status=Hidden", "?status=error", "?status=processing",
        "?select=", "?select=all", "?status=%zz",
    ])
    func badUploadQueries(_ query: String) {
        let failure = #expect(throws: RegistryError.self) {
            try GenericClient.parse(.put, "/t/1/f" + query)
        }
        #expect(failure?.code == .malformed)
    }

    @Test func operationsDeclareWhatTheyTouch() throws {
        let examples = try GenericFormat.examples.compactMap {
            try GenericClient.parse($0.method, $0.tail)
        }
        #expect(
            examples.map(\.label) == [
                "generic.file.upload", "generic.file.download", "generic.file.download",
                "generic.file.delete", "generic.version.list", "generic.version.delete",
            ])
        let actions: [AccessAction] = [
            .publishPackages, .readPackages, .readPackages, .deletePackages, .readPackages,
            .deletePackages,
        ]
        for (example, action) in zip(examples, actions) {
            let version = action == .publishPackages ? "1.0" : nil
            #expect(
                example.access == [AccessRequirement(action, package: "tool", version: version)])
        }
        #expect(
            examples.map(\.bodyLimitBytes) == [GenericFormat.fileLimitBytes, 0, 0, 0, 0, 0])
        #expect(GenericFormat.fileLimitBytes >= 20 << 30)
        #expect(GenericFormat.stage == .generalAvailability)
    }

    /// Whatever the address, it is read, refused in words, or none of the format's; and what is read
    /// leads nowhere else.
    @Test func anyAddressIsReadOrRefused() {
        var random = SeededGenerator.announced()
        let pieces = [
            "tool", "1.0", "/", "/", "/", "//", "..", ".", "%2e", "%2F", "%5c", "%00", "%", "é",
            "~",
            "@", "a b", "%C3%BC", Self.long, "-", "_", "+", ":", "\\",
        ]
        let methods: [HTTPRequest.Method] = [.get, .head, .put, .delete, .post]
        var readCount = 0
        for _ in 0..<20_000 {
            // Half of them begin as most addresses do.
            let start = Bool.random(using: &random) ? "/tool/1.0/a" : "/"
            let target = (0..<Int.random(in: 0...6, using: &random)).reduce(into: start) {
                target, _ in target += pieces.randomElement(using: &random) ?? ""
            }
            do throws(RegistryError) {
                let method = methods.randomElement(using: &random) ?? .get
                switch try GenericClient.parse(method, target) {
                case .uploadFile(let address, _)?, .downloadFile(let address)?,
                    .deleteFile(let address)?:
                    readCount += 1
                    let segments = address.path.split(
                        separator: "/", omittingEmptySubsequences: false)
                    for name in [address.package, address.version.description] {
                        #expect(!name.contains("/") && name != ".." && name != ".", "\(target)")
                    }
                    #expect(!segments.contains { ["", ".", ".."].contains($0) }, "\(target)")
                    let bytes = address.path.utf8
                    #expect(!bytes.contains { $0 < 0x20 || $0 == 0x5C }, "\(target)")
                case .listFiles?, .deleteVersion?, nil: continue
                }
            } catch {
                #expect(
                    [.malformed, .methodNotAllowed].contains(error.code), "\(target): \(error)")
            }
        }
        #expect(readCount > 100)
    }
}
