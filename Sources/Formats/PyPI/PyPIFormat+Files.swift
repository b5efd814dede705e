import FormatKit
import HTTPTypes
import Registry

extension PyPIFormat {
    /// A file is found by its content, so what was downloaded once stays right: a year, in seconds.
    static let downloadCacheControl = "private, max-age=31536000, immutable"

    /// Answers GET and HEAD of a file, or of the metadata beside it.
    func download(
        _ reference: PyPIFileReference, _ head: RequestHead, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let found = try await scope.findFile(
            Self.id, digest: reference.digest, path: reference.filename)
        guard let found, try PyPIFileAttributes(stored: found.file.attributes) != nil else {
            throw Self.noSuchFile
        }
        try refuseQuarantined(found.version.package)
        var (file, name) = (found.file, reference.filename)
        if reference.isMetadata {
            guard let metadata = try await findSidecar(.metadata, of: found, in: scope) else {
                throw Self.noSuchFile
            }
            file = metadata
            name = metadata.path
        }
        var response = try await FileResponse(file, name: name).respond(to: head) {
            [file] () async throws(RegistryError) in
            try await scope.open(file)
        }
        response.headers[.cacheControl] = Self.downloadCacheControl
        // Looking at a release is no download of it.
        if reference.isMetadata { response.contentVersionID = nil }
        return response
    }

    /// Answers GET and HEAD of the attestations of a file.
    func showProvenance(
        _ address: FileAddress, _ head: RequestHead, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        guard let found = try await findInRelease(address, in: scope),
            let provenance = try await findSidecar(.provenance, of: found, in: scope)
        else {
            throw RegistryError(.notFound, "there are no attestations of this file")
        }
        var response = try await FileResponse(provenance, name: provenance.path).respond(to: head) {
            () async throws(RegistryError) in
            try await scope.open(provenance)
        }
        response.contentVersionID = nil
        return response
    }

    /// The file of a release, however its version is spelled.
    private func findInRelease(
        _ address: FileAddress, in scope: any ScopeHandle
    ) async throws(RegistryError) -> PublishedFile? {
        let packages = try await scope.findPackages(address.package, format: Self.id)
        let version = try PythonVersion(parsing: address.version.description)
        for name in try await releaseNames(version, of: packages, in: scope) {
            let file = FileAddress(
                format: Self.id, package: address.package, version: name, path: address.path)
            if let found = try await scope.findFile(file) { return found }
        }
        return nil
    }

    /// What is stored beside a file, in its own version; in a union, another version may have a file
    /// of the same name.
    private func findSidecar(
        _ sidecar: Sidecar, of file: PublishedFile, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FileRecord? {
        let address = FileAddress(
            format: Self.id, package: file.version.package.name, version: file.version.name,
            path: sidecar.path(of: file.file.path))
        guard let found = try await scope.findFile(address) else { return nil }
        if found.version.id == file.version.id { return found.file }
        var number = 1
        while true {
            let page = try await scope.listFiles(
                of: file.version, page: PageRequest(number: number, size: PageRequest.limitCount))
            if let record = page.rows.first(where: { $0.path == address.path }) { return record }
            guard page.rows.count == PageRequest.limitCount else { return nil }
            number += 1
        }
    }

    /// - Throws: `notFound` for a project that nothing may be downloaded of.
    private func refuseQuarantined(_ package: PackageRecord) throws(RegistryError) {
        let status = try ProjectStatus(stored: package.attributes)
        guard status.marker.offersFiles else {
            throw RegistryError(
                .notFound,
                "the project '\(package.name)' is quarantined"
                    + (status.reason.map { ": \($0)" } ?? ""),
                reason: "project_quarantined")
        }
    }

    private static let noSuchFile = RegistryError(.notFound, "there is no such file")
}
