import Glibc
import OCIFormat
import Registry

/// What an import is asked to do.
struct ImportOptions: Sendable {
    /// Patterns of the repositories that are wanted; all when there is none.
    var patterns: [String] = []
    var mapping = RepositoryMapping()
    /// Whether to copy where a link would do.
    var copies = false
    /// Whether manifests are wanted that no tag leads to.
    var includesUntagged = false
    /// Whether a tag that is here stays, whatever it names there.
    var keepsTags = false
    /// Whether indexes may be taken without all of their parts.
    var allowsMissingChildren = false
    /// Files that are read at once.
    var parallelCount = 4

    /// Of `names`, those that are wanted.
    ///
    /// - Throws: `CommandError` for a pattern that matches none.
    func choose(_ names: [String]) throws -> [String] {
        for pattern in patterns where !names.contains(where: { Self.matches($0, pattern) }) {
            throw CommandError("no repository there is called '\(pattern)'")
        }
        return names.filter { name in
            patterns.isEmpty || patterns.contains { Self.matches(name, $0) }
        }
    }

    /// `*` is any text, with slashes, and `?` one character.
    private static func matches(_ name: String, _ pattern: String) -> Bool {
        fnmatch(pattern, name, 0) == 0
    }
}

/// Which package a repository becomes: the one of its own name, unless a rule gives another to
/// everything at and below a name.
struct RepositoryMapping: Sendable {
    private var rules: [(old: String, new: String)] = []

    init() {}

    /// Reads rules `OLD=NEW`, of which the first that fits counts.
    ///
    /// - Throws: `CommandError` for what is no rule.
    init(parsing rules: [String]) throws {
        self.rules = try rules.map { rule in
            let parts = rule.split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw CommandError("--map takes OLD=NEW, such as team/app=app, not '\(rule)'")
            }
            return (Self.trimmed(parts[0]), Self.trimmed(parts[1]))
        }
    }

    /// The name of the package.
    func package(for repository: String) -> String {
        for rule in rules {
            if repository == rule.old { return rule.new }
            if repository.hasPrefix(rule.old + "/") {
                let rest = repository.dropFirst(rule.old.count + 1)
                return rule.new.isEmpty ? String(rest) : "\(rule.new)/\(rest)"
            }
        }
        return repository
    }

    /// Refuses what clients could not ask for.
    ///
    /// - Throws: `CommandError` when a name is none, or two repositories would become one package.
    func check(_ repositories: [String], in project: NamespaceRecord) throws {
        var taken: [String: String] = [:]
        for repository in repositories {
            let name = package(for: repository)
            do throws(RegistryError) {
                if !name.isEmpty {
                    let path = "\(project.path.key)/\(name)"
                    _ = try OCIRepositoryName(
                        segments: path.split(separator: "/", omittingEmptySubsequences: false)
                            .map(String.init))
                }
            } catch {
                throw CommandError(
                    "'\(repository)' cannot become '\(project.path)/\(name)': \(error.message)")
            }
            if let other = taken.updateValue(repository, forKey: name) {
                throw CommandError(
                    "'\(other)' and '\(repository)' would both become '\(project.path)/\(name)'; "
                        + "choose with --repository and --map")
            }
        }
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop { $0 == "/" }.reversed().drop { $0 == "/" }.reversed())
    }
}
