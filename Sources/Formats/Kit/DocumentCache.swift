import Synchronization

/// Keeps documents that were derived from the rows of a package, as long as the package stays as it
/// is: its revision grows with every change, so nothing has to be told what became wrong.
///
/// Bytes are limited. What was not used while half of the limit was filled anew is forgotten.
public final class DocumentCache<Document: Sendable>: Sendable {
    /// Which document of which package.
    public struct Key: Hashable, Sendable {
        public let packageID: Int64
        /// Tells the documents of one package apart: `tags?n=100`.
        public let variant: String

        public init(packageID: Int64, variant: String) {
            self.packageID = packageID
            self.variant = variant
        }
    }

    private struct Entry {
        let revision: Int64
        let document: Document
        let sizeBytes: Int
    }

    private struct State {
        /// Used since the last turn.
        var young: [Key: Entry] = [:]
        var youngBytes = 0
        /// Used before it, and not since.
        var old: [Key: Entry] = [:]
    }

    private let generationBytes: Int
    private let state = Mutex(State())

    /// A cache of at most `limitBytes`, keys and bookkeeping aside.
    public init(limitBytes: Int) {
        generationBytes = limitBytes / 2
    }

    /// The document as it was derived at `revision`; `nil` when it is not here or another one is.
    public func find(_ key: Key, revision: Int64) -> Document? {
        state.withLock { state in
            if let entry = state.young[key] {
                return entry.revision == revision ? entry.document : nil
            }
            guard let entry = state.old.removeValue(forKey: key), entry.revision == revision
            else { return nil }
            keep(entry, key, in: &state)
            return entry.document
        }
    }

    /// Keeps `document` of `sizeBytes`, unless it is too large to be kept, or a newer one is here.
    public func insert(_ document: Document, for key: Key, revision: Int64, sizeBytes: Int) {
        guard sizeBytes <= generationBytes else { return }
        state.withLock { state in
            let known = state.young[key]?.revision ?? state.old[key]?.revision
            guard known.map({ $0 <= revision }) ?? true else { return }
            state.old[key] = nil
            keep(
                Entry(revision: revision, document: document, sizeBytes: sizeBytes), key,
                in: &state)
        }
    }

    /// Bytes of all documents that are kept.
    public var sizeBytes: Int {
        state.withLock { state in
            state.youngBytes + state.old.values.reduce(0) { $0 + $1.sizeBytes }
        }
    }

    private func keep(_ entry: Entry, _ key: Key, in state: inout State) {
        state.youngBytes -= state.young.removeValue(forKey: key)?.sizeBytes ?? 0
        if state.youngBytes + entry.sizeBytes > generationBytes {
            state.old = state.young
            state.young = [:]
            state.youngBytes = 0
        }
        state.young[key] = entry
        state.youngBytes += entry.sizeBytes
    }
}
