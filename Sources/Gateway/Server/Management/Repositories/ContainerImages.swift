import Registry

extension FormatID {
    /// The format of images and other OCI artifacts: its packages are repositories, its versions
    /// manifests.
    static let containerImages: FormatID = "oci"
}

extension PackageReading {
    /// The repository of images, if it is in the project and has anything.
    ///
    /// - Throws: `notFound` otherwise.
    func requireRepository(_ id: Int64, of project: NamespaceRecord) throws -> PackageListing {
        guard let repository = try findRepository(id), repository.package.projectID == project.id
        else { throw RegistryError.missing("Repository") }
        return repository
    }

    /// The repository of images, if it is in the project, whether it has anything or everything is in
    /// the trash.
    ///
    /// - Throws: `notFound` otherwise.
    func requireAnyRepository(
        _ id: Int64, of project: NamespaceRecord
    ) throws -> PackageListing {
        guard let found = try findPackage(id), found.package.format == .containerImages,
            found.package.projectID == project.id
        else { throw RegistryError.missing("Repository") }
        return found
    }

    /// The repository of images, if it has anything.
    func findRepository(_ id: Int64) throws -> PackageListing? {
        // Every version of a repository names its manifest, so one without bytes is without versions:
        // all of them are in the trash, or none was pushed yet.
        guard let found = try findPackage(id), found.package.format == .containerImages,
            found.sizeBytes > 0
        else { return nil }
        return found
    }
}

extension PackageListing {
    /// `oci/api`, for the audit.
    var subject: String { "\(package.format)/\(package.name)" }
}

extension MetadataReading {
    /// Decides whether all tags of a repository may go at once.
    ///
    /// - Throws: `forbidden` or `conflict` with the first tag that a rule keeps.
    func checkRemovingTags(of repository: PackageRecord, by authority: Authority) throws {
        let protection = try tagProtection(of: repository, for: authority)
        guard protection.restrictsRemoving else { return }
        let limit = ManagementLimits.repositoryTagCount
        var last: String?
        while true {
            let names = try listTagNames(packageID: repository.id, after: last, limit: limit)
            for name in names { try protection.checkRemoving(name) }
            guard names.count == limit else { return }
            last = names.last
        }
    }
}
