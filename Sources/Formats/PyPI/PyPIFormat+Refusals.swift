import Registry

extension PyPIFormat {
    /// Refuses a file before its bytes are stored, by what the fields say that stand in front of it;
    /// everything is judged again when all of the form was read.
    ///
    /// - Throws: `malformed` for what breaks a rule, `forbidden` for what may not be published,
    ///   `conflict` for a name that is taken by other bytes.
    func refuseEarly(
        _ filename: DistributionFilename, _ form: UploadForm, in scope: any ScopeHandle
    ) async throws(RegistryError) {
        try form.checkAction()
        try filename.check(filetype: form["filetype"])
        let expectation = try form.expectation()
        _ = try form.blake2()
        let name = try form["name"].map { text throws(RegistryError) in
            try PyPIName(parsing: text)
        }
        let version = try form["version"].map { text throws(RegistryError) in
            try PythonVersion(parsing: text)
        }
        guard let name, let version else { return }
        try filename.check(name, version)
        let packages = try await scope.findPackages(name.normalized, format: Self.id)
        try refuseClosed(name.normalized, packages)
        let release = try await releaseName(version, of: packages, in: scope)
        do throws(RegistryError) {
            try await scope.checkPublishing(
                Self.id, package: name.normalized, version: release)
        } catch {
            throw Self.refusal(error, filename, scope)
        }
        guard !scope.allowsReplacing(Self.id), let sha256 = expectation.sha256,
            let current = try await scope.findFile(
                FileAddress(
                    format: Self.id, package: name.normalized, version: release,
                    path: filename.text)),
            current.file.digests.sha256.hex != sha256
        else { return }
        throw Self.fileExists(filename, scope)
    }

    /// Refuses files of a project that takes none.
    ///
    /// - Throws: `forbidden`.
    func refuseClosed(_ name: String, _ packages: [PackageRecord]) throws(RegistryError) {
        let status = try ProjectStatus(of: packages)
        guard status.marker.takesFiles else {
            throw RegistryError(
                .forbidden,
                "the project '\(name)' is \(status.marker.rawValue) and takes no files"
                    + (status.reason.map { ": \($0)" } ?? ""),
                reason: "project_closed")
        }
    }

    /// What the project calls the release that a version means: `1.0` is the release `1.0.0` where
    /// there is one. Its own spelling where there is none.
    ///
    /// *Source*: PEP 440, "Public version identifiers"; PyPI has one release for both, too.
    func releaseName(
        _ version: PythonVersion, of packages: [PackageRecord], in scope: any ScopeHandle
    ) async throws(RegistryError) -> String {
        try await releaseNames(version, of: packages, in: scope).first ?? version.description
    }

    /// All that projects of one name call the release, the version's own spelling first.
    func releaseNames(
        _ version: PythonVersion, of packages: [PackageRecord], in scope: any ScopeHandle
    ) async throws(RegistryError) -> [String] {
        guard !packages.isEmpty else { return [] }
        let spellings = version.spellings
        let known = try await scope.filterKnownVersions(spellings, of: packages)
        return spellings.filter(known.contains)
    }

    /// A refusal to publish in the words that clients look for.
    static func refusal(
        _ error: RegistryError, _ filename: DistributionFilename, _ scope: any ScopeHandle
    ) -> RegistryError {
        switch error.reason {
        case "file_exists":
            return fileExists(filename, scope)
        case "name_reserved":
            // Not 409, which twine takes for a file that is there and may be skipped.
            return RegistryError(.malformed, error.message, reason: error.reason)
        default:
            return error
        }
    }

    /// twine skips a file for the status 409, and for the words "already exist"; uv compares the file
    /// of the index then.
    ///
    /// *Source*: twine, `skip_upload`; uv, `uv-publish`, `upload`.
    static func fileExists(
        _ filename: DistributionFilename, _ scope: any ScopeHandle
    ) -> RegistryError {
        RegistryError(
            .conflict,
            "File already exists: '\(filename.text)' has other bytes, and the project"
                + (scope.namespace.map { " '\($0.path)'" } ?? "")
                + " does not allow replacing published \(id.name) files; publish a new version",
            reason: "file_exists")
    }
}
