import HTTPTypes
import Registry
import Testing

@testable import OCIFormat

@Suite("Addresses of OCI")
struct OCIPathTests {
    private static let hex = String(repeating: "0f", count: 32)
    private static let digest = "sha256:" + hex

    private static func head(
        _ method: HTTPRequest.Method, _ target: String, _ headers: HTTPFields = [:],
        mountPath: String = "/v2", origin: PublicOrigin? = nil
    ) throws -> RequestHead {
        let halves = target.split(separator: "?", maxSplits: 1)
        return RequestHead(
            method: method, tail: try RequestPath(parsing: halves[0]),
            query: try RequestQuery(parsing: halves.count == 2 ? halves[1] : ""),
            headers: headers,
            origin: origin ?? PublicOrigin(scheme: "https", authority: "packages.example"),
            mountPath: mountPath, requestID: "r1")
    }

    private static func parse(
        _ method: HTTPRequest.Method, _ target: String, _ headers: HTTPFields = [:]
    ) throws -> OCIOperation? {
        try OCIFormat().parse(try head(method, target, headers))
    }

    @Test(
        arguments: [
            ("/", .root), ("/_catalog", .catalogue), ("/_catalog/", .catalogue),
            ("/a/manifests/latest", .manifest(["a"], "latest")),
            ("/a/b/c/d/e/manifests/latest", .manifest(["a", "b", "c", "d", "e"], "latest")),
            ("/a/tags/list", .tags(["a"])), ("/a/tags/list/", .tags(["a"])),
            ("/a/referrers/\(digest)", .referrers(["a"], digest)),
            ("/a/blobs/\(digest)", .blob(["a"], digest)),
            ("/a/blobs/uploads/", .uploads(["a"])), ("/a/blobs/uploads", .uploads(["a"])),
            ("/a/blobs/uploads/17", .upload(["a"], "17")),
            // Words of the addresses in names: the last ones count.
            ("/tags/list/manifests/tags/list", .tags(["tags", "list", "manifests"])),
            ("/blobs/manifests/manifests/1", .manifest(["blobs", "manifests"], "1")),
            ("/a/blobs/uploads/manifests/1", .manifest(["a", "blobs", "uploads"], "1")),
            (
                "/manifests/blobs/uploads/blobs/uploads/x",
                .upload(
                    ["manifests", "blobs", "uploads"], "x")
            ),
            ("/uploads/uploads/tags/list", .tags(["uploads", "uploads"])),
            ("/a/uploads/manifests/list", .manifest(["a", "uploads"], "list")),
            ("/_catalog/manifests/x", .manifest(["_catalog"], "x")),
        ] as [(String, OCIPath)])
    func paths(_ target: String, _ path: OCIPath) throws {
        let segments = try RequestPath(parsing: target).segments
        #expect(OCIPath(parsing: segments) == path)
        // Whoever finds the project for an address reads the same name out of it.
        let whole = try RequestPath(parsing: "/v2" + target)
        #expect(
            OCIFormat.locate(whole)
                == FormatLocation(
                    prefixCount: 1, scope: path.repository.map(NamespaceReference.longestProject)))
    }

    @Test(arguments: [
        "/a", "/a/b", "/manifests/x", "/tags/list", "/blobs/uploads", "/blobs/\(digest)",
        "/a/tags", "/a/tags/lists", "/a/blobs", "/a/blobs/uploads/1/2", "/a/uploads/1",
        "/_catalog/x", "/a/manifests/x/y",
    ])
    func noPaths(_ target: String) throws {
        #expect(OCIPath(parsing: try RequestPath(parsing: target).segments) == nil)
        let failure = #expect(throws: RegistryError.self) { try Self.parse(.get, target) }
        #expect(failure?.code == .notFound)
        #expect(
            OCIFormat.locate(try RequestPath(parsing: "/v2" + target))
                == FormatLocation(prefixCount: 1, scope: nil))
    }

    @Test func otherAddressesAreNotLocated() throws {
        for path in ["/", "/v1/x", "/api/v4/x", "/gitlab", "/gitlab/v2", "/acme/-/oci/v2"] {
            #expect(OCIFormat.locate(try RequestPath(parsing: path)) == nil, "\(path)")
        }
        for mount in ["/acme/web/-/oci", "/-/oci", "/api/v4/packages/oci"] {
            let head = try Self.head(.get, "/a/tags/list", mountPath: mount)
            #expect(try OCIFormat().parse(head) == nil)
        }
    }

    @Test(
        arguments: [
            (.get, "/", .checkVersion), (.head, "/", .checkVersion),
            (.get, "/_catalog", .listCatalogue(OCIPage())),
            (.get, "/_catalog?n=2&last=a%2Fb", .listCatalogue(OCIPage(size: 2, last: "a/b"))),
            (.get, "/a/blobs/uploads/1", .showUpload("1")),
            (.head, "/a/blobs/uploads/1", .showUpload("1")),
            (.delete, "/a/blobs/uploads/1", .cancelUpload("1")),
            (.patch, "/a/blobs/uploads/1", .appendToUpload("1", nil)),
            (.post, "/a/blobs/uploads/", .beginUpload(OCIUploadRequest(.session))),
            (
                .post, "/a/blobs/uploads/?digest-algorithm=sha512",
                .beginUpload(OCIUploadRequest(.session, algorithm: .sha512))
            ),
        ] as [(HTTPRequest.Method, String, OCIOperation)])
    func operations(
        _ method: HTTPRequest.Method, _ target: String, _ operation: OCIOperation
    ) throws {
        #expect(try Self.parse(method, target) == operation)
    }

    @Test func operationsOnContent() throws {
        let digest = try Digest(parsing: Self.digest)
        let tag = OCIReference.tag(try OCITag(parsing: "v1"))
        #expect(try Self.parse(.get, "/a/manifests/v1") == .pullManifest(tag))
        #expect(try Self.parse(.head, "/a/manifests/v1") == .pullManifest(tag))
        #expect(try Self.parse(.delete, "/a/manifests/v1") == .deleteManifest(tag))
        #expect(
            try Self.parse(.delete, "/a/manifests/\(digest)") == .deleteManifest(.digest(digest)))
        #expect(try Self.parse(.get, "/a/blobs/\(digest)") == .pullBlob(digest))
        #expect(try Self.parse(.delete, "/a/blobs/\(digest)") == .deleteBlob(digest))
        #expect(
            try Self.parse(.get, "/a/tags/list?n=0")
                == .listTags(try OCIRepositoryName(parsing: "a"), OCIPage(size: 0)))
        #expect(
            try Self.parse(.get, "/a/referrers/\(digest)?artifactType=x%2Fy")
                == .listReferrers(digest, OCIReferrersQuery(artifactType: "x/y")))
        #expect(
            try Self.parse(.put, "/a/blobs/uploads/1?digest=\(digest)", [.contentRange: "5-9"])
                == .finishUpload("1", OCIChunkRange(start: 5, end: 9), digest))
    }

    /// C-31.
    @Test func pushesOfManifests() throws {
        let digest = try Digest(parsing: Self.digest)
        let tags = try ["v1", "v1.2", "latest"].map { try OCITag(parsing: $0) }
        #expect(
            try Self.parse(
                .put, "/a/manifests/\(digest)?tag=v1&tag=v1.2&tag=latest&tag=v1")
                == .pushManifest(
                    OCIManifestPush(
                        reference: .digest(digest), tags: tags, digest: digest,
                        algorithm: .sha256)))
        #expect(
            try Self.parse(.put, "/a/manifests/v1?tag=v1.2&digest-algorithm=sha512")
                == .pushManifest(
                    OCIManifestPush(
                        reference: .tag(tags[0]), tags: Array(tags.prefix(2)), digest: nil,
                        algorithm: .sha512)))
        let many = (0...OCIManifestPush.tagLimitCount).map { "tag=t\($0)" }
        let refused = [
            ("?tag=.x", "tag_invalid"), ("?tag=", "tag_invalid"),
            ("?digest=sha256:x", "digest_invalid"),
            ("?digest=sha256:" + String(repeating: "0", count: 64), "digest_invalid"),
            ("?digest-algorithm=md5", "digest_invalid"),
            ("?" + many.joined(separator: "&"), "tag_invalid"),
        ]
        for (query, reason) in refused {
            let failure = #expect(throws: RegistryError.self) {
                try Self.parse(.put, "/a/manifests/\(digest)" + query)
            }
            #expect(failure?.reason == reason, "\(query)")
        }
    }

    /// C-11: whatever is wrong with a mount, there is a session; C-10: a blob in one request.
    @Test func beginningsOfUploads() throws {
        let digest = try Digest(parsing: Self.digest)
        let base = try OCIRepositoryName(parsing: "x/base")
        let cases: [(String, HTTPFields, OCIUploadRequest)] = [
            ("?mount=\(digest)&from=x%2Fbase", [:], OCIUploadRequest(.mount(digest, from: base))),
            ("?mount=\(digest)&from=x/base", [:], OCIUploadRequest(.mount(digest, from: base))),
            ("?mount=\(digest)", [:], OCIUploadRequest(.mount(digest, from: nil))),
            ("?mount=\(digest)&from=No", [:], OCIUploadRequest(.mount(digest, from: nil))),
            ("?mount=nonsense&from=x", [:], OCIUploadRequest(.session)),
            ("?digest=\(digest)", [:], OCIUploadRequest(.whole(digest))),
            ("?digest=\(digest)", [.contentLength: "5"], OCIUploadRequest(.whole(digest))),
            ("?digest=\(digest)", [.contentLength: "0"], OCIUploadRequest(.session)),
        ]
        for (query, headers, request) in cases {
            let operation = try Self.parse(.post, "/a/blobs/uploads/" + query, headers)
            #expect(operation == .beginUpload(request), "\(query)")
        }
        let mount = OCIOperation.beginUpload(cases[0].2)
        #expect(
            mount.access == [
                AccessRequirement(.publishPackages),
                AccessRequirement(
                    .readPackages, on: .namespace(.longestProject(["x", "base"])),
                    isOptional: true),
            ])
        let failure = #expect(throws: RegistryError.self) {
            try Self.parse(.post, "/a/blobs/uploads/?digest=sha256:x")
        }
        #expect(failure?.reason == "digest_invalid")
    }

    @Test(arguments: [
        (HTTPRequest.Method.post, "/", "GET, HEAD"), (.delete, "/_catalog", "GET, HEAD"),
        (.post, "/a/manifests/x", "GET, HEAD, PUT, DELETE"),
        (.put, "/a/tags/list", "GET, HEAD"), (.delete, "/a/tags/list", "GET, HEAD"),
        (.get, "/a/blobs/uploads/", "POST"), (.put, "/a/blobs/uploads/", "POST"),
        (.post, "/a/blobs/uploads/1", "GET, HEAD, PATCH, PUT, DELETE"),
        (.put, "/a/blobs/sha256:x", "GET, HEAD, DELETE"),
        (.options, "/a/referrers/sha256:x", "GET, HEAD"),
    ])
    func otherMethods(_ method: HTTPRequest.Method, _ target: String, _ allow: String) {
        let failure = #expect(throws: RegistryError.self) { try Self.parse(method, target) }
        #expect(failure?.code == .methodNotAllowed)
        #expect(failure?.headers[.allow] == allow)
    }

    @Test(arguments: [
        (HTTPRequest.Method.get, "/A/manifests/x", "name_invalid"),
        (.get, "/a%2Fb/manifests/x", "name_invalid"),
        (.get, "/a/manifests/sha256:x", "digest_invalid"),
        (.put, "/a/manifests/.x", "tag_invalid"), (.put, "/a/manifests/-", "tag_invalid"),
        (.get, "/a/blobs/x", "digest_invalid"), (.get, "/a/blobs/md5:00", "digest_invalid"),
        (.get, "/a/referrers/x", "digest_invalid"),
        (.put, "/a/blobs/uploads/1", "digest_invalid"),
        (.get, "/a/tags/list?n=-1", "page_invalid"), (.get, "/a/tags/list?n=x", "page_invalid"),
        (.get, "/_catalog?n=1.5", "page_invalid"),
    ])
    func refusals(_ method: HTTPRequest.Method, _ target: String, _ reason: String) {
        let failure = #expect(throws: RegistryError.self) { try Self.parse(method, target) }
        #expect(failure?.code == .malformed)
        #expect(failure?.reason == reason)
    }

    /// Whoever only looks gets told that there is nothing.
    @Test func tagsThatNobodyCanHaveAreNotThere() {
        for method in [HTTPRequest.Method.get, .head, .delete] {
            let failure = #expect(throws: RegistryError.self) {
                try Self.parse(method, "/a/manifests/.INVALID_MANIFEST_NAME")
            }
            #expect(failure?.code == .notFound)
            #expect(failure?.reason == "manifest_unknown")
        }
    }

    @Test func chunksHaveTheLengthTheyName() {
        let failure = #expect(throws: RegistryError.self) {
            try Self.parse(
                .patch, "/a/blobs/uploads/1", [.contentRange: "0-9", .contentLength: "9"])
        }
        #expect(failure?.reason == "size_invalid")
    }

    @Test(
        arguments: [
            ("/", .root), ("/repositories/a/b/", .repository(["a", "b"])),
            ("/repositories/a/b/tags/list/", .tags(["a", "b"])),
            ("/repositories/a/tags/detail/v1/", .tag(["a"], "v1")),
            ("/repository-paths/a/b/repositories/list/", .descendants(["a", "b"])),
        ] as [(String, GitLabPath)])
    func gitLabPaths(_ target: String, _ path: GitLabPath) throws {
        #expect(GitLabPath(parsing: try RequestPath(parsing: target).segments) == path)
        #expect(
            OCIFormat.locate(try RequestPath(parsing: "/gitlab/v1" + target))
                == FormatLocation(
                    prefixCount: 2, scope: path.repository.map(NamespaceReference.longestProject)))
    }

    @Test func gitLabQueries() throws {
        let query = try GitLabTagQuery(
            parsing: RequestQuery(
                parsing: "n=5&last=b&name=c&sort=-published_at&referrers=true&referrer_type=x,y"))
        #expect(query.size == 5)
        #expect(query.last == "b")
        #expect(query.nameContains == "c")
        #expect(query.order == .publishedAtDescending)
        #expect(query.listsReferrers)
        #expect(query.referrerTypes == ["x", "y"])
        #expect(try GitLabTagQuery(parsing: RequestQuery()).size == 100)
        for text in [
            "n=0", "n=1001", "n=x", "n=-1", "sort=size", "last=a&before=b", "name=a&name_exact=b",
        ] {
            let failure = #expect(throws: RegistryError.self) {
                try GitLabTagQuery(parsing: RequestQuery(parsing: text))
            }
            #expect(failure?.reason == "query_invalid", "\(text)")
        }
    }

    /// C-1.
    @Test func addressesInAnswersNameNoHost() throws {
        let plain = try Self.head(.get, "/a/b/tags/list?n=2&x=y%20z")
        #expect(
            plain.path(["a", "b", "blobs", Self.digest]) == "/v2/a/b/blobs/\(Self.digest)")
        #expect(
            plain.nextPageLink(last: "v1+2", size: 2)
                == "</v2/a/b/tags/list?x=y%20z&n=2&last=v1%2B2>; rel=\"next\"")
        let behindProxy = try Self.head(
            .get, "/a/tags/list",
            origin: PublicOrigin(
                scheme: "https", authority: "x.example:8443", pathPrefix: "/sub/path"))
        #expect(behindProxy.path(["a"]) == "/sub/path/v2/a")
        #expect(
            behindProxy.nextPageLink(last: "v", size: 1)
                == "</sub/path/v2/a/tags/list?n=1&last=v>; rel=\"next\"")
    }

    @Test func operationsDeclareWhatTheyTouch() throws {
        for example in OCIFormat.examples {
            let path = example.tail.split(separator: "{project}", omittingEmptySubsequences: false)
                .joined(separator: "acme/web")
            let halves = path.split(separator: "?", maxSplits: 1)
            let whole = try RequestPath(parsing: halves[0])
            let location = try #require(OCIFormat.locate(whole))
            let head = RequestHead(
                method: example.method, tail: whole.dropFirst(location.prefixCount),
                query: try RequestQuery(parsing: halves.count == 2 ? halves[1] : ""), headers: [:],
                origin: PublicOrigin(scheme: "http", authority: "a"),
                mountPath: "/"
                    + whole.segments.prefix(location.prefixCount)
                    .joined(separator: "/"),
                requestID: "r1")
            let operation = try #require(try OCIFormat().parse(head))
            let first = try #require(operation.access.first)
            #expect(first.isOptional == false, "\(example)")
            #expect((location.scope == nil) == (first.target == .instance), "\(example)")
            let isRead = example.method == .get || example.method == .head
            if isRead, !example.tail.contains("/uploads/") {
                #expect(first.action == .readPackages || first.action == .presentCredential)
            } else if example.method == .delete, !example.tail.contains("/uploads/") {
                #expect(first.action == .deletePackages, "\(example)")
            } else {
                #expect(first.action == .publishPackages, "\(example)")
            }
        }
        let labels = Set(
            OCIFormat.examples.map { "\($0.method) \($0.tail)" })
        #expect(labels.count == OCIFormat.examples.count)
        #expect(OCIFormat.blobLimitBytes >= 20 << 30)
        #expect(OCIFormat.stage == .generalAvailability)
        #expect(OCIFormat.family == .containerRegistry)
    }
}
