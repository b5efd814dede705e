import Crypto
import NIOHTTP1
import Registry
import TestSupport
import Testing

/// A client that publishes, tags and deletes, and remembers what was acknowledged. Its packages are
/// its own; what is in them, others have as well.
actor CollectorCrashClient {
    /// Different contents of files and layers, shared by all clients, so that what one deletes
    /// another publishes.
    private static let contentCount = 40
    private static let imageCount = 15
    private static let pathCount = 12
    private static let tagCount = 4
    /// How often an image is pushed anew because something of it went meanwhile.
    private static let pushLimitCount = 50

    private let name: String
    private let site: CollectorCrashSite
    private var generator: SeededGenerator
    /// What each path and tag holds, by number.
    private var files: [Int: Int] = [:]
    private var tags: [Int: Int] = [:]
    /// How often something was acknowledged.
    private(set) var counts: [String: Int] = [:]

    init(_ number: Int, _ site: CollectorCrashSite, _ generator: SeededGenerator) {
        name = "c\(number)"
        self.site = site
        self.generator = generator
    }

    /// Does one thing, until it is acknowledged.
    func step() async throws {
        let number = Int.random(in: 0..<100, using: &generator)
        switch number {
        case 0..<40:
            let path = Int.random(in: 0..<Self.pathCount, using: &generator)
            if files[path] == nil { try await put(path) } else { try await delete(path) }
        case 40..<80: try await push(Int.random(in: 0..<Self.tagCount, using: &generator))
        case 80..<95: try await untag(Int.random(in: 0..<Self.tagCount, using: &generator))
        default: try await checkOne()
        }
    }

    // MARK: Files

    private func put(_ path: Int) async throws {
        let content = Int.random(in: 0..<Self.contentCount, using: &generator)
        let answer = try await site.send(.PUT, target(path), Self.content(content))
        try require(answer, [200, 201], "PUT \(target(path))")
        files[path] = content
        counts["put", default: 0] += 1
    }

    private func delete(_ path: Int) async throws {
        let answer = try await site.send(.DELETE, target(path))
        // Gone already where the first answer was lost.
        try require(answer, [200, 204, 404], "DELETE \(target(path))")
        files[path] = nil
        counts["delete", default: 0] += 1
    }

    private func target(_ path: Int) -> String {
        "/root/crash/-/generic/\(name)/\(path % 3).0/file-\(path)"
    }

    // MARK: Images

    private func push(_ tag: Int) async throws {
        let image = Int.random(in: 0..<Self.imageCount, using: &generator)
        for _ in 0..<Self.pushLimitCount {
            for blob in Self.blobs(image) { try await upload(blob) }
            let answer = try await site.send(
                .PUT, manifest(tag), Self.manifest(image),
                type: "application/vnd.oci.image.manifest.v1+json")
            if answer.status == 201 {
                tags[tag] = image
                counts["push", default: 0] += 1
                return
            }
            // A lease ended since: days pass here in seconds. The client begins anew.
            try require(answer, [400, 404, 409], "PUT \(manifest(tag))")
            counts["push again", default: 0] += 1
        }
        throw CollectorCrashSite.Unanswered(description: "\(manifest(tag)): never whole")
    }

    private func upload(_ blob: [UInt8]) async throws {
        let digest = Self.digest(blob)
        let head = try await site.send(.HEAD, "\(repository)/blobs/\(digest)")
        if head.status == 200 {
            counts["blob there", default: 0] += 1
            return
        }
        try require(head, [404], "HEAD of a blob")
        let answer = try await site.send(
            .POST, "\(repository)/blobs/uploads/?digest=\(digest)", blob)
        try require(answer, [201], "POST of a blob")
    }

    private func untag(_ tag: Int) async throws {
        guard tags[tag] != nil else { return }
        let answer = try await site.send(.DELETE, manifest(tag))
        try require(answer, [202, 404], "DELETE \(manifest(tag))")
        tags[tag] = nil
        counts["untag", default: 0] += 1
    }

    private var repository: String { "/v2/root/crash/\(name)" }

    private func manifest(_ tag: Int) -> String { "\(repository)/manifests/t\(tag)" }

    // MARK: What must be there

    private func checkOne() async throws {
        if let path = files.keys.sorted().randomElement(using: &generator) {
            try await checkFile(path)
        }
        if let tag = tags.keys.sorted().randomElement(using: &generator) {
            try await checkTag(tag)
        }
        counts["check", default: 0] += 1
    }

    /// Reads everything that was acknowledged and not deleted, and finds nothing else.
    func expectEverythingIsServed() async throws {
        for path in 0..<Self.pathCount { try await checkFile(path) }
        for tag in 0..<Self.tagCount { try await checkTag(tag) }
    }

    private func checkFile(_ path: Int) async throws {
        let answer = try await site.send(.GET, target(path))
        guard let content = files[path] else {
            return #expect(answer.status == 404, "\(target(path))")
        }
        #expect(
            answer.status == 200 && answer.body == Self.content(content),
            "\(target(path)): \(answer.status)")
    }

    private func checkTag(_ tag: Int) async throws {
        let answer = try await site.send(.GET, manifest(tag))
        guard let image = tags[tag] else {
            return #expect(answer.status == 404, "\(manifest(tag))")
        }
        #expect(
            answer.status == 200 && answer.body == Self.manifest(image),
            "\(manifest(tag)): \(answer.status)")
        for blob in Self.blobs(image) {
            let answer = try await site.send(.GET, "\(repository)/blobs/\(Self.digest(blob))")
            #expect(
                answer.status == 200 && answer.body == blob,
                "\(manifest(tag)) \(Self.digest(blob)): \(answer.status)")
        }
    }

    /// The digests of all blobs that this client's packages name.
    func expectedDigests() -> Set<String> {
        var digests = Set(files.values.map { Self.digest(Self.content($0)) })
        for image in tags.values {
            digests.insert(Self.digest(Self.manifest(image)))
            digests.formUnion(Self.blobs(image).map(Self.digest))
        }
        return digests
    }

    private func require(
        _ answer: CollectorCrashSite.Answer, _ statuses: [UInt], _ what: String
    ) throws {
        guard statuses.contains(answer.status) else {
            throw CollectorCrashSite.Unanswered(
                description: "\(name) \(what): \(answer.status) "
                    + String(decoding: answer.body, as: UTF8.self))
        }
    }

    // MARK: Contents

    private static let contents = (0..<contentCount).map { number -> [UInt8] in
        var generator = SeededGenerator(seed: UInt64(number) &+ 77)
        let size = number.isMultiple(of: 10) ? 200_000 : 100 + number * 300
        return (0..<size).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    private static func content(_ number: Int) -> [UInt8] { contents[number] }

    /// The config and the layers of an image.
    private static func blobs(_ image: Int) -> [[UInt8]] {
        [
            Array(#"{"architecture":"amd64","os":"linux","number":\#(image)}"#.utf8),
            content(image), content(image + 1),
        ]
    }

    private static func manifest(_ image: Int) -> [UInt8] {
        func descriptor(_ bytes: [UInt8], _ type: String) -> String {
            #"{"mediaType":"\#(type)","digest":"\#(digest(bytes))","size":\#(bytes.count)}"#
        }
        let blobs = blobs(image)
        let layers = blobs.dropFirst().map {
            descriptor($0, "application/vnd.oci.image.layer.v1.tar")
        }
        let config = descriptor(blobs[0], "application/vnd.oci.image.config.v1+json")
        return Array(
            (#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","#
                + #""config":\#(config),"layers":[\#(layers.joined(separator: ","))]}"#).utf8)
    }

    private static func digest(_ bytes: [UInt8]) -> String {
        "sha256:" + Hex.encode(SHA256.hash(data: bytes))
    }
}
