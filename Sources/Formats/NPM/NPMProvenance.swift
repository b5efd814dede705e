import FormatKit
import Registry

/// What a client signed about where a version was made. Kept and served as it came; clients verify it.
///
/// *Source*: Sigstore, "Bundle format"; in-toto, "Attestation framework".
struct NPMProvenance: Sendable {
    /// The largest provenance, in bytes: 1 MiB.
    static let limitBytes = 1 << 20

    /// The bundle, as JSON.
    let bundle: [UInt8]
    let mediaType: String?
    /// What kind of statement it makes: `https://slsa.dev/provenance/v1`.
    let predicateType: String
    /// The sha512 of each thing that it is about, in hexadecimal.
    let subjects: Set<String>

    /// - Throws: `malformed` when it is no bundle with a statement in it.
    init(parsing bundle: [UInt8]) throws(RegistryError) {
        var mediaType: String?
        var payload: String?
        var scanner = JSONScanner(bundle)
        try scanner.readObject { (member, scanner) throws(RegistryError) in
            switch member {
            case "mediaType": mediaType = try scanner.findString()
            case "dsseEnvelope":
                try scanner.readObject { (member, scanner) throws(RegistryError) in
                    if member == "payload" {
                        payload = try scanner.readString()
                    } else {
                        try scanner.skip()
                    }
                }
            default: try scanner.skip()
            }
        }
        try scanner.finish()
        guard let payload, let statement = Base64.decode(payload) else {
            throw RegistryError(
                .malformed, "the provenance is no Sigstore bundle with a statement in it",
                reason: "provenance_invalid")
        }
        (predicateType, subjects) = try Self.read(statement)
        self.bundle = bundle
        self.mediaType = mediaType
    }

    private static func read(
        _ statement: [UInt8]
    ) throws(RegistryError) -> (predicateType: String, subjects: Set<String>) {
        var predicateType: String?
        var subjects: Set<String> = []
        var scanner = JSONScanner(statement)
        try scanner.readObject { (member, scanner) throws(RegistryError) in
            switch member {
            case "predicateType": predicateType = try scanner.readString()
            case "subject":
                try scanner.readArray { scanner throws(RegistryError) in
                    if let digest = try readSubject(&scanner) { subjects.insert(digest) }
                }
            default: try scanner.skip()
            }
        }
        guard let predicateType else {
            throw RegistryError(
                .malformed, "the statement of the provenance has no predicateType",
                reason: "provenance_invalid")
        }
        return (predicateType, subjects)
    }

    /// The sha512 of a thing that the statement is about.
    private static func readSubject(
        _ scanner: inout JSONScanner
    ) throws(RegistryError) -> String? {
        var digest: String?
        try scanner.readObject { (member, scanner) throws(RegistryError) in
            guard member == "digest" else {
                try scanner.skip()
                return
            }
            try scanner.readObject { (member, scanner) throws(RegistryError) in
                if member == "sha512" {
                    digest = try scanner.findString()
                } else {
                    try scanner.skip()
                }
            }
        }
        return digest?.lowercased()
    }
}
