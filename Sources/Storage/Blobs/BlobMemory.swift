import NIOCore
import Registry
import Synchronization

/// Blobs in memory, as many as fit; those that were asked for lately stay.
///
/// There are two generations. What is asked for is in the young one, or moves there; when the young
/// one is full it becomes the old one, and what nobody asked for since the last time is forgotten.
final class BlobMemory: Sendable {
    /// Bytes that an entry takes beside those of its blob, about.
    static let entryBytes = 512

    private struct State {
        var young: [StorageKey: RememberedBlob] = [:]
        var old: [StorageKey: RememberedBlob] = [:]
        var youngBytes = 0
    }

    private let generationLimitBytes: Int
    private let state = Mutex(State())

    /// A memory of at most `limitBytes`.
    init(limitBytes: Int) {
        generationLimitBytes = limitBytes / 2
    }

    /// The blob of this key, if it is remembered.
    func find(_ key: StorageKey) -> RememberedBlob? {
        state.withLock { state in
            if let blob = state.young[key] { return blob }
            guard let blob = state.old.removeValue(forKey: key) else { return nil }
            insert(blob, as: key, &state)
            return blob
        }
    }

    /// Remembers a blob, and forgets others when there is no room.
    func insert(_ blob: RememberedBlob, as key: StorageKey) {
        state.withLock { state in
            guard state.young[key] == nil else { return }
            state.old[key] = nil
            insert(blob, as: key, &state)
        }
    }

    /// Forgets a blob.
    func remove(_ key: StorageKey) {
        state.withLock { state in
            if let blob = state.young.removeValue(forKey: key) {
                state.youngBytes -= Self.cost(of: blob)
            }
            state.old[key] = nil
        }
    }

    private func insert(_ blob: RememberedBlob, as key: StorageKey, _ state: inout State) {
        let cost = Self.cost(of: blob)
        guard cost <= generationLimitBytes else { return }
        if state.youngBytes + cost > generationLimitBytes {
            state.old = state.young
            state.young = [:]
            state.youngBytes = 0
        }
        state.young[key] = blob
        state.youngBytes += cost
    }

    private static func cost(of blob: RememberedBlob) -> Int {
        blob.bytes.storageCapacity + entryBytes
    }
}
