import Registry

/// Where the file store keeps what. Paths are made of keys and upload names that were checked here,
/// and of nothing else: no character of a client or of a row reaches the file system unseen.
///
///     <root>/blobs/sha256/ab/cd/<64 digits>-<16 digits>
///     <root>/uploads/<32 digits>
///     <root>/quarantine/sha256/ab/cd/<64 digits>-<16 digits>, with a .json of the same name
struct FileBlobLayout: Sendable {
    /// Hexadecimal digits of the random part of a key (I2).
    static let nonceDigitCount = 16
    /// Hexadecimal digits of the name of an upload.
    static let uploadDigitCount = 32

    let root: String

    var blobsFolder: String { root + "/blobs" }
    var digestsFolder: String { root + "/blobs/sha256" }
    var uploadsFolder: String { root + "/uploads" }
    var quarantineFolder: String { root + "/quarantine" }
    /// Not the name of an upload, so no list shows it.
    var healthFile: String { root + "/uploads/.health" }

    /// Layout below `root`; slashes at its end do not matter.
    init(root: String) {
        var root = root[...]
        while root.count > 1, root.hasSuffix("/") { root.removeLast() }
        self.root = String(root)
    }

    /// The folder that `path` is in.
    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// A key for these bytes that was never used before (I2).
    static func makeKey(for digest: Digest) -> StorageKey {
        let nonce = randomDigits(nonceDigitCount)
        let hex = digest.hex
        return StorageKey(
            stored: "sha256/\(hex.prefix(2))/\(hex.dropFirst(2).prefix(2))/\(hex)-\(nonce)")
    }

    /// A name for a new upload.
    static func makeUploadID() -> String {
        randomDigits(uploadDigitCount)
    }

    /// Whether `key` has exactly the form that `makeKey` gives.
    static func isValid(_ key: StorageKey) -> Bool {
        let parts = key.description.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "sha256" else { return false }
        let name = parts[3].split(separator: "-", omittingEmptySubsequences: false)
        return name.count == 2
            && isDigits(name[0], count: Digest.Algorithm.sha256.hexLength)
            && isDigits(name[1], count: nonceDigitCount)
            && parts[1] == name[0].prefix(2) && parts[2] == name[0].dropFirst(2).prefix(2)
    }

    /// Whether `uploadID` has exactly the form that `makeUploadID` gives.
    static func isValid(uploadID: String) -> Bool {
        isDigits(uploadID[...], count: uploadDigitCount)
    }

    /// Whether `name` can be the folder of two digits of a digest.
    static func isValid(shard name: String) -> Bool {
        isDigits(name[...], count: 2)
    }

    /// The file of a blob.
    ///
    /// - Throws: `internalError` when `key` is not one of this store.
    func path(of key: StorageKey) throws(RegistryError) -> String {
        guard Self.isValid(key) else {
            throw RegistryError(
                .internalError, "the registry's record of where this is stored is damaged",
                cause: InvalidName(name: key.description))
        }
        return "\(blobsFolder)/\(key.description)"
    }

    /// The file of a blob that was put aside.
    ///
    /// - Throws: `internalError` when `key` is not one of this store.
    func quarantinePath(of key: StorageKey) throws(RegistryError) -> String {
        _ = try path(of: key)
        return "\(quarantineFolder)/\(key.description)"
    }

    /// The file of an unfinished upload.
    ///
    /// - Throws: `internalError` when `uploadID` is not one of this store.
    func path(ofUpload uploadID: String) throws(RegistryError) -> String {
        guard Self.isValid(uploadID: uploadID) else {
            throw RegistryError(
                .internalError, "the registry's record of this upload is damaged",
                cause: InvalidName(name: uploadID))
        }
        return "\(uploadsFolder)/\(uploadID)"
    }

    private static func isDigits(_ text: Substring, count: Int) -> Bool {
        text.utf8.count == count
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
            }
    }

    private static func randomDigits(_ count: Int) -> String {
        Hex.encode((0..<count / 2).map { _ in UInt8.random(in: .min ... .max) })
    }
}

/// A key or upload name of another form; for logs only.
struct InvalidName: Error, CustomStringConvertible {
    let name: String

    var description: String { "not a name of the file store: \(name.prefix(200))" }
}
