extension HostedProject {
    public func findPackages(
        _ name: String, format: FormatID
    ) async throws(RegistryError) -> [PackageRecord] {
        let found = try await services.metadata.findPackage(
            PackageAddress(format: format, name: name), inProject: project.id)
        return found.map { [$0] } ?? []
    }

    public func loadPackage(
        _ name: String, format: FormatID
    ) async throws(RegistryError) -> PackageContents {
        try await services.loadPackage(
            PackageAddress(format: format, name: name), in: .project(project.id),
            readableBy: .everything)
    }

    public func listPackageNames(
        _ format: FormatID, after last: String?, limit: Int
    ) async throws(RegistryError) -> [String] {
        let projectID = project.id
        return try await services.metadata.read { tx in
            try tx.listPackageNames(
                format: format, in: .project(projectID), readableBy: .everything, after: last,
                limit: limit)
        }
    }

    public func filterKnownVersions(
        _ names: [String], of packages: [PackageRecord]
    ) async throws(RegistryError) -> Set<String> {
        try await services.metadata.filterKnownVersions(names, of: packages)
    }

    public func checkPublishing(
        _ format: FormatID, package: String, version: String
    ) async throws(RegistryError) {
        let (project, authority) = (project, Authority(actor.principal, role: role))
        let now = services.clock.now()
        try await services.metadata.read { tx in
            try tx.checkPublishing(
                format, package: package, version: version, in: project, by: authority, at: now)
        }
    }

    public func searchPackages(
        _ format: FormatID, terms: [String], page: PageRequest
    ) async throws(RegistryError) -> Page<PackageRecord> {
        let projectID = project.id
        return try await services.metadata.read { tx in
            try tx.searchPackages(
                format: format, terms: terms, in: .project(projectID), readableBy: .everything,
                page: page)
        }
    }

    public func findFile(
        _ format: FormatID, digest: Digest, path: String
    ) async throws(RegistryError) -> PublishedFile? {
        let projectID = project.id
        return try await services.metadata.read { tx in
            try tx.findFile(
                format: format, digest: digest, path: path, in: .project(projectID),
                readableBy: .everything)
        }
    }

    public func open(_ blob: CommittedBlob) async throws(RegistryError) -> any BlobReader {
        try await services.openVerified(blob.key, size: blob.size)
    }

    public func discard(_ blob: CommittedBlob) async throws(RegistryError) {
        try await services.blobs.remove(blob.key)
    }

    public func change(
        _ package: String, format: FormatID, expecting revision: Int64?,
        _ changes: [PackageChange]
    ) async throws(RegistryError) -> PackageRecord? {
        let transaction = ChangeTransaction(
            address: PackageAddress(format: format, name: package), revision: revision,
            changes: changes, project: project, actor: actor, role: role,
            now: services.clock.now())
        return try await services.metadata.write { tx in try transaction.run(tx) }
    }
}

extension MetadataStore {
    /// Of `names`, those that a version of one of `packages` has.
    func filterKnownVersions(
        _ names: [String], of packages: [PackageRecord]
    ) async throws(RegistryError) -> Set<String> {
        try await read { tx in
            var known: Set<String> = []
            for package in packages {
                known.formUnion(try tx.filterKnownVersions(names, packageID: package.id))
            }
            return known
        }
    }
}

extension RegistryServices {
    /// Packages and their releases as they were at one moment.
    func loadPackage(
        _ address: PackageAddress, in projects: ProjectSet, readableBy reader: PackageReader
    ) async throws(RegistryError) -> PackageContents {
        try await metadata.read { tx in
            let packages = try tx.findPackages(address, in: projects, readableBy: reader)
            return PackageContents(
                packages: packages,
                releases: try tx.listReleases(packageIDs: packages.map(\.id)))
        }
    }
}
