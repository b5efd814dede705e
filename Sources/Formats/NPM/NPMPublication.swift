import FormatKit
import Registry

/// The document of a publish, without the contents of its attachments: a packument with one version,
/// or a packument that a client read, changed and sends back.
///
/// *Source*: npm/cli, `libnpmpublish/lib/publish.js`, `lib/commands/deprecate.js`.
struct NPMPublication: Sendable {
    /// What the document says about an attachment.
    struct Attachment: Hashable, Sendable {
        var mediaType: String?
        /// Bytes that the client announces.
        var length: Int64?
    }

    var id: String?
    var name: String?
    var revision: NPMRevision?
    var tags: [String: String] = [:]
    /// The manifests by version, as JSON; `nil` when the document says nothing about versions.
    var versions: [String: ArraySlice<UInt8>]?
    var attachments: [String: Attachment] = [:]
    /// Where a client writes the readme beside the version, and not into it.
    var readme: String?
    /// Members at the top that ask for something else: `maintainers`, `users`.
    var otherMembers: Set<String> = []

    /// Reads the document.
    ///
    /// - Throws: `malformed` when it is not JSON, or says one thing twice.
    init(parsing document: [UInt8]) throws(RegistryError) {
        var found = Findings()
        var scanner = JSONScanner(document)
        try scanner.readObject { (member, scanner) throws(RegistryError) in
            guard found.members.insert(member).inserted else { throw Self.twice(member) }
            try found.read(member, &scanner)
        }
        try scanner.finish()
        id = found.id
        name = found.name
        revision = found.revision
        tags = found.tags
        versions = found.versions
        attachments = found.attachments
        readme = found.readme
        otherMembers = found.members
    }

    private struct Findings {
        var members: Set<String> = []
        var id: String?
        var name: String?
        var revision: NPMRevision?
        var tags: [String: String] = [:]
        var versions: [String: ArraySlice<UInt8>]?
        var attachments: [String: Attachment] = [:]
        var readme: String?

        mutating func read(
            _ member: String, _ scanner: inout JSONScanner
        ) throws(RegistryError) {
            switch member {
            case "_id": id = try scanner.readString()
            case "name": name = try scanner.readString()
            case "_rev": revision = try scanner.findString().map(NPMRevision.init)
            case "dist-tags": tags = try Self.readTags(&scanner)
            case "versions": versions = try Self.readVersions(&scanner)
            case "readme": readme = try scanner.findString()
            case "_attachments": attachments = try Self.readAttachments(&scanner)
            default: try scanner.skip()
            }
        }

        private static func readTags(
            _ scanner: inout JSONScanner
        ) throws(RegistryError) -> [String: String] {
            var tags: [String: String] = [:]
            try scanner.readObject { (tag, scanner) throws(RegistryError) in
                let version = try scanner.readString()
                guard tags.updateValue(version, forKey: tag) == nil else {
                    throw NPMPublication.twice(tag)
                }
            }
            return tags
        }

        private static func readVersions(
            _ scanner: inout JSONScanner
        ) throws(RegistryError) -> [String: ArraySlice<UInt8>] {
            var versions: [String: ArraySlice<UInt8>] = [:]
            try scanner.readObject { (version, scanner) throws(RegistryError) in
                guard try scanner.peek() == .object else {
                    throw RegistryError(
                        .malformed, "the version '\(version)' is no object",
                        reason: "manifest_invalid")
                }
                guard versions.updateValue(try scanner.readText(), forKey: version) == nil else {
                    throw NPMPublication.twice(version)
                }
            }
            return versions
        }

        private static func readAttachments(
            _ scanner: inout JSONScanner
        ) throws(RegistryError) -> [String: Attachment] {
            var attachments: [String: Attachment] = [:]
            try scanner.readObject { (name, scanner) throws(RegistryError) in
                var attachment = Attachment()
                try scanner.readObject { (member, scanner) throws(RegistryError) in
                    switch member {
                    case "content_type": attachment.mediaType = try scanner.findString()
                    case "length":
                        if try scanner.peek() == .number {
                            attachment.length = try scanner.readInteger()
                        } else {
                            try scanner.skip()
                        }
                    default: try scanner.skip()
                    }
                }
                guard attachments.updateValue(attachment, forKey: name) == nil else {
                    throw NPMPublication.twice(name)
                }
            }
            return attachments
        }
    }

    private static func twice(_ name: String) -> RegistryError {
        RegistryError(
            .malformed, "the document has two values of '\(name)'", reason: "document_invalid")
    }
}
