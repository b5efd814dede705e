import Registry

/// What a package has already of what a source repository has.
struct PackageState: Sendable {
    /// Tags that are read at once.
    private static let tagPageCount = 1000

    /// What becomes of a tag.
    enum TagOutcome: Hashable, Sendable {
        case new
        /// It names something else now.
        case moved
        /// It names the same already, or stays what it is.
        case present
        /// A rule of the project keeps it from being set.
        case refused(String)
    }

    /// The digests of manifests that are there.
    private var versions: Set<String> = []
    /// What each tag names.
    private var tags: [String: String] = [:]
    private var protection = TagProtection([], role: .owner)
    private let keepsTags: Bool

    private init(keepsTags: Bool) {
        self.keepsTags = keepsTags
    }

    /// Reads what there is.
    static func read(
        _ source: SourceRepository, in project: NamespaceRecord, format: FormatID,
        keepsTags: Bool, _ metadata: any MetadataStore
    ) async throws(RegistryError) -> PackageState {
        let names = source.manifests.map(\.digest.description)
        return try await metadata.read { tx in
            var state = PackageState(keepsTags: keepsTags)
            state.protection = TagProtection(
                try tx.listTagRules(projectID: project.id, format: format), role: .owner)
            guard
                let package = try tx.findPackage(
                    projectID: project.id, format: format, name: source.package)
            else { return state }
            state.versions = try tx.filterKnownVersions(names, packageID: package.id)
            var last: String?
            repeat {
                let page = try tx.listTags(
                    packageID: package.id, TagFilter(), after: last, isBackward: false,
                    limit: Self.tagPageCount)
                for tag in page { state.tags[tag.name] = tag.version.name }
                last = page.count == Self.tagPageCount ? page.last?.name : nil
            } while last != nil
            return state
        }
    }

    /// Whether the manifest is there.
    func has(_ manifest: SourceManifest) -> Bool {
        versions.contains(manifest.digest.description)
    }

    /// What becomes of a tag of the manifest.
    func outcome(of tag: String, _ manifest: SourceManifest) -> TagOutcome {
        let current = tags[tag]
        if current == manifest.digest.description { return .present }
        if current != nil, keepsTags { return .present }
        do throws(RegistryError) {
            try protection.checkSetting(tag, isMoving: current != nil)
        } catch {
            return .refused(error.message)
        }
        return current == nil ? .new : .moved
    }
}
