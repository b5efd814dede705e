/// What one proxy said about the request that it passed on.
///
/// *Source*: RFC 7239, section 4.
struct ForwardedElement: Equatable {
    /// `for`, as sent: an address, perhaps with a port, or an obfuscated name.
    var node: String?
    var proto: String?
    var host: String?

    /// The elements of a `Forwarded` field, in order, or `nil` for one that cannot be read.
    static func parse(_ field: some StringProtocol) -> [ForwardedElement]? {
        var elements: [ForwardedElement] = []
        for text in splitOutsideQuotes(field, at: ",") {
            var element = ForwardedElement()
            for pair in splitOutsideQuotes(text, at: ";") where !trim(pair).isEmpty {
                let halves = pair.split(
                    separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard halves.count == 2, let value = unquote(trim(halves[1])) else { return nil }
                switch trim(halves[0]).lowercased() {
                case "for": element.node = value
                case "proto": element.proto = value
                case "host": element.host = value
                default: break
                }
            }
            elements.append(element)
        }
        return elements
    }

    private static func trim(_ text: some StringProtocol) -> Substring {
        var rest = Substring(text)
        while rest.first == " " || rest.first == "\t" { rest.removeFirst() }
        while rest.last == " " || rest.last == "\t" { rest.removeLast() }
        return rest
    }

    private static func splitOutsideQuotes(
        _ text: some StringProtocol, at separator: Character
    ) -> [Substring] {
        var pieces: [Substring] = []
        let text = Substring(text)
        var start = text.startIndex
        var isQuoted = false
        for index in text.indices {
            if text[index] == "\"" { isQuoted.toggle() }
            guard text[index] == separator, !isQuoted else { continue }
            pieces.append(text[start..<index])
            start = text.index(after: index)
        }
        pieces.append(text[start...])
        return pieces
    }

    /// A token as it is, a quoted string without its quotes; nothing here needs an escape.
    private static func unquote(_ text: Substring) -> String? {
        guard text.hasPrefix("\"") else { return text.contains("\"") ? nil : String(text) }
        guard text.utf8.count >= 2, text.hasSuffix("\"") else { return nil }
        let inner = text.dropFirst().dropLast()
        return inner.contains("\"") || inner.contains("\\") ? nil : String(inner)
    }
}
