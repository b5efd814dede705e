import FormatKit
import NIOCore
import Registry

/// The fields of an upload, beside the file. What is not needed is read over: what a file says about
/// itself is taken from the file.
///
/// *Source*: PyPI, "Upload API"; twine, uv, flit, hatch, poetry and pdm, for what they send.
struct UploadForm: Sendable {
    /// The longest value of a field that is kept, in bytes.
    static let fieldLimitBytes = 64 * 1024
    /// The longest list of attestations, in bytes.
    static let attestationsLimitBytes = 1 << 20

    /// The field that has the file.
    static let contentField = "content"

    private var values: [String: String] = [:]
    /// A JSON array.
    private(set) var attestations: [UInt8]?

    /// The fields that are looked at.
    private static let names: Set = [
        ":action", "name", "version", "filetype", "pyversion", "md5_digest", "sha256_digest",
        "blake2_256_digest", "requires_python", "comment",
    ]

    /// The value of a field; `nil` for an empty one, too.
    subscript(name: String) -> String? { values[name] }

    /// Reads the part that was just begun, if it is one that is needed.
    ///
    /// - Throws: `malformed` for a field that comes twice or is too long.
    mutating func read(
        _ part: MultipartPart, from body: inout MultipartBody
    ) async throws(RegistryError) {
        if part.name == "attestations" {
            attestations = try await body.collect(
                part.name, limitBytes: Self.attestationsLimitBytes)
            return
        }
        guard Self.names.contains(part.name) else {
            try await body.skipPart()
            return
        }
        let bytes = try await body.collect(part.name, limitBytes: Self.fieldLimitBytes)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Self.refusal("the field '\(part.name)' is not UTF-8")
        }
        guard !text.isEmpty else { return }
        guard values[part.name] == nil || values[part.name] == text else {
            throw Self.refusal("the field '\(part.name)' comes twice")
        }
        values[part.name] = text
    }

    /// Refuses what is no upload of a file.
    ///
    /// - Throws: `malformed`.
    func checkAction() throws(RegistryError) {
        switch self[":action"] {
        case nil, "file_upload": return
        case "submit"?, "submit_pkg_info"?:
            throw Self.refusal("a project needs no registration: upload its files")
        case let action?:
            throw Self.refusal("the action '\(action.prefix(50))' is not known")
        }
    }

    /// What the client says the bytes are. BLAKE2 is not among it.
    ///
    /// - Throws: `malformed` for a digest that is none.
    func expectation() throws(RegistryError) -> BlobExpectation {
        var expectation = BlobExpectation()
        expectation.sha256 = try digest("sha256_digest", 32)
        if let text = self["md5_digest"], text.utf8.count != 32,
            let bytes = Base64.decode(text.replacing("-", with: "+").replacing("_", with: "/")),
            bytes.count == 16
        {
            // As PyPI's own description of the form once had it.
            expectation.md5 = Hex.encode(bytes)
        } else {
            expectation.md5 = try digest("md5_digest", 16)
        }
        return expectation
    }

    /// The BLAKE2b digest of 32 bytes that the client says the bytes have.
    func blake2() throws(RegistryError) -> String? { try digest("blake2_256_digest", 32) }

    private func digest(_ name: String, _ count: Int) throws(RegistryError) -> String? {
        guard let text = self[name] else { return nil }
        guard let bytes = Hex.decode(text), bytes.count == count else {
            throw Self.refusal("the field '\(name)' is not a digest in hexadecimal")
        }
        return Hex.encode(bytes)
    }

    static func refusal(_ words: String) -> RegistryError {
        RegistryError(.malformed, words, reason: "upload_invalid")
    }
}
