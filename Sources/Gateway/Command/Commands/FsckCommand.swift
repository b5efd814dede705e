import ArgumentParser
import BlobStorage
import Foundation
import GarbageCollection
import NIOPosix
import Registry

struct FsckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fsck",
        abstract: "Check that everything that is stored is there and whole.",
        discussion: """
            Reads the bytes of every blob and compares them with its digests, looks for bytes that \
            no row names, and compares rows with each other. May run while servers do, as the same \
            user, with the same folders; what is being pushed or collected meanwhile is no \
            problem. With --repair, damaged bytes are moved to the folder 'quarantine' beside \
            'blobs' and replaced where another copy is found, bytes without a row go there as \
            well, and wrong sizes and missing reviews are put right. Nothing is deleted but \
            uploads that nobody can go on with. What cannot be healed is listed with all that \
            names it; pushing the same content again heals it.

            The status is 0 when nothing is wrong, or nothing any more; 1 when problems are left; \
            2 when the check could not be made or was broken off.
            """)

    /// The status of a check that could not be made.
    static let couldNotRun = ExitCode(2)
    /// The most blobs that are read at once.
    static let parallelLimitCount = 256

    @Flag(help: "Compare sizes only, and read no bytes.") var quick = false
    @Flag(help: "Put right what is wrong, as far as that is possible.") var repair = false
    @Option(help: "Only blobs and packages of this project, such as acme/web.")
    var project: String?
    @Option(
        help: ArgumentHelp(
            "Only this blob. Can be given several times.", valueName: "sha256:…"))
    var digest: [String] = []
    @Option(help: "Blobs that are read at once.") var parallel = 4
    @Option(help: ArgumentHelp("Bytes a second to read at most.", valueName: "bytes"))
    var bandwidth: Int64?
    @Option(
        help: ArgumentHelp(
            "Bytes without a row that are younger are left alone. Less than an hour only while no "
                + "server runs: it would hit what is being uploaded.",
            valueName: "seconds"))
    var grace = OrphanSweeper.minimumAgeSeconds
    @OptionGroup(title: "Storage") var store: StoreOptions
    @Option(.blobs) var blobs: String?
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...Self.parallelLimitCount).contains(parallel) else {
            throw ValidationError("--parallel takes 1 to \(Self.parallelLimitCount)")
        }
        guard bandwidth.map({ $0 > 0 }) ?? true else {
            throw ValidationError("--bandwidth takes a number of bytes above 0")
        }
        guard grace >= 0 else { throw ValidationError("--grace takes seconds, 0 or more") }
        guard project == nil || digest.isEmpty else {
            throw ValidationError("--project and --digest do not go together")
        }
        for text in digest { _ = try parse(text) }
    }

    func run() async throws {
        let remainingCount: Int
        do {
            remainingCount = try await check()
        } catch {
            ErrorOutput.write("Error: \(error)")
            throw Self.couldNotRun
        }
        guard remainingCount == 0 else { throw ExitCode.failure }
    }

    /// - Returns: the number of problems that are left.
    private func check() async throws -> Int {
        var flags = store.flags
        if let blobs { flags[.blobs] = blobs }
        let settings = try Settings(
            EffectiveSettings(flags: flags, environment: ProcessInfo.processInfo.environment))
        guard FileManager.default.fileExists(atPath: settings.blobsFolder + "/blobs") else {
            throw CommandError(
                "there is no blob store at \(settings.blobsFolder); name the server's with --data "
                    + "or --blobs")
        }
        var remainingCount = 0
        try await Console.run(settings) { console in
            let options = try await options(console)
            let report = FsckReport(isJSON: output.json)
            let threads = NIOThreadPool(numberOfThreads: parallel + 1)
            threads.start()
            let result = await Result.capturing {
                let verification = StoreVerification(
                    metadata: console.metadata,
                    blobs: try FileBlobStore(root: settings.blobsFolder, threadPool: threads),
                    options: options, clock: console.clock, observer: report)
                return try await report.progress.showing { try await verification.run() }
            }
            try await threads.shutdownGracefully()
            let row = (try? result.get()).map { FsckRow($0, reads: options.reads) }
            if output.json { try report.finishJSON(row) }
            remainingCount = try result.get().remainingCount
            if !output.json, let row { try output.write(one: row) }
        }
        return remainingCount
    }

    private func options(_ console: Console) async throws -> StoreVerification.Options {
        var options = StoreVerification.Options(graceSeconds: grace)
        options.reads = !quick
        options.repairs = repair
        options.digests = try digest.map(parse)
        options.parallelCount = parallel
        options.bytesPerSecond = bandwidth
        if let path = project {
            options.projectID = try await console.metadata.read {
                try $0.requireNamespace(path, .project).id
            }
        }
        return options
    }

    private func parse(_ text: String) throws -> Digest {
        do throws(RegistryError) {
            return try Digest(parsing: text)
        } catch {
            throw ValidationError("--digest '\(text)': \(error.message)")
        }
    }
}
