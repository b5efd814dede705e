import Crypto

/// How far a feature has come.
public enum Stage: String, Sendable, CaseIterable {
    /// Off until an administrator opens a gate.
    case experiment
    /// Off, and meant to be opened for chosen projects or a percentage of them.
    case beta
    /// On.
    case generalAvailability = "ga"

    /// Whether the feature is on where nobody set a gate.
    public var isOnByDefault: Bool { self == .generalAvailability }
}

/// One gate of a feature: a row of `feature_gates`.
///
/// *Source*: GitLab, "Features flags API".
public struct FeatureGate: Hashable, Sendable {
    /// When the gate opens.
    public enum Condition: Hashable, Sendable {
        /// For all, or, when `false`, for nobody that no other gate lets in.
        case everyone(Bool)
        case project(Int64)
        /// For every project at or below this group.
        case group(Int64)
        case user(Int64)
        /// For this share of projects, 0 to 100, the same ones every time.
        case percentageOfActors(Int)
    }

    /// The name of the feature: a format's id.
    public let feature: String
    public let condition: Condition

    public init(feature: String, condition: Condition) {
        self.feature = feature
        self.condition = condition
    }
}

/// For whom a feature is asked about.
public struct FeatureActor: Hashable, Sendable {
    /// `nil` for a request to a group or to the instance.
    public let projectID: Int64?
    /// The groups that the project or group is in, and the group itself.
    public let groupIDs: [Int64]
    public let userID: Int64?

    public init(projectID: Int64?, groupIDs: [Int64], userID: Int64?) {
        self.projectID = projectID
        self.groupIDs = groupIDs
        self.userID = userID
    }
}

/// Every gate as it was at one moment; a request uses one from beginning to end.
public struct FeatureSnapshot: Sendable {
    private let gates: [String: [FeatureGate.Condition]]

    public init(_ gates: [FeatureGate]) {
        self.gates = Dictionary(grouping: gates, by: \.feature).mapValues { $0.map(\.condition) }
    }

    /// Whether `feature` is on for `actor`. Gates add up; a gate for everyone decides first, and
    /// where there is none at all the stage decides.
    public func isOn(_ feature: String, stage: Stage, for actor: FeatureActor) -> Bool {
        guard let conditions = gates[feature] else { return stage.isOnByDefault }
        if conditions.contains(.everyone(true)) { return true }
        return conditions.contains { condition in
            switch condition {
            case .everyone: false
            case .project(let id): id == actor.projectID
            case .group(let id): actor.groupIDs.contains(id)
            case .user(let id): id == actor.userID
            case .percentageOfActors(let share):
                actor.projectID.map { Self.bucket(feature, $0) < share } ?? false
            }
        }
    }

    /// Whether `feature` is on for any project, group or user.
    public func isOnForSomebody(_ feature: String, stage: Stage) -> Bool {
        guard let conditions = gates[feature] else { return stage.isOnByDefault }
        return conditions.contains { condition in
            switch condition {
            case .everyone(let isOn): isOn
            case .project, .group, .user: true
            case .percentageOfActors(let share): share > 0
            }
        }
    }

    /// 0 to 99, evenly spread over projects and different for each feature.
    private static func bucket(_ feature: String, _ projectID: Int64) -> Int {
        let hash = SHA256.hash(data: Array("\(feature):\(projectID)".utf8))
        return hash.prefix(4).reduce(0) { $0 << 8 | Int($1) } % 100
    }
}
