import FormatKit
import Registry

/// The name of a file that installers understand, and what it says.
///
/// *Source*: PyPA, "Binary distribution format: File name convention" and "Source distribution format:
/// Source distribution file name"; PEP 625.
struct DistributionFilename: Hashable, Sendable {
    /// The kinds of files.
    enum Kind: String, Sendable {
        case wheel = "bdist_wheel"
        case sdist
    }

    /// The longest name, in characters; all of them are ASCII.
    static let limitCharacters = 255
    /// What the name of a source distribution may end in.
    static let sdistExtensions = [".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz"]

    /// The whole name.
    let text: String
    let kind: Kind
    /// The name without its extension; for a wheel, `name-version` alone.
    let stem: String
    /// Of a wheel, `name` and `version` as they are spelled in it.
    private let wheelParts: [String]
    /// What implementations a wheel is for: `py3`, `cp312`; `source` otherwise.
    let pythonTag: String

    /// - Throws: `malformed` with the rule that was broken.
    init(parsing text: String) throws(RegistryError) {
        guard (1...Self.limitCharacters).contains(text.utf8.count),
            text.utf8.allSatisfy(Self.isAllowed), let first = text.utf8.first,
            PyPIName.isAlphanumeric(first)
        else {
            throw Self.refusal(
                text,
                "has 1 to \(Self.limitCharacters) letters, digits, '.', '-', '_', '+' and '!'")
        }
        self.text = text
        let lowercased = text.lowercased()
        if lowercased.hasSuffix(".whl") {
            kind = .wheel
            let parts = text.dropLast(4).split(separator: "-", omittingEmptySubsequences: false)
                .map(String.init)
            guard parts.count == 5 || parts.count == 6, parts.allSatisfy({ !$0.isEmpty }) else {
                throw Self.refusal(
                    text, "of a wheel is name-version[-build]-python-abi-platform.whl")
            }
            if parts.count == 6 {
                guard let first = parts[2].utf8.first,
                    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
                else { throw Self.refusal(text, "of a wheel has a build that begins with a digit") }
            }
            wheelParts = Array(parts.prefix(2))
            stem = wheelParts.joined(separator: "-")
            pythonTag = parts[parts.count - 3]
        } else if let ending = Self.sdistExtensions.first(where: lowercased.hasSuffix) {
            kind = .sdist
            wheelParts = []
            stem = String(text.dropLast(ending.utf8.count))
            pythonTag = "source"
        } else {
            throw Self.refusal(
                text, "ends in .whl for a wheel, or in .tar.gz for a source distribution")
        }
    }

    /// Makes sure that the name is that of a file of this project and version.
    ///
    /// - Throws: `malformed` with what does not fit.
    func check(_ name: PyPIName, _ version: PythonVersion) throws(RegistryError) {
        switch kind {
        case .wheel:
            guard PyPIName.normalize(wheelParts[0].utf8) == name.normalized else {
                throw Self.refusal(text, "begins with the project's name, '\(name)'")
            }
            guard let said = try? PythonVersion(parsing: wheelParts[1]), said == version else {
                throw Self.refusal(text, "has the version behind the name: '\(version)'")
            }
        case .sdist:
            // A name and a version may both have hyphens: any of them may stand between the two.
            var rest = stem[...]
            while let hyphen = rest.lastIndex(of: "-") {
                rest = stem[..<hyphen]
                if PyPIName.normalize(rest.utf8) == name.normalized,
                    let said = try? PythonVersion(
                        parsing: stem[stem.index(after: hyphen)...]),
                    said == version
                {
                    return
                }
            }
            throw Self.refusal(
                text,
                "of a source distribution is the project's name, '-' and the version: "
                    + "'\(name)' and '\(version)'")
        }
    }

    /// Makes sure that the name is that of a file of the kind that a form says it is; `nil` says
    /// nothing.
    ///
    /// - Throws: `malformed`.
    func check(filetype said: String?) throws(RegistryError) {
        guard let said, said != kind.rawValue else { return }
        throw RegistryError(
            .malformed,
            "the form says the file is a '\(said.prefix(50))', and its name says it is a "
                + "'\(kind.rawValue)'",
            reason: "filetype_invalid")
    }

    /// How the file has to be looked into.
    var archiveKind: Archive.Kind {
        kind == .wheel || text.lowercased().hasSuffix(".zip") ? .zip : .tar
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        PyPIName.isAlphanumeric(byte) || "._-+!".utf8.contains(byte)
    }

    private static func refusal(_ text: String, _ rule: String) -> RegistryError {
        RegistryError(
            .malformed, "the file's name '\(text.prefix(300))' is refused: the name \(rule)",
            reason: "filename_invalid")
    }
}
