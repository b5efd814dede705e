/// Queries on `feature_gates`, and the number by which replicas see that something changed.
public protocol FeatureReading {
    /// Every gate that somebody set.
    func listGates() throws -> [FeatureGate]
    /// Grows with every change of namespaces, identities, memberships, tokens and gates.
    func findAdministrationEpoch() throws -> Int64
}

/// Changes of `feature_gates`; each makes every replica read them again.
public protocol FeatureWriting: FeatureReading {
    /// Sets the gate, in place of one with the same feature and condition.
    func upsertGate(_ gate: FeatureGate) throws
    /// Removes every gate of the feature. Whether there was one.
    func removeGates(feature: String) throws -> Bool
}
