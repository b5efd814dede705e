import Registry

/// What must be there and what must not, by the rules alone and without a database.
struct RegistryModel: Sendable {
    /// A version that lives while something refers to it. Others of the same text may lie in the
    /// trash.
    struct Image: Hashable, Sendable {
        let id: Int64
        let text: String
        let layers: [String]
        let children: [String]
        let subject: String?
        /// When it was last published, restored, pulled, or lost a tag.
        var neededAt: Timestamp
        var trashedAt: Timestamp?
        /// When a collector looks at it at the latest: a wish to look only ever moves back.
        var lookedAtBy: Timestamp
    }

    /// A tag that was removed and can be restored.
    struct RemovedTag: Hashable, Sendable {
        let name: String
        let imageID: Int64
        let deletedAt: Timestamp
    }

    static let day: Int64 = 86_400
    static let week = 7 * day

    /// How long the project keeps what was deleted, and what nothing refers to.
    var periods = CollectionPeriods()
    /// When the leases of blobs end.
    var leases: [String: Timestamp] = [:]
    /// By the number of the version, in the trash or not.
    var images: [Int64: Image] = [:]
    /// Which image a tag names; one of an image in the trash is hidden, and comes back with it.
    var tags: [String: Int64] = [:]
    /// In the order in which they were removed.
    var removedTags: [RemovedTag] = []
    /// By the number of the version, in the trash or not.
    var releases: [Int64: Release] = [:]

    var isEmpty: Bool { images.isEmpty && releases.isEmpty }

    // MARK: Periods

    /// Whether what was deleted at `moment` can be restored for certain.
    func isRestorable(since moment: Timestamp, at now: Timestamp) -> Bool {
        periods.trash.end(from: moment).map { now < $0 } ?? true
    }

    /// When a collector comes by at the latest to look at what has just happened.
    func latestLook(from moment: Timestamp) -> Timestamp {
        let ends = [periods.trash, periods.untagged].compactMap { $0.end(from: moment) }
        return ends.max() ?? moment
    }

    /// Other periods from now on.
    ///
    /// - Parameter isLookedAt: whether a collector has looked already at all that they concern.
    mutating func change(_ periods: CollectionPeriods, isLookedAt: Bool, at now: Timestamp) {
        guard periods != self.periods else { return }
        self.periods = periods
        let tagged = Set(tags.values)
        for (id, image) in images {
            let removals = removedTags.filter { $0.imageID == id }.map(\.deletedAt)
            let isConcerned =
                image.trashedAt != nil || !tagged.contains(id) || !removals.isEmpty
            let ends =
                ([image.trashedAt].compactMap(\.self) + removals)
                .compactMap { periods.trash.end(from: $0) }
                + [periods.untagged.end(from: image.neededAt)].compactMap(\.self)
            let moment = isLookedAt && isConcerned ? now : image.lookedAtBy
            images[id]?.lookedAtBy = max(moment, ends.max() ?? moment)
        }
        for (id, release) in releases {
            let moments =
                [release.trashedAt].compactMap(\.self)
                + release.removedFiles.values.map(\.deletedAt)
            let ends = moments.compactMap { periods.trash.end(from: $0) }
            let moment = isLookedAt && !moments.isEmpty ? now : release.lookedAtBy
            releases[id]?.lookedAtBy = max(moment, ends.max() ?? moment)
        }
    }

    // MARK: What must be there

    /// The images outside of the trash that the collector must not touch now.
    func requiredImages(at now: Timestamp) -> Set<Int64> {
        keptImages(at: now, orUnlooked: false)
    }

    /// Those images, and others that a collector may not have come by to look at yet.
    func possibleImages(at now: Timestamp) -> Set<Int64> {
        keptImages(at: now, orUnlooked: true)
    }

    private func keptImages(at now: Timestamp, orUnlooked: Bool) -> Set<Int64> {
        var named = Set(tags.values)
        for tag in removedTags where isRestorable(since: tag.deletedAt, at: now) {
            named.insert(tag.imageID)
        }
        var kept: Set<Int64> = []
        var texts: Set<String> = []
        var parts: Set<String> = []
        var left: [Image] = []
        for image in images.values {
            var isKept = orUnlooked && image.lookedAtBy > now
            if let trashedAt = image.trashedAt {
                guard isKept || isRestorable(since: trashedAt, at: now) else { continue }
            } else {
                isKept = isKept || named.contains(image.id)
                isKept =
                    isKept || periods.untagged.end(from: image.neededAt).map { now < $0 } ?? true
                guard isKept else {
                    left.append(image)
                    continue
                }
                kept.insert(image.id)
            }
            // What is in the trash keeps what belongs to it.
            texts.insert(image.text)
            parts.formUnion(image.children)
        }
        while true {
            let rest = left.filter { image in
                guard
                    parts.contains(image.text) || image.subject.map(texts.contains) ?? false
                else { return true }
                kept.insert(image.id)
                texts.insert(image.text)
                parts.formUnion(image.children)
                return false
            }
            if rest.count == left.count { return kept }
            left = rest
        }
    }

    /// The blobs that the image package must serve now.
    func requiredBlobs(at now: Timestamp) -> Set<String> {
        var blobs: Set<String> = []
        for (text, end) in leases where now < end { blobs.insert(text) }
        for id in requiredImages(at: now) {
            guard let image = images[id] else { continue }
            blobs.formUnion(image.layers)
            blobs.insert(image.text)
        }
        return blobs
    }

    /// The images that can be restored for certain.
    func restorableImages(at now: Timestamp) -> [Image] {
        images.values.filter { image in
            image.trashedAt.map { isRestorable(since: $0, at: now) } ?? false
        }
    }

    /// The image of this text that is not in the trash.
    func liveImage(_ text: String) -> Image? {
        images.values.first { $0.text == text && $0.trashedAt == nil }
    }

    /// The tags that are found, with the images that they name.
    var visibleTags: [String: Image] {
        tags.compactMapValues { id in images[id].flatMap { $0.trashedAt == nil ? $0 : nil } }
    }

    // MARK: What happens

    /// Makes the tag name the image; the one that it named before has its time from now on.
    mutating func setTag(_ tag: String, _ id: Int64, at now: Timestamp) {
        if let old = visibleTags[tag], old.id != id { need(old.id, at: now) }
        tags[tag] = id
    }

    /// Notes that an image was needed: it is kept for a while from now on.
    mutating func need(_ id: Int64, at now: Timestamp) {
        images[id]?.neededAt = now
        noteLook(at: id, from: now)
    }

    mutating func trashImage(_ id: Int64, at now: Timestamp) {
        images[id]?.trashedAt = now
        noteLook(at: id, from: now)
    }

    mutating func restoreImage(_ id: Int64, at now: Timestamp) {
        images[id]?.trashedAt = nil
        need(id, at: now)
    }

    /// Notes that a look at every image was asked for.
    mutating func noteLooks(from now: Timestamp) {
        for id in images.keys { noteLook(at: id, from: now) }
    }

    private mutating func noteLook(at id: Int64, from now: Timestamp) {
        guard let image = images[id] else { return }
        let moment = max(image.lookedAtBy, latestLook(from: now))
        images[id]?.lookedAtBy = moment
    }

    /// An image whose row is gone, and what went with it.
    mutating func forgetImage(_ id: Int64) {
        images[id] = nil
        tags = tags.filter { $0.value != id }
        removedTags.removeAll { $0.imageID == id }
    }
}
