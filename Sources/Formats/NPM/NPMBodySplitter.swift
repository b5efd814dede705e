import FormatKit
import Registry

/// Reads the body of a publish as it arrives, and takes the contents of attachments out of it: they are
/// handed on decoded and piece by piece, whatever stands before or behind them. What is left is a
/// small JSON document, kept to be read when the body has ended.
///
/// *Source*: npm/cli, `libnpmpublish/lib/publish.js`; CouchDB, "Inline Attachments".
struct NPMBodySplitter {
    /// The most bytes of the document without its attachments: 64 MiB. A deprecation sends the
    /// packument back, which may be that large.
    static let documentLimitBytes = 64 << 20
    /// The longest name of a member that is looked at, in bytes; longer ones are no names of ours.
    private static let keyLimitBytes = 4096

    /// What was found in a piece of the body.
    enum Event {
        /// The content of an attachment of this name begins.
        case begin(String)
        /// Bytes of the content, decoded.
        case content([UInt8])
        case end
    }

    /// How the content of an attachment is written.
    private enum Content {
        case base64(NPMBase64Stream)
        /// As a string that is the content itself, as npm writes the provenance.
        case text
    }

    private enum Mode {
        case structure
        /// Inside a string that is kept; the flag says that a backslash stands before.
        case string(isKey: Bool, isEscaped: Bool)
        case content(Content)
        /// Behind a backslash in a content: what was read of the escape.
        case escape(Content, [UInt8])
    }

    private struct Container {
        let isObject: Bool
        /// Whether the next string is the name of a member.
        var expectsKey: Bool
        var key = ""
        var hasContent = false
    }

    private var mode = Mode.structure
    private var containers: [Container] = []
    private var key: [UInt8] = []
    /// The document so far, with an empty string where each content was.
    private(set) var document: [UInt8] = []
    private var events: [Event] = []

    /// Reads the next piece of the body.
    ///
    /// - Throws: `malformed`, `bodyTooLarge` when the document without attachments passes its limit.
    mutating func read(_ chunk: [UInt8]) throws(RegistryError) -> [Event] {
        events = []
        var index = 0
        while index < chunk.count {
            switch mode {
            case .structure:
                try readStructure(chunk, &index)
            case .string(let isKey, let isEscaped):
                try readString(chunk, &index, isKey: isKey, isEscaped: isEscaped)
            case .content(let content):
                try readContent(content, chunk, &index)
            case .escape(let content, let begun):
                try readEscape(content, begun, chunk[index])
                index += 1
            }
        }
        guard document.count <= Self.documentLimitBytes else {
            throw RegistryError.bodyTooLarge(Int64(Self.documentLimitBytes))
        }
        return events
    }

    /// Makes sure that the body did not end within a value. Whether the document is JSON shows when
    /// it is read.
    func finish() throws(RegistryError) {
        guard case .structure = mode, containers.isEmpty, !document.isEmpty else {
            throw RegistryError(
                .malformed, "the body ends within the JSON document", reason: "json_invalid")
        }
    }

    private mutating func readStructure(
        _ chunk: [UInt8], _ index: inout Int
    ) throws(RegistryError) {
        let byte = chunk[index]
        document.append(byte)
        index += 1
        switch byte {
        case UInt8(ascii: "\""):
            if containers.last?.expectsKey ?? false {
                key = []
                mode = .string(isKey: true, isEscaped: false)
            } else if let name = attachmentName {
                try beginContent(of: name)
            } else {
                mode = .string(isKey: false, isEscaped: false)
            }
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            let isObject = byte == UInt8(ascii: "{")
            guard containers.count < JSONScanner.depthLimitCount else {
                throw RegistryError(
                    .malformed, "the JSON is nested too deep", reason: "json_invalid")
            }
            containers.append(Container(isObject: isObject, expectsKey: isObject))
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            guard containers.popLast() != nil else {
                throw RegistryError(
                    .malformed, "the JSON closes more than it opened", reason: "json_invalid")
            }
        case UInt8(ascii: ","):
            if let last = containers.indices.last {
                containers[last].expectsKey = containers[last].isObject
            }
        case UInt8(ascii: ":"):
            if let last = containers.indices.last { containers[last].expectsKey = false }
        default: break
        }
    }

    private mutating func readString(
        _ chunk: [UInt8], _ index: inout Int, isKey: Bool, isEscaped: Bool
    ) throws(RegistryError) {
        let start = index
        var isEscaped = isEscaped
        while index < chunk.count {
            let byte = chunk[index]
            index += 1
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                document.append(contentsOf: chunk[start..<index])
                if isKey {
                    key.append(contentsOf: chunk[start..<index])
                    try endKey()
                }
                mode = .structure
                return
            }
        }
        document.append(contentsOf: chunk[start..<index])
        if isKey, key.count <= Self.keyLimitBytes {
            key.append(contentsOf: chunk[start..<index])
        }
        mode = .string(isKey: isKey, isEscaped: isEscaped)
    }

    private mutating func endKey() throws(RegistryError) {
        guard let last = containers.indices.last else { return }
        if containers.count <= 3, key.count <= Self.keyLimitBytes {
            var scanner = JSONScanner([UInt8(ascii: "\"")] + key)
            containers[last].key = try scanner.readString()
        } else {
            containers[last].key = ""
        }
        containers[last].expectsKey = false
        key = []
    }

    /// The attachment whose content a string here would be.
    private var attachmentName: String? {
        guard containers.count == 3, containers[0].key == "_attachments",
            containers[2].key == "data", containers.allSatisfy(\.isObject)
        else { return nil }
        return containers[1].key
    }

    private mutating func beginContent(of name: String) throws(RegistryError) {
        guard !containers[2].hasContent else {
            throw RegistryError(
                .malformed, "the attachment '\(name)' has two contents",
                reason: "attachment_invalid")
        }
        containers[2].hasContent = true
        events.append(.begin(name))
        mode = .content(
            name.hasSuffix(NPMPackageName.bundleSuffix) ? .text : .base64(NPMBase64Stream()))
    }

    private mutating func readContent(
        _ content: Content, _ chunk: [UInt8], _ index: inout Int
    ) throws(RegistryError) {
        var content = content
        switch content {
        case .base64(var stream):
            let (bytes, end) = try stream.decode(chunk, from: index)
            if !bytes.isEmpty { events.append(.content(bytes)) }
            index = end
            content = .base64(stream)
        case .text:
            let start = index
            while index < chunk.count, chunk[index] != UInt8(ascii: "\""),
                chunk[index] != UInt8(ascii: "\\"), chunk[index] >= 0x20
            {
                index += 1
            }
            if index > start { events.append(.content(Array(chunk[start..<index]))) }
        }
        mode = .content(content)
        guard index < chunk.count else { return }
        switch chunk[index] {
        case UInt8(ascii: "\""):
            if case .base64(let stream) = content { try stream.finish() }
            document.append(UInt8(ascii: "\""))
            events.append(.end)
            mode = .structure
        case UInt8(ascii: "\\"):
            mode = .escape(content, [])
        default:
            throw RegistryError(
                .malformed, "an attachment contains a character that is not base64",
                reason: "attachment_invalid")
        }
        index += 1
    }

    private mutating func readEscape(
        _ content: Content, _ begun: [UInt8], _ byte: UInt8
    ) throws(RegistryError) {
        let escape = begun + [byte]
        guard Self.isComplete(escape) else {
            mode = .escape(content, escape)
            return
        }
        var scanner = JSONScanner(Array("\"\\".utf8) + escape + [UInt8(ascii: "\"")])
        let text = Array(try scanner.readString().utf8)
        switch content {
        case .text:
            events.append(.content(text))
            mode = .content(.text)
        case .base64(var stream):
            // Line ends, as mail breaks base64, are left out; a slash may be escaped.
            if text != [0x0A], text != [0x0D] {
                let (bytes, end) = try stream.decode(text, from: 0)
                guard end == text.count else {
                    throw RegistryError(
                        .malformed, "an attachment contains a character that is not base64",
                        reason: "attachment_invalid")
                }
                if !bytes.isEmpty { events.append(.content(bytes)) }
            }
            mode = .content(.base64(stream))
        }
    }

    /// Whether what stands behind the backslash is a whole escape, or can become none. Two escapes
    /// that make one character belong together.
    private static func isComplete(_ escape: [UInt8]) -> Bool {
        guard escape.first == UInt8(ascii: "u") else { return true }
        guard escape.count >= 5 else { return false }
        let digits = String(decoding: escape[1..<3], as: UTF8.self).lowercased()
        let isHighHalf = digits >= "d8" && digits < "dc"
        return !isHighHalf || escape.count >= 11
    }
}
