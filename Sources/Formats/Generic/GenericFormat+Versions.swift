import FormatKit
import HTTPTypes
import Registry

extension GenericFormat {
    /// Answers GET and HEAD of a version: its files, by path.
    func listFiles(
        _ version: GenericVersion, _ page: PageRequest, _ head: RequestHead,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let found = try await scope.findVersion(
            format: Self.id, package: version.package, version: version.name)
        guard let found else { throw Self.noSuchVersion }
        let files = try await scope.listFiles(of: found, page: page)
        let rows = files.rows.map { file in
            let address = FileAddress(
                format: Self.id, package: version.package, version: version.name,
                path: file.path)
            return GenericDocuments.listedFile(
                file, url: GenericDocuments.url(of: address, head))
        }
        return .json(.array(rows), headers: Pagination.headers(for: files, of: head))
    }

    /// Moves a version and its files to the trash.
    func deleteVersion(
        _ version: GenericVersion, _ head: RequestHead, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        // A version has no tag of its own: a condition on one can only be wrong.
        let conditions = Preconditions(head.headers)
        guard conditions.ifMatch == nil || conditions.ifMatch == .any,
            conditions.ifNoneMatch == nil, conditions.ifUnmodifiedSince == nil
        else {
            throw RegistryError(
                .preconditionFailed, "a version cannot be deleted on a condition; a file can")
        }
        let wasThere = try await scope.trashVersion(
            format: Self.id, package: version.package, version: version.name)
        guard wasThere else { throw Self.noSuchVersion }
        return FormatResponse(status: .noContent)
    }

    private static let noSuchVersion = RegistryError(.notFound, "there is no such version")
}
