import FormatKit
import HTTPTypes
import Registry

extension GenericFormat {
    /// Answers GET and HEAD of a file.
    func download(
        _ address: FileAddress, _ head: RequestHead, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        guard let file = try await scope.findFile(address)?.file else { throw Self.noSuchFile }
        let slash = address.path.utf8.lastIndex(of: UInt8(ascii: "/"))
        let name = slash.map { String(address.path[$0...].dropFirst()) } ?? address.path
        return try await FileResponse(file, name: name).respond(to: head) {
            () async throws(RegistryError) in
            try await scope.open(file)
        }
    }

    /// Moves a file to the trash.
    func deleteFile(
        _ address: FileAddress, _ head: RequestHead, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let conditions = Preconditions(head.headers)
        guard conditions.guardsChange else {
            guard try await scope.trashFile(address, ifMatches: nil) else {
                throw Self.noSuchFile
            }
            return FormatResponse(status: .noContent)
        }
        let current = try await scope.findFile(address)?.file
        guard conditions.evaluate(current.map(Validators.init), isRead: false) == .proceed else {
            throw RegistryError(
                .preconditionFailed, "the file is not the one that the condition names",
                headers: current.map { FileResponse($0, name: $0.path).describingHeaders }
                    ?? [:])
        }
        guard let current else { throw Self.noSuchFile }
        // The digest pins what the conditions were weighed against.
        guard try await scope.trashFile(address, ifMatches: [current.digests.sha256]) else {
            throw RegistryError(.preconditionFailed, "the file was changed meanwhile")
        }
        return FormatResponse(status: .noContent)
    }

    private static let noSuchFile = RegistryError(.notFound, "there is no such file")
}
