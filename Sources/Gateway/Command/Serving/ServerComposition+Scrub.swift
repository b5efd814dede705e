import Foundation
import GarbageCollection
import Registry
import ServiceLifecycle

extension ServerComposition {
    /// The slow reading of all blobs, where it is not switched off.
    func scrub(
        _ database: OpenedDatabase, _ blobs: some RepairableBlobStore
    ) -> [any Service] {
        guard settings.scrubBandwidth > 0 else { return [] }
        let scrubber = Scrubber(
            metadata: database.metadata, blobs: blobs,
            bytesPerSecond: Int64(settings.scrubBandwidth), owner: UUID().uuidString,
            logger: logger)
        return [ScrubService(scrubber: scrubber, logger: logger)]
    }
}
