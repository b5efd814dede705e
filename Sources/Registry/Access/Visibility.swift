/// Who may know of a namespace and read what is in it.
public enum Visibility: String, Sendable, CaseIterable, Codable, Comparable {
    /// Members only.
    case `private`
    /// Every user who is signed in, and members.
    case `internal`
    /// Everybody.
    case `public`

    /// Less visible comes first.
    public static func < (left: Visibility, right: Visibility) -> Bool {
        left.rank < right.rank
    }

    private var rank: Int {
        switch self {
        case .private: 0
        case .internal: 1
        case .public: 2
        }
    }
}
