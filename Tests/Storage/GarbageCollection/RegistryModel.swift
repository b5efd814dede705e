import Registry

/// What must be there and what must not, by the rules alone and without a database.
struct RegistryModel {
    struct Manifest: Hashable {
        let text: String
        let layers: [String]
        let children: [String]
        let subject: String?
        /// When it was last published, or lost its tag.
        var touchedAt: Timestamp
        var trashedAt: Timestamp?
    }

    static let day: Int64 = 86_400
    static let week = 7 * day

    /// When the leases of blobs end.
    var leases: [String: Timestamp] = [:]
    /// By text; one that is not in the trash.
    var live: [String: Manifest] = [:]
    var trash: [Manifest] = []
    var tags: [String: String] = [:]

    /// The manifests that the collector must not touch now.
    func requiredManifests(at now: Timestamp) -> Set<String> {
        let tagged = Set(tags.values)
        let kept = trash.filter { manifest in
            manifest.trashedAt.map { now < $0.advanced(bySeconds: Self.week) } ?? false
        }
        var required = Set(
            live.values.filter {
                tagged.contains($0.text) || now < $0.touchedAt.advanced(bySeconds: Self.week)
            }.map(\.text))
        while true {
            let existing = required.union(kept.map(\.text))
            let holders = kept + live.values.filter { required.contains($0.text) }
            let parts = Set(holders.flatMap(\.children))
            let more = live.values.filter { manifest in
                !required.contains(manifest.text)
                    && (parts.contains(manifest.text)
                        || manifest.subject.map(existing.contains) ?? false)
            }
            if more.isEmpty { return required }
            required.formUnion(more.map(\.text))
        }
    }

    /// The blobs that must be served now.
    func requiredBlobs(at now: Timestamp) -> Set<String> {
        let required = requiredManifests(at: now)
        var blobs = Set(leases.filter { now < $0.value }.keys)
        for manifest in live.values where required.contains(manifest.text) {
            blobs.formUnion(manifest.layers)
            blobs.insert(manifest.text)
        }
        return blobs
    }

    /// Forgets what a collector that has nothing left to do must have deleted.
    mutating func settle(at now: Timestamp) {
        let required = requiredManifests(at: now)
        live = live.filter { required.contains($0.key) }
        trash = trash.filter { manifest in
            manifest.trashedAt.map { now < $0.advanced(bySeconds: Self.week) } ?? false
        }
        leases = leases.filter { now < $0.value }
    }
}
