import Registry

/// What a distribution says about itself: fields and a text, read leniently, since every version of
/// the specification is served as it came.
///
/// *Source*: PyPA, "Core metadata specifications".
struct CoreMetadata: Hashable, Sendable {
    /// The fields in their order, with names in lower case.
    private let fields: [(name: String, value: String)]
    /// What stands behind the fields: the description.
    let body: String

    init(parsing bytes: [UInt8]) {
        var fields: [(name: String, value: String)] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
            var line = rest[..<end]
            rest = rest[end...].dropFirst()
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            if line.isEmpty { break }
            let text = String(decoding: line, as: UTF8.self)
            if text.first == " " || text.first == "\t" {
                guard !fields.isEmpty else { continue }
                fields[fields.count - 1].value += "\n" + text
            } else if let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) {
                let value = text[text.index(after: colon)...]
                fields.append((text[..<colon].lowercased(), Self.trim(value)))
            }
        }
        self.fields = fields
        body = String(decoding: rest, as: UTF8.self)
    }

    /// The value of the first field of this name, in lower case; `nil` too where it says nothing.
    subscript(name: String) -> String? {
        fields.first { $0.name == name && !$0.value.isEmpty && $0.value != "UNKNOWN" }?.value
    }

    /// The values of all fields of this name, in lower case.
    func values(_ name: String) -> [String] {
        fields.filter { $0.name == name && !$0.value.isEmpty }.map(\.value)
    }

    /// The description, from behind the fields or from its own field, whose lines are indented.
    var description: String? {
        if !body.isEmpty { return body }
        return self["description"]?.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated().map { index, line in
                index == 0 ? String(line) : Self.unindent(line)
            }.joined(separator: "\n")
    }

    /// Whether what a source distribution says about its dependencies holds for what is built of it.
    ///
    /// *Source*: PEP 643.
    var isStatic: Bool {
        let numbers = (self["metadata-version"] ?? "").split(separator: ".").map { Int($0) }
        guard numbers.count == 2, let major = numbers[0], let minor = numbers[1],
            (major, minor) >= (2, 2)
        else { return false }
        let needed: Set = ["requires-dist", "requires-python", "provides-extra"]
        return values("dynamic").allSatisfy { !needed.contains($0.lowercased()) }
    }

    static func == (left: CoreMetadata, right: CoreMetadata) -> Bool {
        left.body == right.body && left.fields.elementsEqual(right.fields, by: ==)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(body)
        for field in fields {
            hasher.combine(field.name)
            hasher.combine(field.value)
        }
    }

    private static func trim(_ text: Substring) -> String {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return String(text)
    }

    /// Seven spaces and a bar, or eight spaces, as two versions of the specification have it.
    private static func unindent(_ line: Substring) -> String {
        if line.hasPrefix("       |") || line.hasPrefix("        ") {
            return String(line.dropFirst(8))
        }
        return String(line.drop { $0 == " " || $0 == "\t" })
    }
}
