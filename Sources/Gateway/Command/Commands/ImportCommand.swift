import ArgumentParser
import BlobStorage
import Foundation
import NIOPosix
import Registry

struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Take over what another registry keeps on disk.",
        subcommands: [Distribution.self])

    struct Distribution: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Import the folder of a CNCF distribution registry (docker's registry).",
            discussion: """
                Every repository becomes a package of its name in the project, with its manifests, \
                blobs and tags. Bytes get a second name where both folders are in one file system, \
                and are copied elsewhere; in both cases they are hashed before anything names them. \
                What is there already is left alone, so an import that was interrupted is run \
                again, and one that is repeated brings what came since. It may run while a server \
                does, as the same user, with the same folders. What is damaged or not there is \
                reported, and the status is 1 then; everything else is imported.
                """)

        @Argument(help: "The registry's root folder, or docker/registry/v2 in it.")
        var path: String
        @Option(help: "The project to import into, such as acme/web.") var project: String
        @Option(
            help: ArgumentHelp(
                "Only repositories of this name; * is any text. Can be given several times.",
                valueName: "name"))
        var repository: [String] = []
        @Option(
            help: ArgumentHelp(
                "Gives repositories at and below a name another: team/app=app, or team= for none. "
                    + "Can be given several times; the first that fits counts.",
                valueName: "old=new"))
        var map: [String] = []
        @Flag(help: "Read and check everything, and write nothing.") var dryRun = false
        @Flag(help: "Copy bytes where a second name would do.") var copy = false
        @Flag(help: "Also import manifests that no tag leads to.") var untagged = false
        @Flag(help: "Leave tags that are here as they are, whatever they name there.")
        var keepTags = false
        @Option(help: "Files that are read at once.") var parallel = 4
        @OptionGroup(title: "Storage") var store: StoreOptions
        @Option(.blobs) var blobs: String?
        @OptionGroup var output: OutputOptions

        /// The most files that are read at once.
        static let parallelLimitCount = 256

        func validate() throws {
            guard (1...Self.parallelLimitCount).contains(parallel) else {
                throw ValidationError("--parallel takes 1 to \(Self.parallelLimitCount)")
            }
        }

        func run() async throws {
            var flags = store.flags
            if let blobs { flags[.blobs] = blobs }
            let settings = try Settings(
                EffectiveSettings(
                    flags: flags, environment: ProcessInfo.processInfo.environment))
            let folder = try DistributionFolder(path)
            try await Console.run(settings) { console in
                let summary = try await bring(folder, settings, console)
                try output.write(one: summary)
                guard summary.problems.isEmpty else { throw ExitCode.failure }
            }
        }

        private func bring(
            _ folder: DistributionFolder, _ settings: Settings, _ console: Console
        ) async throws -> ImportSummary {
            let name = project
            let project = try await console.metadata.read {
                try $0.requireNamespace(name, .project)
            }
            let options = try options(for: project)
            let threads = NIOThreadPool(numberOfThreads: parallel)
            threads.start()
            let result = await Result.capturing {
                let context = DistributionImport.Context(
                    folder: folder, project: project, options: options, actor: console.actor,
                    metadata: console.metadata, store: try openStore(settings, threads),
                    isDryRun: dryRun,
                    canLink: !copy
                        && folder.fileSystem
                            == DistributionFolder.fileSystem(of: settings.blobsFolder),
                    threads: threads, progress: ImportProgress())
                return try await context.progress.showing {
                    try await DistributionImport.run(context)
                }
            }
            try await threads.shutdownGracefully()
            do {
                return try result.get()
            } catch let error as RegistryError where !dryRun {
                throw CommandError(
                    "\(Console.describe(error)); what was imported stays, run the same command "
                        + "again to go on")
            }
        }

        private func options(for project: NamespaceRecord) throws -> ImportOptions {
            var options = ImportOptions()
            options.patterns = repository
            options.mapping = try RepositoryMapping(parsing: map)
            options.copies = copy
            options.includesUntagged = untagged
            options.keepsTags = keepTags
            options.allowsMissingChildren =
                project.effectiveSettings.allowsMissingChildren ?? false
            options.parallelCount = parallel
            return options
        }

        /// The server's own store; a dry run makes none where there is none.
        private func openStore(
            _ settings: Settings, _ threads: NIOThreadPool
        ) throws -> FileBlobStore? {
            let exists = FileManager.default.fileExists(atPath: settings.blobsFolder + "/blobs")
            guard !dryRun || exists else { return nil }
            return try FileBlobStore(root: settings.blobsFolder, threadPool: threads)
        }
    }
}
