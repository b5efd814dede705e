/// Something that a client asks a token for, or that a token grants:
/// `repository:acme/web/api:pull,push`, `registry:catalog:*`.
///
/// *Source*: distribution, "Token Scope Documentation".
public struct RegistryGrant: Hashable, Sendable, CustomStringConvertible {
    /// The kinds of things that there are grants for.
    public enum Resource: String, Sendable, CaseIterable, Codable {
        /// A repository of images, by its whole name.
        case repository
        /// The registry itself: its only name is `catalog`.
        case registry
    }

    /// What may be done with it.
    public enum Action: String, Sendable, CaseIterable, Codable {
        case pull
        case push
        case delete
        /// Everything.
        case all = "*"

        /// The action that a policy decides; `nil` for everything.
        public var access: AccessAction? {
            switch self {
            case .pull: .readPackages
            case .push: .publishPackages
            case .delete: .deletePackages
            case .all: nil
            }
        }
    }

    /// The longest name that is read, in bytes; names are printable ASCII.
    public static let nameLimitBytes = 1024

    public let resource: Resource
    /// The class that the client put behind the resource's type: `plugin`.
    public let resourceClass: String?
    public let name: String
    public let actions: Set<Action>

    public init(
        _ resource: Resource, resourceClass: String? = nil, name: String, actions: Set<Action>
    ) {
        self.resource = resource
        self.resourceClass = resourceClass
        self.name = name
        self.actions = actions
    }

    /// Reads one scope, or answers `nil` for one of a type that is not known. Actions that are not
    /// known are left out.
    public init?(parsing text: some StringProtocol) {
        guard let first = text.firstIndex(of: ":"), let last = text.lastIndex(of: ":"),
            first < last
        else { return nil }
        let name = text[text.index(after: first)..<last]
        var type = String(text[..<first])
        var resourceClass: String?
        if let open = type.firstIndex(of: "("), type.hasSuffix(")") {
            resourceClass = String(type[type.index(after: open)...].dropLast())
            type = String(type[..<open])
        }
        guard let resource = Resource(rawValue: type),
            (1...Self.nameLimitBytes).contains(name.utf8.count),
            name.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        self.init(
            resource, resourceClass: resourceClass, name: String(name),
            actions: Set(
                text[text.index(after: last)...].split(separator: ",")
                    .compactMap { Action(rawValue: String($0)) }))
    }

    /// What a token has to grant for `action` on what `reference` names, `nil` being the instance.
    ///
    /// - Returns: `nil` where no token grants it.
    public init?(_ action: AccessAction, on reference: NamespaceReference?) {
        guard let needed = Action.allCases.first(where: { $0.access == action }) else { return nil }
        switch reference {
        case nil:
            guard needed == .pull else { return nil }
            self = .catalogue
        case .longestProject(let segments)?:
            guard !segments.isEmpty else { return nil }
            self.init(.repository, name: segments.joined(separator: "/"), actions: [needed])
        case .path(let path, _)?:
            self.init(.repository, name: path, actions: [needed])
        case .id?:
            return nil
        }
    }

    /// The list of all repositories.
    public static let catalogue = RegistryGrant(.registry, name: "catalog", actions: [.all])

    /// Whether whoever holds this holds `other` as well.
    public func covers(_ other: RegistryGrant) -> Bool {
        resource == other.resource && name == other.name
            && (actions.contains(.all) || actions.isSuperset(of: other.actions))
    }

    /// The project that a repository of this name lies in, and what is left of the name.
    public var reference: NamespaceReference {
        .longestProject(
            name.split(separator: "/", omittingEmptySubsequences: false).map(String.init))
    }

    /// The actions in the order in which they are written.
    public var actionNames: [String] {
        Action.allCases.filter(actions.contains).map(\.rawValue)
    }

    public var description: String {
        let type = resource.rawValue + (resourceClass.map { "(\($0))" } ?? "")
        return "\(type):\(name):\(actionNames.joined(separator: ","))"
    }
}
