import Foundation
import Registry

/// Puts right what is wrong with a blob, as far as that is possible.
struct BlobRepair: Sendable {
    let metadata: any MetadataStore
    let blobs: any RepairableBlobStore
    let clock: any RegistryClock

    /// Puts wrong bytes aside, and right ones in their place where the store has some.
    ///
    /// - Returns: `nil` when nothing could be done.
    func repair(_ damaged: DamagedBlob) async throws -> Finding.Repair? {
        let blob = damaged.blob
        if case .wrongExtraDigests(let actual) = damaged.damage {
            try await metadata.write { tx in try tx.correctExtraDigests(actual) }
            return .corrected
        }
        // Before the bytes move: what is remembered of them may be whole.
        let found = try await blobs.recover(blob)
        let wasThere = try await quarantine(
            blob.storageKey, blob.digests.sha256, damaged.damage.kind, damaged.detail)
        guard let found else { return wasThere ? .quarantined : nil }
        let isHealed = try await metadata.write { tx in
            try tx.replaceBlobKey(blob.digests.sha256, old: blob.storageKey, new: found.key)
        }
        // A push healed it first, or the collector took the row.
        if !isHealed { try await blobs.remove(found.key) }
        return .healed
    }

    /// Puts the bytes aside, with a report beside them.
    ///
    /// - Returns: whether there were any.
    func quarantine(
        _ key: StorageKey, _ digest: Digest?, _ kind: Finding.Kind, _ detail: String
    ) async throws -> Bool {
        let report = QuarantineReport(
            storageKey: key.description, digest: digest?.description, problem: kind,
            detail: detail, at: clock.now().iso8601)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let text = String(decoding: try encoder.encode(report), as: UTF8.self)
        return try await blobs.quarantine(key, report: text)
    }

    /// The files that name the blob, at most `limit` of them.
    func listUses(of digest: Digest, limit: Int = .max) async throws -> [BlobUse] {
        var uses: [BlobUse] = []
        while uses.count < limit {
            let last = uses.last?.id ?? 0
            let pageLimit = min(Self.pageLimitCount, limit - uses.count)
            let page = try await metadata.read { tx in
                try tx.listUses(of: digest, after: last, limit: pageLimit)
            }
            uses += page
            if page.count < pageLimit { break }
        }
        return uses
    }

    private static let pageLimitCount = 500
}

/// What is kept beside bytes that were put aside.
private struct QuarantineReport: Encodable {
    let storageKey: String
    let digest: String?
    let problem: Finding.Kind
    let detail: String
    let at: String
}
