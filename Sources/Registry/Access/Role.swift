/// What a member may do in a namespace and in everything below it.
///
/// *Source*: GitLab, "Members API: Valid access levels".
public enum Role: Int, Sendable, Comparable, CaseIterable, Codable {
    case guest = 10
    case reporter = 20
    case developer = 30
    case maintainer = 40
    case owner = 50

    public static func < (left: Role, right: Role) -> Bool {
        left.rawValue < right.rawValue
    }

    /// `guest`, `reporter`, `developer`, `maintainer`, `owner`.
    public var name: String { String(describing: self) }

    /// The role of this name, in any case.
    public init?(name: String) {
        guard let role = Role.allCases.first(where: { $0.name == name.lowercased() }) else {
            return nil
        }
        self = role
    }
}
