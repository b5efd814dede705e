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
            abstract: "Show what waits to be looked at and removed, what was, and what fails.")

        /// The most failures that are shown.
        static let blockedLimitCount = 100

        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await Console.run(store) { console in
                let now = console.clock.now()
                let (summary, blocked) = try await console.metadata.read { tx in
                    (
                        try tx.summarizeCollection(at: now),
                        try tx.listBlockedWork(limit: Self.blockedLimitCount)
                    )
                }
                let rows = blocked.map(BlockedRow.init)
                try output.write(one: CollectionRow(summary, rows))
                guard !output.json, !rows.isEmpty else { return }
                print()
                try output.write(rows)
            }
        }
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Collect everything that is due, now.",
            discussion: """
                May run while servers do, as the same user, with the same folders, and at any hour, \
                whatever --collector-window says.
                """)

        @Flag(help: "Only say what would go and how many bytes that would free.")
        var dryRun = false
        @OptionGroup(title: "Storage") var store: StoreOptions
        @Option(.blobs) var blobs: String?
        @OptionGroup var output: OutputOptions

        /// Threads for calls on files, which block.
        static let fileThreadCount = 4

        func run() async throws {
            var flags = store.flags
            if let blobs { flags[.blobs] = blobs }
            let settings = try Settings(
                EffectiveSettings(
                    flags: flags, environment: ProcessInfo.processInfo.environment))
            try await Console.run(settings) { console in
                let threads = NIOThreadPool(numberOfThreads: Self.fileThreadCount)
                threads.start()
                let result = await Result.capturing {
                    let store = try FileBlobStore(
                        root: settings.blobsFolder, threadPool: threads)
                    var collecting = Collector.Settings()
                    collecting.periods = try await console.metadata.read { $0.defaultPeriods }
                    let collector = Collector(
                        metadata: console.metadata, blobs: store, settings: collecting)
                    if dryRun {
                        try output.write(one: EstimateRow(try await collector.estimate()))
                    } else {
                        try await collect(with: collector, console)
                    }
                }
                try await threads.shutdownGracefully()
                try result.get()
            }
        }

        private func collect(with collector: Collector, _ console: Console) async throws {
            let now = console.clock.now()
            let summary = try await console.metadata.read { try $0.summarizeCollection(at: now) }
            let progress = ImportProgress()
            progress.begin("collecting", totalCount: summary.dueCount + summary.unlinkCount)
            let outcome = try await progress.showing {
                var whole = CollectionOutcome()
                repeat {
                    let pass = try await collector.runPass()
                    whole.add(pass)
                    // A file is removed for something that was looked at, or waited to be removed.
                    let collected = pass.collectedBlobCount + pass.collectedUploadCount
                    progress.finish(
                        pass.reviewCount + max(0, pass.removedFileCount - collected))
                    if pass.workedCount == 0 { break }
                } while !whole.isPaused
                return whole
            }
            try output.write(one: CollectedRow(outcome))
            guard !outcome.isPaused else {
                throw CommandError("the collector is paused; 'packhouse gc resume' ends that")
            }
            try await console.change("gc.run") { _, _ in ((), nil, "collector") }
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
