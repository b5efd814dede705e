import FormatKit
import NIOCore
import Registry

/// Everything that clients learn about a package: derived from its rows, and nothing else.
///
/// In a union each version is that of the project where it was published last, and each tag names
/// what it names in the project whose version of that tag was published last.
///
/// *Source*: npm/registry, "Package Metadata", "Abbreviated metadata format".
struct NPMPackument: Sendable {
    /// A version that clients may know of, with the tarball that it is made of.
    struct Entry: Sendable {
        let release: Release
        let tarball: FileRecord
        let readme: FileRecord?
        let hasProvenance: Bool

        var name: String { release.version.name }
    }

    let name: NPMPackageName
    /// The projects that have it, in order of their ids.
    let packages: [PackageRecord]
    /// The oldest first, each name once.
    let entries: [Entry]
    /// Versions by tag. There is always a `latest`: the highest version where nobody set it.
    let tags: [String: String]

    init(_ name: NPMPackageName, _ contents: PackageContents) {
        self.name = name
        packages = contents.packages
        var newest: [String: Entry] = [:]
        var tagged: [String: Entry] = [:]
        // The oldest come first, so what comes later wins.
        for release in contents.releases {
            guard let entry = Entry(release, of: name) else { continue }
            newest[entry.name] = entry
            for tag in release.tags { tagged[tag] = entry }
        }
        entries = newest.values.sorted {
            let (left, right) = ($0.release.version, $1.release.version)
            return (left.createdAt, left.id) < (right.createdAt, right.id)
        }
        var tags = tagged.mapValues(\.name)
        if tags[NPMTag.latest] == nil { tags[NPMTag.latest] = Self.highest(entries) }
        self.tags = tags
    }

    /// The highest release; where there is none, the highest prerelease.
    private static func highest(_ entries: [Entry]) -> String? {
        let versions = entries.compactMap { try? NPMVersion(parsing: $0.name) }
        return (versions.filter { !$0.isPrerelease }.max() ?? versions.max())?.description
    }

    /// The version of this name, or the one that a tag of this name names.
    func find(_ reference: String) -> Entry? {
        entries.first { $0.name == reference }
            ?? tags[reference].flatMap { name in entries.first { $0.name == name } }
    }

    /// The version that is installed where nobody asks for another.
    var latest: Entry? { tags[NPMTag.latest].flatMap(find) }

    /// Users who published what is there, in order of their names.
    private var maintainers: JSONValue {
        let names = Set(entries.map(\.publisher)).sorted()
        return .array(names.map { .object([("name", .string($0)), ("email", "")]) })
    }

    /// The document with everything in it.
    ///
    /// - Parameters:
    ///   - base: the address in use, that of the mount, which tarballs are below.
    ///   - readme: that of the version that `latest` names.
    func full(base: String, readme: String? = nil) throws(RegistryError) -> ByteBuffer {
        var writer = begin()
        if let latest {
            try Self.writeSummary(of: try latest.attributes(), to: &writer)
        }
        if let readme { writer.write("readme", .string(readme)) }
        writer.write("maintainers", maintainers)
        writeTimes(to: &writer)
        try writer.writeObject("versions") { (writer) throws(RegistryError) in
            for entry in entries {
                try writer.writeObject(entry.name) { (writer) throws(RegistryError) in
                    try writeManifest(of: entry, base: base, to: &writer)
                }
            }
        }
        return writer.finish()
    }

    /// The document with what an install needs.
    func abbreviated(base: String) throws(RegistryError) -> ByteBuffer {
        var writer = begin()
        writer.write("modified", .string(modified.iso8601))
        writeTimes(to: &writer)
        try writer.writeObject("versions") { (writer) throws(RegistryError) in
            for entry in entries {
                let attributes = try entry.attributes()
                writer.writeObject(entry.name) { writer in
                    writer.writeMembers(of: attributes.install)
                    write(entry, attributes, base: base, to: &writer)
                }
            }
        }
        return writer.finish()
    }

    /// A version as the full document has it.
    func manifest(of entry: Entry, base: String) throws(RegistryError) -> ByteBuffer {
        var writer = JSONObjectWriter()
        try writeManifest(of: entry, base: base, to: &writer)
        return writer.finish()
    }

    private func writeManifest(
        of entry: Entry, base: String, to writer: inout JSONObjectWriter
    ) throws(RegistryError) {
        let attributes = try entry.attributes()
        writer.writeMembers(of: attributes.install)
        writer.writeMembers(of: attributes.manifest)
        writer.write("_id", .string("\(name)@\(entry.name)"))
        writer.write("_npmUser", ["name": .string(entry.publisher), "email": ""])
        write(entry, attributes, base: base, to: &writer)
    }

    /// The tags and their versions.
    var tagList: JSONValue {
        .object(
            tags.sorted { $0.key < $1.key }.map { (name: $0.key, value: .string($0.value)) })
    }

    private var modified: Timestamp {
        packages.map(\.updatedAt).max() ?? Timestamp(microseconds: 0)
    }

    private func begin() -> JSONObjectWriter {
        var writer = JSONObjectWriter(reservingBytes: 512 + entries.count * 1024)
        writer.write("_id", .string(name.description))
        if let package = packages.first {
            writer.write("_rev", .string(NPMRevision.text(of: package)))
        }
        writer.write("name", .string(name.description))
        writer.write("dist-tags", tagList)
        return writer
    }

    private func writeTimes(to writer: inout JSONObjectWriter) {
        let created = packages.map(\.createdAt).min() ?? Timestamp(microseconds: 0)
        writer.writeObject("time") { writer in
            writer.write("created", .string(created.iso8601))
            writer.write("modified", .string(modified.iso8601))
            for entry in entries {
                writer.write(entry.name, .string(entry.release.version.createdAt.iso8601))
            }
        }
    }

    private func write(
        _ entry: Entry, _ attributes: NPMVersionAttributes, base: String,
        to writer: inout JSONObjectWriter
    ) {
        if let deprecated = entry.deprecation(attributes) {
            writer.write("deprecated", .string(deprecated))
        }
        let digests = entry.tarball.digests
        writer.writeObject("dist") { writer in
            writer.write("tarball", .string("\(base)/\(name)/-/\(name.tarball(entry.name))"))
            if let integrity = NPMIntegrity.text(of: digests) {
                writer.write("integrity", .string(integrity))
            }
            writer.write("shasum", .optional(digests.sha1))
            writer.write("fileCount", .integer(attributes.fileCount))
            writer.write("unpackedSize", .integer(attributes.unpackedSize))
            if entry.hasProvenance, let predicateType = attributes.predicateType {
                writer.write(
                    "attestations",
                    [
                        "url": .string(
                            "\(base)/-/npm/v1/attestations/"
                                + PercentEncoding.encode(name.description) + "@\(entry.name)"),
                        "provenance": ["predicateType": .string(predicateType)],
                    ])
            }
        }
    }

    /// Members of the latest version that stand at the top as well.
    private static let summaryMembers: Set<String> = [
        "description", "homepage", "keywords", "repository", "contributors", "author", "bugs",
        "license", "readmeFilename",
    ]

    private static func writeSummary(
        of attributes: NPMVersionAttributes, to writer: inout JSONObjectWriter
    ) throws(RegistryError) {
        var written = writer
        var scanner = JSONScanner(Array(attributes.manifest))
        try scanner.readObject { (member, scanner) throws(RegistryError) in
            let text = try scanner.readText()
            if summaryMembers.contains(member) { written.write(member, text: text) }
        }
        writer = written
    }
}

extension NPMPackument.Entry {
    /// `nil` for a version that clients are not to know of, or that lacks its tarball.
    init?(_ release: Release, of name: NPMPackageName) {
        guard release.version.status != .hidden, release.version.status != .error else {
            return nil
        }
        let path = name.tarball(release.version.name)
        let bundle = name.bundle(release.version.name)
        guard let tarball = release.files.first(where: { $0.path == path }) else { return nil }
        self.release = release
        self.tarball = tarball
        let text = name.readme(release.version.name)
        readme = release.files.first { $0.path == text }
        hasProvenance = release.files.contains { $0.path == bundle }
    }

    func attributes() throws(RegistryError) -> NPMVersionAttributes {
        try NPMVersionAttributes(decoding: release.version.attributes)
    }

    /// Why it should not be used; `nil` when it is not deprecated.
    func deprecation(_ attributes: NPMVersionAttributes) -> String? {
        switch release.version.status {
        case .deprecated, .yanked:
            attributes.reason.flatMap { $0.isEmpty ? nil : $0 } ?? "this version is deprecated"
        case .default, .hidden, .error: nil
        }
    }

    /// Who published it, without the kind of the principal: `zoe` of `user:zoe`.
    var publisher: String {
        let creator = release.version.creator
        guard let colon = creator.firstIndex(of: ":"), creator.hasPrefix("user:") else {
            return creator
        }
        return String(creator[colon...].dropFirst())
    }
}

/// What npm calls the digests of a tarball.
///
/// *Source*: W3C, "Subresource Integrity".
enum NPMIntegrity {
    /// `sha512-…` with the digest in base64; sha1 where a tarball has no sha512.
    static func text(of digests: BlobDigests) -> String? {
        for (name, hex) in [("sha512", digests.sha512), ("sha1", digests.sha1)] {
            if let bytes = hex.flatMap({ Hex.decode($0) }) {
                return "\(name)-\(Base64.encode(bytes))"
            }
        }
        return nil
    }

    /// What an integrity and a shasum announce. Algorithms that are not known are left out.
    ///
    /// - Throws: `malformed` for a value that is no digest.
    static func expectation(
        integrity: String?, shasum: String?
    ) throws(RegistryError) -> BlobExpectation {
        var expectation = BlobExpectation()
        for item in (integrity ?? "").split(separator: " ") {
            let halves = item.prefix { $0 != "?" }.split(separator: "-", maxSplits: 1)
            let known = ["sha512": 64, "sha256": 32, "sha1": 20]
            guard let algorithm = halves.first, let length = known[String(algorithm)] else {
                continue
            }
            guard halves.count == 2, let bytes = Base64.decode(halves[1]), bytes.count == length
            else {
                throw RegistryError(
                    .malformed, "dist.integrity is not written sha512-… in base64",
                    reason: "integrity_invalid")
            }
            switch algorithm {
            case "sha512": expectation.sha512 = Hex.encode(bytes)
            case "sha256": expectation.sha256 = Hex.encode(bytes)
            default: expectation.sha1 = Hex.encode(bytes)
            }
        }
        if let shasum {
            guard let bytes = Hex.decode(shasum), bytes.count == 20 else {
                throw RegistryError(
                    .malformed, "dist.shasum is not a sha1 in hexadecimal",
                    reason: "integrity_invalid")
            }
            let sha1 = Hex.encode(bytes)
            guard expectation.sha1 == nil || expectation.sha1 == sha1 else {
                throw RegistryError(
                    .malformed, "dist.integrity and dist.shasum contradict each other",
                    reason: "integrity_invalid")
            }
            expectation.sha1 = sha1
        }
        return expectation
    }
}
