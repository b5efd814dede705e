import FormatKit
import NIOCore
import Registry

/// What somebody signed about a file. Packhouse makes sure that it is about this very file; whether
/// the signature holds is for those to verify who know whom they trust.
///
/// *Source*: PyPA, "Index hosted attestations" (PEP 740).
enum Attestations {
    /// The most attestations of one file.
    static let limitCount = 16
    /// The media type of the provenance object that is served.
    static let provenanceType = "application/vnd.pypi.integrity.v1+json"

    private static let statementType = "https://in-toto.io/Statement/v1"

    /// The provenance object of a file: the attestations as they came, byte for byte.
    ///
    /// - Throws: `malformed` for a list that is none, or that is about another file.
    static func makeProvenance(
        _ list: [UInt8], filename: String, digest: Digest
    ) throws(RegistryError) -> ByteBuffer {
        var count = 0
        var predicates: Set<String> = []
        do throws(RegistryError) {
            var scanner = JSONScanner(list)
            try scanner.readArray { scanner throws(RegistryError) in
                count += 1
                let predicate = try check(&scanner, filename, digest)
                guard predicates.insert(predicate).inserted else {
                    throw refusal("two of them are of the type '\(predicate.prefix(100))'")
                }
            }
            try scanner.finish()
        } catch {
            guard error.reason == "json_invalid" else { throw error }
            throw refusal("they are not a JSON array of attestations: \(error.message)")
        }
        guard (1...limitCount).contains(count) else {
            throw refusal("there have to be 1 to \(limitCount) of them")
        }
        var document = ByteBuffer()
        document.writeString(
            #"{"version":1,"attestation_bundles":[{"publisher":{"kind":"Packhouse","claims":null},"#
        )
        document.writeString(#""attestations":"#)
        document.writeBytes(list)
        document.writeString("}]}")
        return document
    }

    /// - Returns: what type of statement it is.
    private static func check(
        _ scanner: inout JSONScanner, _ filename: String, _ digest: Digest
    ) throws(RegistryError) -> String {
        var version: Int64?
        var hasMaterial = false
        var statement: String?
        var hasSignature = false
        try scanner.readObject { (member, scanner) throws(RegistryError) in
            switch member {
            case "version": version = try scanner.readInteger()
            case "verification_material":
                hasMaterial = try scanner.peek() == .object
                try scanner.skip()
            case "envelope":
                try scanner.readObject { (member, scanner) throws(RegistryError) in
                    switch member {
                    case "statement": statement = try scanner.readString()
                    case "signature":
                        hasSignature = Base64.decode(try scanner.readString()) != nil
                    default: try scanner.skip()
                    }
                }
            default: try scanner.skip()
            }
        }
        guard version == 1 else { throw refusal("the version of one is not 1") }
        guard hasMaterial, hasSignature, let statement, let bytes = Base64.decode(statement) else {
            throw refusal("one has no verification material, statement or signature")
        }
        return try checkStatement(bytes, filename, digest)
    }

    private static func checkStatement(
        _ bytes: [UInt8], _ filename: String, _ digest: Digest
    ) throws(RegistryError) -> String {
        var type: String?
        var predicate = ""
        var subjects: [(name: String?, sha256: String?)] = []
        var scanner = JSONScanner(bytes)
        try scanner.readObject { (member, scanner) throws(RegistryError) in
            switch member {
            case "_type": type = try scanner.readString()
            case "predicateType": predicate = try scanner.readString()
            case "subject":
                try scanner.readArray { scanner throws(RegistryError) in
                    subjects.append(try readSubject(&scanner))
                }
            default: try scanner.skip()
            }
        }
        try scanner.finish()
        guard type == statementType, let subject = subjects.first, subjects.count == 1 else {
            throw refusal("one is no in-toto statement about one file")
        }
        guard subject.name == filename else {
            throw refusal(
                "one is about '\((subject.name ?? "").prefix(200))', and not about '\(filename)'")
        }
        guard subject.sha256 == digest.hex else {
            throw refusal("one is about other bytes: their sha256 is not \(digest.hex)")
        }
        return predicate
    }

    private static func readSubject(
        _ scanner: inout JSONScanner
    ) throws(RegistryError) -> (name: String?, sha256: String?) {
        var name: String?
        var sha256: String?
        try scanner.readObject { (member, scanner) throws(RegistryError) in
            switch member {
            case "name": name = try scanner.readString()
            case "digest":
                try scanner.readObject { (member, scanner) throws(RegistryError) in
                    if member == "sha256" {
                        sha256 = try scanner.readString()
                    } else {
                        try scanner.skip()
                    }
                }
            default: try scanner.skip()
            }
        }
        return (name, sha256)
    }

    private static func refusal(_ words: String) -> RegistryError {
        RegistryError(
            .malformed, "the attestations are refused: \(words)", reason: "attestation_invalid")
    }
}
