import Registry

/// The names of an archive's entries, as they come: none may lead out of the folder that it is
/// unpacked to, none may come twice, and none may be a file and a folder at once.
///
/// Names are kept by their hashes, so that memory is a few bytes for each; the hashes are seeded
/// anew in each process, so that nobody can make names that collide.
struct ArchiveNames {
    private let limits: ArchiveLimits
    private var files: Set<Int> = []
    private var folders: Set<Int> = []

    init(_ limits: ArchiveLimits) {
        self.limits = limits
    }

    /// Takes the name of an entry as the archive has it.
    ///
    /// - Returns: the name without a slash at its end, without `.` segments, and whether the entry
    ///   is a folder by its name; `nil` for the archive's own root.
    /// - Throws: `malformed` with reason `archive_invalid`.
    mutating func insert(
        _ raw: String, isFolder: Bool
    ) throws(RegistryError) -> String? {
        guard raw.utf8.count <= limits.nameBytes else {
            throw RegistryError.archiveLimit(
                "the name of an entry has more than \(limits.nameBytes) bytes")
        }
        let shown = raw.prefix(100)
        guard !raw.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "\\") })
        else {
            throw RegistryError.archive(
                "the name of an entry contains a control character or a backslash")
        }
        guard raw.utf8.first != UInt8(ascii: "/"), !Self.hasDriveLetter(raw) else {
            throw RegistryError.archive("the entry '\(shown)' has an absolute path")
        }
        let segments = raw.utf8.split(separator: UInt8(ascii: "/"))
            .filter { !$0.elementsEqual(".".utf8) }
        guard !segments.contains(where: { $0.elementsEqual("..".utf8) }) else {
            throw RegistryError.archive("the entry '\(shown)' leads out of its folder")
        }
        guard !segments.isEmpty else {
            guard isFolder else { throw RegistryError.archive("an entry has no name") }
            return nil
        }
        var path = ""
        for (index, segment) in segments.enumerated() {
            if index > 0 { path += "/" }
            path += Substring(segment)
            let isLast = index == segments.count - 1
            let hash = path.hashValue
            if isLast, !isFolder {
                guard !folders.contains(hash), files.insert(hash).inserted else {
                    throw RegistryError.archive("the entry '\(shown)' comes twice")
                }
            } else {
                guard !files.contains(hash) else {
                    throw RegistryError.archive("the entry '\(shown)' is a file and a folder")
                }
                folders.insert(hash)
            }
        }
        return path
    }

    private static func hasDriveLetter(_ name: String) -> Bool {
        let start = Array(name.utf8.prefix(2))
        guard start.count == 2, start[1] == UInt8(ascii: ":") else { return false }
        return (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(start[0] & 0xDF)
    }
}
