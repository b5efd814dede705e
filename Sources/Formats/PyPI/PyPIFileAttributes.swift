import FormatKit
import Registry

/// What is kept of a file beside its bytes: what the index, and the description of a release, say.
struct PyPIFileAttributes: Hashable, Sendable {
    /// The project's name as it was spelled in this file.
    var name: String
    var kind: DistributionFilename.Kind
    /// `py3`, `cp312`, `source`.
    var pythonTag: String
    var requiresPython: String?
    /// What the uploader said about the file.
    var comment: String?
    /// Whether installers may believe the metadata without building the file.
    var hasStaticMetadata: Bool

    /// The attributes as a JSON object.
    var encoded: String {
        var members: [(name: String, value: JSONValue)] = [
            ("name", .string(name)), ("type", .string(kind.rawValue)),
            ("python", .string(pythonTag)), ("static", .integer(hasStaticMetadata ? 1 : 0)),
        ]
        if let requiresPython { members.append(("requires_python", .string(requiresPython))) }
        if let comment { members.append(("comment", .string(comment))) }
        return JSONValue.object(members).text
    }
}

extension PyPIFileAttributes {
    /// Reads the attributes of a stored file; `nil` for a file that is none that people published,
    /// as the metadata beside one.
    ///
    /// - Throws: `internalError` for what this format never stores.
    init?(stored text: String) throws(RegistryError) {
        var (name, kind, pythonTag) = ("", DistributionFilename.Kind?.none, "source")
        var (requiresPython, comment) = (String?.none, String?.none)
        var isStatic = false
        do throws(RegistryError) {
            var scanner = JSONScanner(Array(text.utf8))
            try scanner.readObject { (member, scanner) throws(RegistryError) in
                switch member {
                case "name": name = try scanner.readString()
                case "type":
                    kind = DistributionFilename.Kind(rawValue: try scanner.readString())
                case "python": pythonTag = try scanner.readString()
                case "requires_python": requiresPython = try scanner.readString()
                case "comment": comment = try scanner.readString()
                case "static": isStatic = try scanner.readInteger() == 1
                default: try scanner.skip()
                }
            }
        } catch {
            throw RegistryError(
                .internalError, "what is stored about a file cannot be read", cause: error)
        }
        guard let kind else { return nil }
        self.init(
            name: name, kind: kind, pythonTag: pythonTag, requiresPython: requiresPython,
            comment: comment, hasStaticMetadata: isStatic)
    }
}
