/// What a package can be searched by.
struct NPMSearchWords: Hashable, Sendable {
    var description = ""
    var keywords: [String] = []
    /// The name of the author.
    var author = ""

    /// The longest text that is searched in, in bytes.
    static let limitBytes = 16_384

    /// The text that is searched in: a line for each thing, so that a whole keyword can be asked for.
    func text(of name: NPMPackageName, publisher: String) -> String {
        var lines = [name.description, description]
        lines += keywords.map { "keyword:\($0)" }
        lines += ["author:\(author)", "maintainer:\(publisher)"]
        // Every line has a line end before and behind it, so that whole lines can be asked for.
        let text =
            "\n"
            + lines.map { line in
                line.split(whereSeparator: \.isNewline).joined(separator: " ")
            }.joined(separator: "\n") + "\n"
        return String(decoding: text.lowercased().utf8.prefix(Self.limitBytes), as: UTF8.self)
    }
}
