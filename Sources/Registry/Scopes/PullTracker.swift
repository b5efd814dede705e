import HTTPTypes
import Synchronization

/// Counts downloads in memory, so that a download writes nothing and waits for nobody; from time to
/// time what was counted is written down in one go.
public final class PullTracker: Sendable {
    /// The most versions that are counted between two writes; downloads of further ones are not
    /// counted until the next.
    public static let versionLimitCount = 100_000
    /// The versions that one transaction writes.
    public static let batchCount = 500

    private let pulls = Mutex<[Int64: PullRecord]>([:])
    private let limitCount: Int

    init(limitCount: Int = PullTracker.versionLimitCount) {
        self.limitCount = limitCount
    }

    /// Versions whose downloads are not written down yet.
    public var pendingCount: Int { pulls.withLock { $0.count } }

    /// Counts one download.
    public func record(_ versionID: Int64, at now: Timestamp) {
        pulls.withLock {
            Self.add(PullRecord(count: 1, lastAt: now), of: versionID, to: &$0, limitCount)
        }
    }

    /// Everything that was counted since the last time.
    func drain() -> [Int64: PullRecord] {
        pulls.withLock { pulls in
            defer { pulls = [:] }
            return pulls
        }
    }

    /// Takes back what could not be written down.
    func restore(_ lost: [Int64: PullRecord]) {
        pulls.withLock { pulls in
            for (id, pull) in lost { Self.add(pull, of: id, to: &pulls, limitCount) }
        }
    }

    private static func add(
        _ pull: PullRecord, of id: Int64, to pulls: inout [Int64: PullRecord], _ limitCount: Int
    ) {
        if pulls[id]?.add(pull) == nil, pulls.count < limitCount { pulls[id] = pull }
    }
}

extension RegistryServices {
    /// Counts the download that an answer is, if it is one: of the content of a version, from its
    /// beginning. A client that has the content already, only asks about it, or goes on with what
    /// broke off, does not download it again.
    public func recordPull(with response: FormatResponse, to head: RequestHead) {
        guard let versionID = response.contentVersionID, head.method == .get,
            response.status == .ok || response.status == .partialContent,
            response.body.beginsAtStart
        else { return }
        pulls.record(versionID, at: clock.now())
    }

    /// Writes down the downloads that were counted since the last time. What cannot be written now is
    /// kept for the next time.
    ///
    /// - Throws: what the database throws, after part of it may have been written.
    public func flushPulls() async throws(RegistryError) {
        let counted = pulls.drain().sorted { $0.key < $1.key }
        var waiting: [ArraySlice<(key: Int64, value: PullRecord)>] = []
        for start in stride(from: 0, to: counted.count, by: PullTracker.batchCount) {
            waiting.append(counted[start...].prefix(PullTracker.batchCount))
        }
        while let batch = waiting.popLast() {
            let part = Dictionary(batch.map { ($0.key, $0.value) }) { _, last in last }
            do throws(RegistryError) {
                try await metadata.write { tx in try tx.addPulls(part) }
            } catch {
                guard error.code == .conflict else {
                    pulls.restore(part)
                    for other in waiting {
                        pulls.restore(Dictionary(other.map { ($0.key, $0.value) }) { $1 })
                    }
                    throw error
                }
                // One of them was collected just now. The others are looked for by halves; a single
                // one is gone.
                guard batch.count > 1 else { continue }
                let middle = batch.startIndex + batch.count / 2
                waiting += [batch[..<middle], batch[middle...]]
            }
        }
    }
}

extension ResponseBody {
    /// Whether the first byte of what is served is among these.
    fileprivate var beginsAtStart: Bool {
        switch self {
        case .empty, .bytes, .stream: true
        case .blob(let slice): slice.range.offset == 0
        case .sequence(let parts):
            parts.contains { part in
                if case .blob(let slice) = part { slice.range.offset == 0 } else { false }
            }
        }
    }
}
