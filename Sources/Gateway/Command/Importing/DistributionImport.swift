import BlobStorage
import NIOPosix
import OCIFormat
import Registry

/// Imports the repositories of a distribution registry's folder into a project.
///
/// What was imported is found again and left alone, so an import that was interrupted is simply run
/// again. Bytes come first, then the rows that name them: wherever it stops, what can be seen is
/// whole.
struct DistributionImport: Sendable {
    /// Manifests whose blobs come over together: enough to keep every reader at work.
    static let batchCount = 64

    /// What an import works with.
    struct Context: Sendable {
        let folder: DistributionFolder
        let project: NamespaceRecord
        let options: ImportOptions
        let actor: Actor
        let metadata: any MetadataStore
        /// `nil` in a dry run before anything was ever stored.
        let store: FileBlobStore?
        let isDryRun: Bool
        /// Whether a file of the source could have a second name in the store.
        let canLink: Bool
        let threads: NIOThreadPool
        let progress: ImportProgress
    }

    let context: Context
    var summary: ImportSummary
    /// Source files that are not what they should be, and why.
    var damaged: [Digest: String] = [:]
    /// Blobs whose bytes were counted as done.
    private var counted: Set<Digest> = []
    /// Blobs that a dry run has read and that the import would store.
    var verified: Set<Digest> = []

    private init(_ context: Context) {
        self.context = context
        summary = ImportSummary(isDryRun: context.isDryRun)
    }

    /// Imports everything that is wanted and whole or, in a dry run, finds out what that is.
    ///
    /// - Throws: `CommandError` when the source cannot be read, and `RegistryError` when something
    ///   fails that has to do with no single manifest.
    static func run(_ context: Context) async throws -> ImportSummary {
        var work = DistributionImport(context)
        let repositories = try await work.scan()
        for repository in repositories { work.note(repository.problems) }
        work.beginProgress(repositories)
        for repository in repositories { try await work.bring(repository) }
        return work.summary
    }

    // MARK: Reading

    private func scan() async throws -> [SourceRepository] {
        let (folder, options, progress, threads) = (
            context.folder, context.options, context.progress, context.threads
        )
        let names = try await threads.runIfActive {
            try options.choose(try folder.listRepositories())
        }
        try options.mapping.check(names, in: context.project)
        progress.begin("reading", totalCount: names.count)
        return try await context.concurrently(names) { name in
            let repository = try await threads.runIfActive {
                try RepositoryScan.run(folder, options, repository: name)
            }
            progress.finish()
            return repository
        }
    }

    private func beginProgress(_ repositories: [SourceRepository]) {
        var sizes: [Digest: Int64] = [:]
        for manifest in repositories.lazy.flatMap(\.manifests) {
            for blob in manifest.blobs { sizes[blob.storedDigest] = blob.size }
        }
        context.progress.begin(
            context.isDryRun ? "checking" : "importing", totalBytes: sizes.values.reduce(0, +),
            totalCount: repositories.reduce(0) { $0 + $1.manifests.count })
    }

    // MARK: Repositories

    private mutating func bring(_ repository: SourceRepository) async throws {
        summary.repositoryCount += 1
        let state = try await PackageState.read(
            repository, in: context.project, format: OCIFormat.id,
            keepsTags: context.options.keepsTags, context.metadata)
        var pending: [PendingManifest] = []
        for manifest in repository.manifests {
            let item = plan(manifest, of: repository, state)
            if item.isNew || !item.tags.isEmpty {
                pending.append(item)
            } else {
                context.progress.finish()
            }
            if !item.isNew {
                summary.presentManifestCount += 1
                count(manifest.blobs)
            }
        }
        var failed: Set<Digest> = []
        var rest = pending[...]
        while !rest.isEmpty {
            let batch = Array(rest.prefix(Self.batchCount))
            rest = rest.dropFirst(batch.count)
            try await bring(batch, of: repository, failed: &failed)
        }
    }

    /// What is to be done for a manifest; tags that cannot be set are reported.
    private mutating func plan(
        _ manifest: SourceManifest, of repository: SourceRepository, _ state: PackageState
    ) -> PendingManifest {
        var item = PendingManifest(source: manifest, isNew: !state.has(manifest))
        for tag in manifest.tags {
            switch state.outcome(of: tag, manifest) {
            case .new: item.newTags.append(tag)
            case .moved: item.movedTags.append(tag)
            case .present: summary.presentTagCount += 1
            case .refused(let reason):
                note([
                    ImportProblem(
                        repository: repository.name, subject: ":\(tag)", reason: reason)
                ])
            }
        }
        return item
    }

    // MARK: Counting

    /// Counts bytes as done that are not read.
    mutating func count(_ blobs: [SourceBlob]) {
        for blob in blobs where counted.insert(blob.storedDigest).inserted {
            context.progress.skip(blob.size)
        }
    }

    /// Counts bytes as done that were counted while they were read.
    mutating func countRead(_ blob: SourceBlob) {
        counted.insert(blob.storedDigest)
    }

    mutating func note(_ problems: [ImportProblem]) {
        summary.problems += problems
        for problem in problems { context.progress.note(problem.description) }
    }
}

/// A manifest that is to be published, or to get tags.
struct PendingManifest: Sendable {
    let source: SourceManifest
    /// Whether it is not there yet.
    let isNew: Bool
    var newTags: [String] = []
    var movedTags: [String] = []

    init(source: SourceManifest, isNew: Bool) {
        self.source = source
        self.isNew = isNew
    }

    /// The tags that it is to get.
    var tags: [String] { newTags + movedTags }
}

extension DistributionImport.Context {
    /// Runs `work` for each of `items`, so many at once as the options say, and gives what comes of
    /// them in their order.
    func concurrently<Item: Sendable, Value: Sendable>(
        _ items: [Item], _ work: @escaping @Sendable (Item) async throws -> Value
    ) async throws -> [Value] {
        try await withThrowingTaskGroup(of: (Int, Value).self) { group in
            var values: [Int: Value] = [:]
            for (index, item) in items.enumerated() {
                if index >= options.parallelCount, let (done, value) = try await group.next() {
                    values[done] = value
                }
                group.addTask { (index, try await work(item)) }
            }
            for try await (done, value) in group { values[done] = value }
            return items.indices.compactMap { values[$0] }
        }
    }
}
