import Foundation
import GarbageCollection
import Registry
import Synchronization

/// Prints what a check finds, as it finds it: memory does not grow with the number of problems.
final class FsckReport: VerificationObserver {
    /// The most files that text names for one blob; JSON has all of them.
    static let useLimitCount = 10

    let progress = ImportProgress()
    private let isJSON: Bool
    private let findingCount = Mutex(0)

    init(isJSON: Bool) {
        self.isJSON = isJSON
    }

    func begin(_ phase: VerificationPhase, count: Int64, bytes: Int64) {
        progress.begin(phase.rawValue, totalBytes: bytes, totalCount: Int(count))
    }

    func read(_ bytes: Int64) {
        progress.read(bytes)
    }

    func finish(_ count: Int) {
        progress.finish(count)
    }

    func report(_ finding: Finding) async throws {
        let isFirst = findingCount.withLock { count in
            defer { count += 1 }
            return count == 0
        }
        progress.clear()
        guard isJSON else { return print(Self.lines(of: finding).joined(separator: "\n")) }
        print((isFirst ? Self.begin : ",\n") + (try Self.json(finding)), terminator: "")
    }

    /// Ends the JSON. Without a summary the check was broken off.
    func finishJSON(_ summary: FsckRow?) throws {
        let isEmpty = findingCount.withLock { $0 == 0 }
        let text = try summary.map { try Self.json($0) }
        print(
            (isEmpty ? Self.begin : "") + "\n],\n\"complete\": \(summary != nil)"
                + (text.map { ",\n\"summary\": \($0)" } ?? "") + "\n}")
    }

    private static let begin = "{\n\"findings\": [\n"

    /// `wrong_digest  sha256:…  sha256/ab/cd/…`, and what is known of it.
    static func lines(of finding: Finding) -> [String] {
        let about = [finding.digest, finding.storageKey, finding.subject].compactMap(\.self)
        var lines = [
            ([finding.kind.rawValue] + about).joined(separator: "  "), "    \(finding.detail)",
        ]
        if let repair = finding.repair {
            lines.append(
                "    " + repair.rawValue.replacing("_", with: " ")
                    + (finding.isSettled ? "" : "; push the same content again to heal it"))
        }
        if let failure = finding.failure { lines.append("    repair failed: \(failure)") }
        for use in finding.uses.prefix(useLimitCount) {
            lines.append(
                "    named by \(use.project)/-/\(use.format)/\(use.package) \(use.version) "
                    + use.path + (use.isDeleted ? " (in the trash)" : ""))
        }
        if finding.uses.count > useLimitCount {
            lines.append("    and \(finding.uses.count - useLimitCount) more, see --json")
        }
        return lines
    }

    private static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}

/// What a check came to, as it is printed.
struct FsckRow: OutputRow {
    static let headings = [
        "BLOBS", "COMPARED", "STORED FILES", "PACKAGES", "PROBLEMS", "REPAIRED", "LEFT",
    ]

    let blobCount: Int
    let blobBytes: Int64
    /// Whether the bytes were read, and not just counted.
    let readsBytes: Bool
    let storedCount: Int
    let packageCount: Int
    let problemCount: Int
    let repairedCount: Int
    let remainingCount: Int

    init(_ summary: StoreVerification.Summary, reads: Bool) {
        blobCount = summary.blobCount
        blobBytes = summary.blobBytes
        readsBytes = reads
        storedCount = summary.storedCount
        packageCount = summary.packageCount
        problemCount = summary.findingCount
        repairedCount = summary.settledCount
        remainingCount = summary.remainingCount
    }

    var cells: [String] {
        [
            "\(blobCount) (\(ByteCount(blobBytes)))", readsBytes ? "sizes and digests" : "sizes",
            "\(storedCount)", "\(packageCount)", "\(problemCount)", "\(repairedCount)",
            "\(remainingCount)",
        ]
    }
}
