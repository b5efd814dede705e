/// Makes tape archives, and such as are none.
///
/// *Source*: POSIX.1-2017, "pax", "ustar Interchange Format".
public struct TarBuilder: Sendable {
    /// An entry.
    public struct Entry: Sendable {
        public var name: String
        public var bytes: [UInt8]
        /// `0` file, `1` hard link, `2` symbolic link, `3` device, `5` folder.
        public var type: Character
        /// Where a link leads.
        public var target = ""
        /// The size that the header says; `nil` for the right one.
        public var claimedSize: Int?

        public init(_ name: String, _ text: String = "", type: Character = "0") {
            self.init(name, bytes: Array(text.utf8), type: type)
        }

        public init(_ name: String, bytes: [UInt8], type: Character = "0") {
            self.name = name
            self.bytes = bytes
            self.type = name.hasSuffix("/") ? "5" : type
        }
    }

    public var entries: [Entry]

    public init(_ entries: [Entry]) {
        self.entries = entries
    }

    /// An archive of these texts by their names.
    public init(_ texts: KeyValuePairs<String, String>) {
        self.init(texts.map { Entry($0.key, $0.value) })
    }

    /// The bytes of the archive, without compression.
    public func build() -> [UInt8] {
        var archive: [UInt8] = []
        for entry in entries {
            archive += header(entry) + entry.bytes
            archive += [UInt8](repeating: 0, count: (512 - entry.bytes.count % 512) % 512)
        }
        return archive + [UInt8](repeating: 0, count: 1024)
    }

    /// The bytes of the archive in a gzip file.
    public func buildGzip() -> [UInt8] { Deflate.gzip(build()) }

    private func header(_ entry: Entry) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int) {
            header.replaceSubrange(offset..<offset + text.utf8.count, with: Array(text.utf8))
        }
        func octal(_ number: Int, _ digits: Int) -> String {
            let text = String(number, radix: 8)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        put(String(entry.name.prefix(100)), at: 0)
        put(octal(entry.type == "5" ? 0o755 : 0o644, 7), at: 100)
        put(octal(0, 7), at: 108)
        put(octal(0, 7), at: 116)
        put(octal(entry.claimedSize ?? entry.bytes.count, 11), at: 124)
        put(octal(1_700_000_000, 11), at: 136)
        put("        ", at: 148)
        put(String(entry.type), at: 156)
        put(entry.target, at: 157)
        put("ustar", at: 257)
        put("00", at: 263)
        put(octal(header.reduce(0) { $0 + Int($1) }, 6), at: 148)
        header[154] = 0
        return header
    }
}
