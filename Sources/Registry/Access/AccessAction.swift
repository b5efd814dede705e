/// What can be asked for. Each action needs one role in the namespace it is asked in; the table is
/// `requiredRole`.
public enum AccessAction: String, Sendable, CaseIterable, Hashable {
    /// Fetch packages, list them, read what describes them.
    case readPackages
    /// Publish a version or add to one.
    case publishPackages
    /// Remove versions and files, and bring them back.
    case deletePackages
    /// See that a namespace exists, and its description.
    case readNamespace
    /// See who the members are.
    case readMembers
    /// Create a project in a group.
    case createProject
    /// Create a group in a group.
    case createSubgroup
    /// Change a namespace's settings.
    case changeSettings
    /// Add, change and remove members; list, create and revoke tokens of the namespace.
    case manageMembers
    /// List, create and revoke deploy tokens and job tokens of the namespace.
    case manageTokens
    /// Remove the namespace and everything in it.
    case removeNamespace
    /// Know who one is, and what tokens one has.
    case readOwnAccount
    /// Anything that a signed-in user may do for himself: create a group, change his tokens.
    case useOwnAccount
    /// Say who one is, where anybody may enter who does; so clients learn that they have to.
    case presentCredential
    /// See how the instance as a whole is doing: what waits for the collector, metrics.
    case monitorInstance
    /// Anything that only an administrator of the instance may do.
    case administerInstance

    /// The least role that may do it in a namespace; `nil` where no role decides.
    public var requiredRole: Role? {
        switch self {
        case .readNamespace, .readMembers: .guest
        case .readPackages: .reporter
        case .publishPackages, .createProject: .developer
        case .deletePackages, .changeSettings, .manageTokens, .createSubgroup, .manageMembers:
            .maintainer
        case .removeNamespace: .owner
        case .readOwnAccount, .useOwnAccount, .presentCredential, .monitorInstance,
            .administerInstance:
            nil
        }
    }

    /// Whether a `read_api` token and a reader of a public namespace may do it.
    public var isRead: Bool {
        switch self {
        case .readPackages, .readNamespace, .readMembers, .readOwnAccount, .monitorInstance: true
        default: false
        }
    }

    /// What is done, as a sentence about the caller goes on: "you may not …".
    public var phrase: String {
        switch self {
        case .readPackages: "read packages"
        case .publishPackages: "publish packages"
        case .deletePackages: "delete packages"
        case .readNamespace: "see this namespace"
        case .readMembers: "list members"
        case .createProject: "create projects"
        case .createSubgroup: "create subgroups"
        case .changeSettings: "change settings"
        case .manageMembers: "manage members"
        case .manageTokens: "manage tokens"
        case .removeNamespace: "remove the namespace"
        case .readOwnAccount: "read your account"
        case .useOwnAccount: "use your account"
        case .presentCredential: "go on"
        case .monitorInstance: "see how the instance is doing"
        case .administerInstance: "administer the instance"
        }
    }
}
