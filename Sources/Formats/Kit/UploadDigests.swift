public import HTTPTypes
public import Registry

/// What the header fields of an upload announce about its bytes.
///
/// Understood are `Content-Digest` and `Repr-Digest` (RFC 9530), `Digest` (RFC 3230),
/// `Content-MD5` (RFC 1864) and `X-Checksum-Sha256`, `-Sha512`, `-Sha1` and `-Md5`. Algorithms that
/// are not known are left out, as RFC 9530 says; a value that is not one is an error.
public enum UploadDigests {
    /// The announced digests, all to be compared before anything becomes visible.
    ///
    /// - Throws: `malformed` for a value that is no digest, and when two fields contradict.
    public static func parse(_ headers: HTTPFields) throws(RegistryError) -> BlobExpectation {
        var found = Findings()
        for name in [HTTPField.Name.contentDigest, .reprDigest] {
            if let value = headers[name] { try parseDictionary(value, of: name, into: &found) }
        }
        if let value = headers[.legacyDigest] { try parseLegacy(value, into: &found) }
        if let value = headers[.contentMD5] {
            try found.add(.md5, Base64.decode(trim(value)), from: .contentMD5)
        }
        for (name, algorithm) in checksumFields {
            if let value = headers[name] {
                try found.add(algorithm, Hex.decode(trim(value)), from: name)
            }
        }
        return found.expectation
    }

    private static let checksumFields: [(HTTPField.Name, Algorithm)] = [
        (.xChecksumMD5, .md5), (.xChecksumSHA1, .sha1), (.xChecksumSHA256, .sha256),
        (.xChecksumSHA512, .sha512),
    ]

    /// A structured dictionary of byte sequences: `sha-256=:…:, sha-512=:…:`.
    ///
    /// *Source*: RFC 9530, section 2; RFC 9651, section 3.2.
    private static func parseDictionary(
        _ text: String, of field: HTTPField.Name, into found: inout Findings
    ) throws(RegistryError) {
        for member in text.split(separator: ",") {
            let (key, value) = try halves(member, of: field)
            guard let algorithm = Algorithm(field: key) else { continue }
            let item = trim(value.prefix { $0 != ";" })
            guard item.utf8.count >= 2, item.hasPrefix(":"), item.hasSuffix(":") else {
                throw malformed(field)
            }
            try found.add(algorithm, Base64.decode(item.dropFirst().dropLast()), from: field)
        }
    }

    /// *Source*: RFC 3230, section 4.3.2.
    private static func parseLegacy(
        _ text: String, into found: inout Findings
    ) throws(RegistryError) {
        for member in text.split(separator: ",") {
            let (key, value) = try halves(member, of: .legacyDigest)
            guard let algorithm = Algorithm(field: key.lowercased()) else { continue }
            try found.add(algorithm, Base64.decode(trim(value)), from: .legacyDigest)
        }
    }

    private static func halves(
        _ member: Substring, of field: HTTPField.Name
    ) throws(RegistryError) -> (key: Substring, value: Substring) {
        guard let equals = member.firstIndex(of: "=") else { throw malformed(field) }
        return (trim(member[..<equals]), member[member.index(after: equals)...])
    }

    private static func trim(_ text: some StringProtocol) -> Substring {
        var text = Substring(text)
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }

    private static func malformed(_ field: HTTPField.Name) -> RegistryError {
        RegistryError(
            .malformed, "the value of \(field.rawName) is not a digest", reason: "digest_invalid")
    }

    private enum Algorithm: String {
        case md5
        case sha1
        case sha256
        case sha512

        /// The algorithm with this key of the IANA registry of digest algorithms.
        init?(field key: some StringProtocol) {
            switch key {
            case "md5": self = .md5
            case "sha": self = .sha1
            case "sha-256": self = .sha256
            case "sha-512": self = .sha512
            default: return nil
            }
        }

        var lengthBytes: Int {
            switch self {
            case .md5: 16
            case .sha1: 20
            case .sha256: 32
            case .sha512: 64
            }
        }

        var property: WritableKeyPath<BlobExpectation, String?> {
            switch self {
            case .md5: \.md5
            case .sha1: \.sha1
            case .sha256: \.sha256
            case .sha512: \.sha512
            }
        }
    }

    private struct Findings {
        var expectation = BlobExpectation()

        mutating func add(
            _ algorithm: Algorithm, _ bytes: [UInt8]?, from field: HTTPField.Name
        ) throws(RegistryError) {
            guard let bytes, bytes.count == algorithm.lengthBytes else {
                throw UploadDigests.malformed(field)
            }
            let hex = Hex.encode(bytes)
            if let other = expectation[keyPath: algorithm.property], other != hex {
                throw RegistryError(
                    .malformed, "the header fields announce two values of \(algorithm.rawValue)",
                    reason: "digest_invalid")
            }
            expectation[keyPath: algorithm.property] = hex
        }
    }
}
