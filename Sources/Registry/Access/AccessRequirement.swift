/// One thing that an operation needs to be allowed. An operation lists all of its own.
public struct AccessRequirement: Hashable, Sendable {
    /// Where the action is asked for.
    public enum Target: Hashable, Sendable {
        /// The scope that the request's address names.
        case scope
        /// Another namespace, as the source of a mount or the target of a management call.
        case namespace(NamespaceReference)
        /// The instance as a whole.
        case instance
    }

    public let action: AccessAction
    public let target: Target
    /// The package, where the address names it.
    public let package: String?
    /// The version, where the address names one whose name stays reserved when it is deleted.
    public let version: String?
    /// Whether the operation goes on without it: then the namespace that it names is not among those
    /// that the operation may use, as the source of a mount that may not be read.
    public let isOptional: Bool

    public init(
        _ action: AccessAction, on target: Target = .scope, package: String? = nil,
        version: String? = nil, isOptional: Bool = false
    ) {
        self.action = action
        self.target = target
        self.package = package
        self.version = version
        self.isOptional = isOptional
    }
}

/// How an address names a namespace.
public enum NamespaceReference: Hashable, Sendable {
    /// A number, with the kind that the address asks for.
    case id(Int64, NamespaceKind?)
    /// A path, in any case, with the kind that the address asks for.
    case path(String, NamespaceKind?)
    /// The longest project path that these segments begin with; what is left belongs to the format.
    case longestProject([String])
}
