import Registry

/// What the header fields of a part say about it.
///
/// *Source*: RFC 7578, section 4.
public struct MultipartPart: Hashable, Sendable {
    /// The name of the form's field.
    public let name: String
    /// The name of the file that was sent, as the client spelled it; `nil` for plain text.
    public let filename: String?
    public let contentType: String?

    public init(name: String, filename: String? = nil, contentType: String? = nil) {
        self.name = name
        self.filename = filename
        self.contentType = contentType
    }

    /// Reads the lines of a part's header, without the empty one at their end.
    ///
    /// - Throws: `malformed` with reason `multipart_invalid`.
    init(parsing header: [UInt8]) throws(RegistryError) {
        var name: String?
        var filename: String?
        var contentType: String?
        for line in try Self.unfold(header) {
            guard let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) else {
                throw RegistryError.multipart("a line of a part's header has no ':'")
            }
            let value = line[line.index(after: colon)...].trimmingBlanks()
            switch line[..<colon].lowercased() {
            case "content-disposition":
                guard name == nil else {
                    throw RegistryError.multipart("a part says twice what it is")
                }
                let parameters = try HeaderParameters(parsing: value)
                guard parameters.essence == "form-data", let field = parameters["name"] else {
                    throw RegistryError.multipart(
                        "a part's Content-Disposition is not form-data with a name")
                }
                name = field
                filename =
                    parameters["filename*"].flatMap(Self.decodeExtended)
                    ?? parameters["filename"]
            case "content-type":
                contentType = String(value)
            case "content-transfer-encoding":
                guard ["binary", "8bit", "7bit"].contains(value.lowercased()) else {
                    // RFC 7578, section 4.7: senders do not encode.
                    throw RegistryError.multipart("a part is sent encoded: send its bytes")
                }
            default:
                break
            }
        }
        guard let name else {
            throw RegistryError.multipart("a part has no Content-Disposition with a name")
        }
        self.init(name: name, filename: filename, contentType: contentType)
    }

    /// The lines of a header, each with what continues it.
    private static func unfold(_ header: [UInt8]) throws(RegistryError) -> [Substring] {
        guard let text = String(validating: header, as: UTF8.self) else {
            throw RegistryError.multipart("a part's header is not UTF-8")
        }
        var lines: [Substring] = []
        for line in text.split(separator: "\r\n") {
            guard !line.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) else {
                throw RegistryError.multipart("a part's header contains a control character")
            }
            if let last = lines.last, line.first == " " || line.first == "\t" {
                lines[lines.count - 1] = last + line
            } else {
                lines.append(line)
            }
        }
        return lines
    }

    /// `UTF-8''na%C3%AFve.txt`; `nil` for anything else.
    ///
    /// *Source*: RFC 8187, section 3.2.1.
    private static func decodeExtended(_ value: String) -> String? {
        let parts = value.split(
            separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].lowercased() == "utf-8" else { return nil }
        // A plus is a plus here.
        return PercentEncoding.decodeQuery(parts[2].replacing("+", with: "%2B"))
    }
}

/// A header field's value with parameters: `form-data; name="content"; filename="a.whl"`.
///
/// *Source*: RFC 9110, section 5.6.6; WHATWG, "HTML: Multipart form data", for what browsers escape.
struct HeaderParameters {
    /// What stands before the parameters, in lower case.
    let essence: String
    private let parameters: [(name: String, value: String)]

    /// The value of the first parameter of this name.
    subscript(name: String) -> String? {
        parameters.first { $0.name == name }?.value
    }

    /// - Throws: `malformed` with reason `multipart_invalid`.
    init(parsing text: some StringProtocol) throws(RegistryError) {
        var rest = Substring(text)
        essence = Self.take(&rest) { $0 != ";" }.trimmingBlanks().lowercased()
        var found: [(name: String, value: String)] = []
        while rest.first == ";" {
            rest.removeFirst()
            rest = rest.trimmingBlanks()
            if rest.isEmpty { break }
            let name = Self.take(&rest) { $0 != "=" && $0 != ";" }.trimmingBlanks().lowercased()
            guard rest.first == "=" else {
                throw RegistryError.multipart("a parameter of a header field has no value")
            }
            rest.removeFirst()
            rest = rest.trimmingBlanks()
            found.append((name, try Self.takeValue(&rest)))
            rest = rest.trimmingBlanks()
        }
        guard rest.isEmpty else {
            throw RegistryError.multipart("a parameter of a header field does not end")
        }
        parameters = found
    }

    private static func take(
        _ rest: inout Substring, while isPart: (Character) -> Bool
    ) -> Substring {
        let taken = rest.prefix(while: isPart)
        rest = rest[taken.endIndex...]
        return taken
    }

    /// A token, or a text in quotes, where only a quote is ever escaped: browsers of old send paths
    /// with backslashes.
    private static func takeValue(_ rest: inout Substring) throws(RegistryError) -> String {
        guard rest.first == "\"" else {
            return String(take(&rest) { $0 != ";" }.trimmingBlanks())
        }
        rest.removeFirst()
        var value = ""
        while let character = rest.popFirst() {
            if character == "\"" {
                return value.replacing("%22", with: "\"").replacing("%0D%0A", with: " ")
            }
            if character == "\\", rest.first == "\"" {
                value.append("\"")
                rest.removeFirst()
            } else {
                value.append(character)
            }
        }
        throw RegistryError.multipart("a text in quotes does not end")
    }
}

extension Substring {
    /// The text without spaces and tabs at its ends.
    func trimmingBlanks() -> Substring {
        var text = self
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}

extension RegistryError {
    /// The refusal of a form that is not one.
    static func multipart(_ what: String) -> RegistryError {
        RegistryError(
            .malformed, "the form cannot be read: \(what)", reason: "multipart_invalid")
    }
}
