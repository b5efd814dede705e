import Database
import Registry

/// Statements on `feature_gates` and `administration_epoch`.
extension MetadataTransaction {
    func listGates() throws -> [FeatureGate] {
        try all(
            """
            SELECT feature, condition, target_id, value FROM feature_gates
            ORDER BY feature, condition, target_id
            """
        ) { row in
            FeatureGate(
                feature: try row.text(),
                condition: try FeatureGate.Condition(
                    stored: row.text(), targetID: row.integer(), value: row.integer()))
        }
    }

    func findAdministrationEpoch() throws -> Int64 {
        try one("SELECT epoch FROM administration_epoch WHERE id = 1") { try $0.integer() }
    }

    func upsertGate(_ gate: FeatureGate) throws {
        try raiseAdministrationEpoch()
        let (condition, targetID, value) = gate.condition.stored
        try session.execute(
            """
            INSERT INTO feature_gates (feature, condition, target_id, value)
            VALUES (\(gate.feature), \(condition), \(targetID), \(value))
            ON CONFLICT (feature, condition, target_id) DO UPDATE SET value = excluded.value
            """)
    }

    func removeGates(feature: String) throws -> Bool {
        try raiseAdministrationEpoch()
        return try session.execute("DELETE FROM feature_gates WHERE feature = \(feature)") > 0
    }
}

extension FeatureGate.Condition {
    /// The columns of a row; a condition without a target has the target 0.
    fileprivate var stored: (condition: String, targetID: Int64, value: Int64) {
        switch self {
        case .everyone(let isOn): ("everyone", 0, isOn ? 1 : 0)
        case .project(let id): ("project", id, 1)
        case .group(let id): ("group", id, 1)
        case .user(let id): ("user", id, 1)
        case .percentageOfActors(let share): ("percentage_of_actors", 0, Int64(share))
        }
    }

    fileprivate init(stored condition: String, targetID: Int64, value: Int64) throws {
        switch condition {
        case "everyone": self = .everyone(value != 0)
        case "project": self = .project(targetID)
        case "group": self = .group(targetID)
        case "user": self = .user(targetID)
        case "percentage_of_actors": self = .percentageOfActors(Int(value))
        default: throw DatabaseError(.other, "'\(condition)' is no condition of a gate")
        }
    }
}
