import FormatKit
import NIOCore
import Registry

/// A version's manifest as a client published it: `package.json`, normalised, and what the client adds.
///
/// *Source*: npm/registry, "Package Metadata".
struct NPMManifest: Sendable {
    var name: String?
    var version: String?
    /// What clients need to install the version, as a JSON object.
    var install: [UInt8]
    /// Everything else, as a JSON object.
    var other: [UInt8]
    /// Why the version should not be used; empty for no reason at all.
    var deprecated: String?
    /// `dist.integrity`: what the client says the tarball is.
    var integrity: String?
    /// `dist.shasum`: its sha1 in hexadecimal.
    var shasum: String?
    var readme: String?
    /// What the version can be searched by.
    var words: NPMSearchWords

    /// The largest manifest, in bytes: 4 MiB.
    static let limitBytes = 4 << 20

    /// Members that clients need to install. *Source*: npm/registry, "Abbreviated metadata format";
    /// `libc` and `acceptDependencies` are what newer clients read there.
    private static let installMembers: Set<String> = [
        "name", "version", "dependencies", "optionalDependencies", "devDependencies",
        "bundleDependencies", "bundledDependencies", "peerDependencies", "peerDependenciesMeta",
        "acceptDependencies", "bin", "directories", "engines", "os", "cpu", "libc", "funding",
        "_hasShrinkwrap", "hasInstallScript",
    ]
    /// Members that the registry itself writes, or that say where a client kept its copy.
    private static let droppedMembers: Set<String> = [
        "dist", "deprecated", "readme", "_id", "_rev", "_attachments", "_npmUser", "_resolved",
        "_integrity", "_from", "_where", "_shasum", "_args", "_requested", "_spec",
    ]
    /// Scripts that a client runs when it installs.
    private static let installScripts: Set<String> = ["preinstall", "install", "postinstall"]

    /// Reads a version out of the body of a publish.
    ///
    /// - Throws: `malformed` when it is no object, or says one thing twice and differently.
    init(parsing text: ArraySlice<UInt8>) throws(RegistryError) {
        guard text.count <= Self.limitBytes else {
            throw RegistryError(
                .bodyTooLarge, "the manifest of a version has at most \(Self.limitBytes) bytes")
        }
        var reading = Reading()
        var scanner = JSONScanner(Array(text))
        try scanner.readObject { (member, scanner) throws(RegistryError) in
            try reading.read(member, &scanner)
        }
        if reading.hasInstallScript, !reading.saysInstallScript {
            reading.install.write("hasInstallScript", true)
        }
        install = Array(reading.install.finish().readableBytesView)
        other = Array(reading.other.finish().readableBytesView)
        name = reading.name
        version = reading.version
        deprecated = reading.deprecated
        integrity = reading.integrity
        shasum = reading.shasum
        readme = reading.readme
        words = reading.words
    }

    private struct Reading {
        var name: String?
        var version: String?
        var install = JSONObjectWriter()
        var other = JSONObjectWriter()
        var deprecated: String?
        var integrity: String?
        var shasum: String?
        var readme: String?
        var hasInstallScript = false
        var saysInstallScript = false
        var words = NPMSearchWords()

        mutating func read(
            _ member: String, _ scanner: inout JSONScanner
        ) throws(RegistryError) {
            let text = try scanner.readText()
            var value = JSONScanner(Array(text))
            switch member {
            case "name": name = try Self.readOnce(member, name, &value)
            case "version": version = try Self.readOnce(member, version, &value)
            case "deprecated": deprecated = try Self.readDeprecated(&value)
            case "dist": try readDist(&value)
            case "readme": readme = try value.findString()
            case "scripts": hasInstallScript = try Self.findInstallScript(&value)
            case "hasInstallScript": saysInstallScript = true
            case "description": words.description = try value.findString() ?? ""
            case "keywords": words.keywords = try Self.readKeywords(&value)
            case "author": words.author = try Self.readPerson(&value) ?? ""
            default: break
            }
            if NPMManifest.installMembers.contains(member) {
                install.write(member, text: text)
            } else if !NPMManifest.droppedMembers.contains(member) {
                other.write(member, text: text)
            }
        }

        private static func readOnce(
            _ member: String, _ known: String?, _ value: inout JSONScanner
        ) throws(RegistryError) -> String {
            let text = try value.readString()
            guard known == nil || known == text else {
                throw RegistryError(
                    .malformed, "a version has two values of '\(member)'",
                    reason: "manifest_invalid")
            }
            return text
        }

        /// A text, or whether it is at all, as some clients write it.
        static func readDeprecated(
            _ value: inout JSONScanner
        ) throws(RegistryError) -> String? {
            switch try value.peek() {
            case .string:
                let text = try value.readString()
                guard text.utf8.count <= VersionStatus.reasonLimitBytes else {
                    throw RegistryError(
                        .malformed,
                        "the reason of a deprecation has at most "
                            + "\(VersionStatus.reasonLimitBytes) bytes",
                        reason: "manifest_invalid")
                }
                return text
            case .bool:
                return try value.readText().elementsEqual("true".utf8)
                    ? "this version is deprecated" : ""
            default: return nil
            }
        }

        private mutating func readDist(_ value: inout JSONScanner) throws(RegistryError) {
            guard try value.peek() == .object else { return }
            var found: (integrity: String?, shasum: String?) = (nil, nil)
            try value.readObject { (member, scanner) throws(RegistryError) in
                switch member {
                case "integrity": found.integrity = try scanner.findString()
                case "shasum": found.shasum = try scanner.findString()
                default: try scanner.skip()
                }
            }
            (integrity, shasum) = found
        }

        private static func findInstallScript(
            _ value: inout JSONScanner
        ) throws(RegistryError) -> Bool {
            guard try value.peek() == .object else { return false }
            var isFound = false
            try value.readObject { (member, scanner) throws(RegistryError) in
                try scanner.skip()
                if NPMManifest.installScripts.contains(member) { isFound = true }
            }
            return isFound
        }

        /// A list of words, or one text of them.
        private static func readKeywords(
            _ value: inout JSONScanner
        ) throws(RegistryError) -> [String] {
            switch try value.peek() {
            case .string:
                return try value.readString().split { $0 == "," || $0 == " " }.map(String.init)
            case .array:
                var words: [String] = []
                try value.readArray { scanner throws(RegistryError) in
                    if let word = try scanner.findString() { words.append(word) }
                }
                return words
            default: return []
            }
        }

        /// `Zoe <zoe@example.com>`, or an object with a `name`.
        private static func readPerson(
            _ value: inout JSONScanner
        ) throws(RegistryError) -> String? {
            switch try value.peek() {
            case .string:
                let name = try value.readString().prefix { $0 != "<" && $0 != "(" }
                return String(name.reversed().drop { $0 == " " }.reversed())
            case .object:
                var name: String?
                try value.readObject { (member, scanner) throws(RegistryError) in
                    if member == "name" {
                        name = try scanner.findString()
                    } else {
                        try scanner.skip()
                    }
                }
                return name
            default: return nil
            }
        }
    }

    /// Reads what a packument that a client sends back says about a version.
    static func readDeprecated(_ text: ArraySlice<UInt8>) throws(RegistryError) -> String {
        var deprecated = ""
        var scanner = JSONScanner(Array(text))
        try scanner.readObject { (member, scanner) throws(RegistryError) in
            if member == "deprecated" {
                var value = JSONScanner(Array(try scanner.readText()))
                deprecated = try Reading.readDeprecated(&value) ?? ""
            } else {
                try scanner.skip()
            }
        }
        return deprecated
    }
}

extension JSONScanner {
    /// Reads a string; reads over anything else.
    mutating func findString() throws(RegistryError) -> String? {
        guard try peek() == .string else {
            try skip()
            return nil
        }
        return try readString()
    }
}
