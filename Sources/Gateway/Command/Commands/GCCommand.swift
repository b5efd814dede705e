import ArgumentParser
import BlobStorage
import Foundation
import GarbageCollection
import NIOPosix
import Registry

struct GCCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc", abstract: "See and steer the collection of garbage.",
        discussion: """
            Servers collect garbage by themselves, while clients push and pull; these commands \
            show what waits, do it now, or hold it back.
            """,
        subcommands: [Status.self, Run.self, Pause.self, Resume.self])

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what waits to be looked at and removed.")

        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await Console.run(store) { console in
                let now = console.clock.now()
                let summary = try await console.metadata.read {
                    try $0.summarizeCollection(at: now)
                }
                try output.write(one: CollectionRow(summary))
            }
        }
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Collect everything that is due, now.",
            discussion: "May run while servers do, as the same user, with the same folders.")

        @OptionGroup(title: "Storage") var store: StoreOptions
        @Option(.blobs) var blobs: String?
        @OptionGroup var output: OutputOptions

        func run() async throws {
            var flags = store.flags
            if let blobs { flags[.blobs] = blobs }
            let settings = try Settings(
                EffectiveSettings(
                    flags: flags, environment: ProcessInfo.processInfo.environment))
            try await Console.run(settings) { console in
                let threads = NIOThreadPool(numberOfThreads: 4)
                threads.start()
                let result = await Result.capturing {
                    let store = try FileBlobStore(
                        root: settings.blobsFolder, threadPool: threads)
                    return try await Collector(metadata: console.metadata, blobs: store)
                        .runUntilIdle { outcome in
                            // For the person who waits; elsewhere the summary at the end is enough.
                            guard isatty(STDERR_FILENO) == 1 else { return }
                            ErrorOutput.write(
                                "\(outcome.collectedBlobCount) blobs, "
                                    + "\(outcome.collectedVersionCount) versions, "
                                    + "\(outcome.collectedBytes) bytes collected")
                        }
                }
                try await threads.shutdownGracefully()
                let outcome = try result.get()
                try output.write(one: CollectedRow(outcome))
                guard !outcome.isPaused else {
                    throw CommandError("the collector is paused; 'packhouse gc resume' ends that")
                }
            }
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Hold the collector back, on every server, until it is resumed.")

        @OptionGroup(title: "Storage") var store: StoreOptions

        func run() async throws {
            try await GCCommand.setPaused(true, store)
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let the collector go on.")

        @OptionGroup(title: "Storage") var store: StoreOptions

        func run() async throws {
            try await GCCommand.setPaused(false, store)
        }
    }

    private static func setPaused(_ isPaused: Bool, _ store: StoreOptions) async throws {
        try await Console.run(store) { console in
            try await console.change(isPaused ? "gc.pause" : "gc.resume") { tx, now in
                try tx.setCollectionPaused(isPaused ? now : nil)
                return ((), nil, "collector")
            }
        }
    }
}

/// What waits to be collected.
struct CollectionRow: OutputRow {
    static let headings = ["REVIEWS", "DUE", "OLDEST DUE", "BLOCKED", "FILES TO REMOVE", "PAUSED"]

    let reviewCount: Int
    let dueCount: Int
    let oldestDueAt: String?
    let blockedCount: Int
    let unlinkCount: Int
    let pausedAt: String?

    init(_ summary: CollectionSummary) {
        reviewCount = summary.reviewCount
        dueCount = summary.dueCount
        oldestDueAt = summary.oldestDueAt?.iso8601
        blockedCount = summary.blockedCount
        unlinkCount = summary.unlinkCount
        pausedAt = summary.pausedAt?.iso8601
    }

    var cells: [String] {
        [
            String(reviewCount), String(dueCount), oldestDueAt ?? "", String(blockedCount),
            String(unlinkCount), pausedAt.map { "since \($0)" } ?? "no",
        ]
    }
}

/// What a run of the collector did.
struct CollectedRow: OutputRow {
    static let headings = ["BLOBS", "VERSIONS", "UPLOADS", "BYTES", "FILES REMOVED", "FAILED"]

    let blobCount: Int
    let versionCount: Int
    let uploadCount: Int
    let bytes: Int64
    let removedFileCount: Int
    let failedCount: Int

    init(_ outcome: Collector.Outcome) {
        blobCount = outcome.collectedBlobCount
        versionCount = outcome.collectedVersionCount
        uploadCount = outcome.collectedUploadCount
        bytes = outcome.collectedBytes
        removedFileCount = outcome.removedFileCount
        failedCount = outcome.failedCount
    }

    var cells: [String] {
        [
            String(blobCount), String(versionCount), String(uploadCount), String(bytes),
            String(removedFileCount), String(failedCount),
        ]
    }
}
