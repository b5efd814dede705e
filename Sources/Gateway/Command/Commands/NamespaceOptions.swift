public import ArgumentParser
public import Registry

extension Visibility: ExpressibleByArgument {}

/// What a new group or project is described with.
struct NamespaceOptions: ParsableArguments {
    @Option(help: "The name for people; the last part of the path unless given.")
    var name: String?
    @Option(help: "What it is for.") var description: String = ""
    @Option(help: "Who may read it.") var visibility: Visibility = .private
    @Option(help: "A user who becomes an owner of it.") var owner: String?
}

/// What groups and projects have in common.
enum NamespaceChanges {
    /// Creates a group or project below the namespace that its path names.
    static func create(
        _ kind: NamespaceKind, _ path: String, _ options: NamespaceOptions,
        _ settings: NamespaceSettings, _ console: Console
    ) async throws -> NamespaceRecord {
        let path = try NamespacePath(parsing: path)
        let (name, summary) = (options.name ?? path.lastSegment, options.description)
        let (visibility, owner) = (options.visibility, options.owner)
        return try await console.change("\(kind.rawValue).create") { tx, now in
            var parent: NamespaceRecord?
            if let parentPath = path.parent {
                parent = try tx.requireNamespace(parentPath.description, nil)
                guard parent?.kind != .project, kind == .project || parent?.kind == .group else {
                    throw RegistryError(
                        .conflict,
                        "'\(parentPath)' is a \(parent?.kind.rawValue ?? "") and "
                            + "cannot hold a \(kind.rawValue)")
                }
            } else if kind == .project {
                throw RegistryError(
                    .malformed,
                    "a project needs a group or user before its name: "
                        + "GROUP/\(path)")
            }
            // The path of an existing parent keeps the case in which it was created.
            let full = try parent?.path.appending(path.lastSegment) ?? path
            let user = try owner.map { try tx.requireUser($0) }
            let namespace = try tx.insertNamespace(
                NamespaceDraft(
                    kind: kind, path: full, parentID: parent?.id, name: name, summary: summary,
                    visibility: visibility, settings: settings, creatorID: user?.id),
                at: now)
            if let user {
                _ = try tx.insertMember(
                    userID: user.id, namespaceID: namespace.id, role: .owner, expiresAt: nil,
                    at: now)
            }
            return (namespace, namespace.id, "\(kind.rawValue):\(namespace.id)")
        }
    }

    /// Lists groups or projects, all or those below a group.
    static func list(
        _ kind: NamespaceKind, below group: String?, search: String?, _ console: Console
    ) async throws -> [NamespaceRecord] {
        let parent = try await console.metadata.read { tx in
            try group.map { try tx.requireNamespace($0, nil) }
        }
        return try await console.listAll { tx, page in
            try tx.listNamespaces(
                NamespaceFilter(
                    kinds: [kind], below: parent?.id, search: search, visibleTo: .everything),
                page: page)
        }
    }

    /// Removes a group or project and all below it.
    static func remove(
        _ kind: NamespaceKind, _ path: String, _ console: Console
    ) async throws -> NamespaceRecord {
        try await console.change("\(kind.rawValue).remove") { tx, now in
            let namespace = try tx.requireNamespace(path, kind)
            _ = try tx.removeNamespace(namespace.id, at: now)
            return (namespace, namespace.id, "\(kind.rawValue):\(namespace.id)")
        }
    }
}
