import Registry
import TestSupport
import Testing

/// What a client deletes and restores of his images.
extension ModelClient {
    /// Reasons for which a name cannot be had back.
    private static let goneReason = "gone"
    private static let takenReason = "version_taken"

    mutating func trashImage() async throws {
        guard let image = randomRequiredImage() else { return }
        let moment = now
        // Two of one text that were deleted in the same microsecond: no clock makes that.
        guard
            !model.images.values.contains(where: { $0.text == image.text && $0.trashedAt == moment }
            )
        else { return }
        let required = model.requiredImages(at: moment)
        let isPart = model.images.values.contains {
            required.contains($0.id) && $0.children.contains(image.text)
        }
        do throws(RegistryError) {
            let wasThere = try await package.trashVersion(
                CollectorBench.digest(image.text).description)
            #expect(wasThere && !isPart, "\(image.text) in the trash")
        } catch {
            #expect(error.reason == "version_referenced", "\(error)")
            return
        }
        model.trashImage(image.id, at: moment)
    }

    mutating func restoreImage() async throws {
        guard let image = randomTrashedImage(), let trashedAt = image.trashedAt else { return }
        let moment = now
        let isRestorable = model.isRestorable(since: trashedAt, at: moment)
        let (twin, required) = (model.liveImage(image.text), model.requiredImages(at: moment))
        do throws(RegistryError) {
            try await bench.restore(image.id, of: package, randomPolicy())
        } catch {
            switch error.reason {
            case Self.takenReason: #expect(twin != nil, "\(error)")
            case Self.goneReason:
                #expect(!isRestorable, "\(image.text) cannot be restored")
                model.forgetImage(image.id)
            default: throw error
            }
            return
        }
        if let twin {
            // Its name was free, so the collector took it.
            #expect(!required.contains(twin.id), "\(twin.text) is lost")
            model.forgetImage(twin.id)
        }
        model.restoreImage(image.id, at: moment)
        try await forgetLostParts(since: required)
    }

    mutating func restoreTag() async throws {
        let names = Set(model.removedTags.map(\.name)).sorted()
        guard let name = names.randomElement(using: &generator),
            let removed = model.removedTags.last(where: { $0.name == name })
        else { return }
        let (moment, policy) = (now, randomPolicy())
        let isRestorable = model.isRestorable(since: removed.deletedAt, at: moment)
        let required = model.requiredImages(at: moment)
        let restored: TagRecord
        do throws(RegistryError) {
            restored = try await bench.restoreTag(name, of: package, policy)
        } catch {
            let target = model.images[removed.imageID]
            switch error.reason {
            case "tag_unknown":
                #expect(!isRestorable, "tag \(name) cannot be restored")
                model.removedTags.removeAll { $0.name == name }
            case "version_in_trash":
                #expect(!isRestorable || target?.trashedAt != nil, "\(error)")
            case "tag_taken":
                let current = model.visibleTags[name]
                #expect(policy == .refusing && current != nil, "\(error)")
                #expect(!isRestorable || current?.id != removed.imageID, "\(error)")
            default: throw error
            }
            return
        }
        // One that was removed before it may be left where the last one has been collected.
        #expect(!isRestorable || restored.version.id == removed.imageID, "tag \(name)")
        let id = restored.version.id
        #expect(model.images[id] != nil && model.images[id]?.trashedAt == nil, "tag \(name)")
        model.setTag(name, id, at: moment)
        let index = model.removedTags.lastIndex { $0.name == name && $0.imageID == id }
        #expect(index != nil, "tag \(name) was not removed from \(id)")
        if let index { model.removedTags.remove(at: index) }
        try await forgetLostParts(since: required)
    }

    /// Deletes the package of images, as the call for repositories does.
    mutating func trashPackage() async throws {
        let moment = now
        let live = model.images.values.filter { $0.trashedAt == nil }.map(\.id)
        guard let packageID, !live.isEmpty,
            !model.images.values.contains(where: { $0.trashedAt == moment })
        else { return }
        let uncertain = Set(live).subtracting(model.requiredImages(at: moment))
        let projectID = package.project.id
        let (gone, count) = try await bench.metadata.write { tx in
            try tx.touchPackage(packageID, at: moment)
            let gone = try uncertain.filter { try tx.findVersion($0) == nil }
            let periods = try tx.findPeriods(ofNamespace: projectID)
            let count = try tx.trashVersions(
                packageID: packageID, at: moment, reviewAfter: periods.trash.end(from: moment))
            return (gone, count)
        }
        for id in gone { model.forgetImage(id) }
        #expect(count == live.count - gone.count)
        for id in live { model.trashImage(id, at: moment) }
    }

    /// Brings the images back that were deleted together last.
    mutating func restorePackage() async throws {
        let moment = now
        guard let packageID, let package = try await package.find(),
            let last = model.images.values.compactMap(\.trashedAt).max(),
            model.isRestorable(since: last, at: moment)
        else { return }
        let deleted = model.images.values.filter { $0.trashedAt == last }
        let twins = Set(deleted.compactMap { model.liveImage($0.text)?.id })
        let required = model.requiredImages(at: moment)
        let uncertain = twins.subtracting(required)
        let (gone, outcome) = try await bench.metadata.write { tx in
            try tx.touchPackage(packageID, at: moment)
            let gone = try uncertain.filter { try tx.findVersion($0) == nil }
            let outcome = try tx.restoreVersions(
                of: package, .refusing, by: Authority(.owner), at: moment)
            return (gone, outcome)
        }
        for id in gone { model.forgetImage(id) }
        var count = 0
        for image in deleted {
            if let twin = model.liveImage(image.text) {
                // The same content: it gets the tags.
                for (tag, id) in model.tags where id == image.id { model.tags[tag] = twin.id }
            } else {
                model.restoreImage(image.id, at: moment)
                count += 1
            }
        }
        #expect(outcome.deletedAt == last && outcome.versionCount == count)
        // A look is asked for at all that have no tag, with those that came back.
        model.noteLooks(from: moment)
        try await forgetLostParts(since: required)
    }
}
