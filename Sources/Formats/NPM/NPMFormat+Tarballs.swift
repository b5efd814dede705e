import FormatKit
import HTTPTypes
import NIOCore
import Registry

extension NPMFormat {
    /// Answers GET and HEAD of a tarball.
    func download(
        _ tarball: NPMTarball, _ head: RequestHead, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        guard let found = try await scope.findFile(tarball.address) else {
            throw RegistryError(
                .notFound, "there is no version '\(tarball.version)' of '\(tarball.package)'",
                reason: "version_unknown")
        }
        return try await FileResponse(found.file, name: tarball.name).respond(to: head) {
            () async throws(RegistryError) in try await scope.open(found.file)
        }
    }

    /// Answers with what came with a version to say where it was made.
    ///
    /// *Source*: npm/cli, `pacote/lib/registry.js`.
    func showAttestations(
        _ name: NPMPackageName, _ version: String, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let address = FileAddress(
            format: Self.id, package: name.description, version: version,
            path: name.bundle(version))
        guard let found = try await scope.findFile(address) else {
            throw Self.noProvenance(name, version)
        }
        let reader = try await scope.open(found.file)
        let bundle = try await reader.read(at: 0, limitBytes: NPMProvenance.limitBytes)
        let provenance = try NPMProvenance(parsing: Array(bundle.readableBytesView))
        // The tarball may have been replaced by one that came without.
        let tarball = NPMTarball(name, version: version)
        let sha512 = try await scope.findFile(tarball.address)?.file.digests.sha512
        guard let sha512, provenance.subjects.contains(sha512) else {
            throw Self.noProvenance(name, version)
        }
        var writer = JSONObjectWriter(reservingBytes: bundle.readableBytes + 256)
        writer.write("predicateType", .string(provenance.predicateType))
        writer.write("bundle", text: provenance.bundle[...])
        var body = ByteBuffer(string: #"{"attestations":["#)
        var attestation = writer.finish()
        body.writeBuffer(&attestation)
        body.writeString("]}")
        return FormatResponse(
            headers: [
                .contentType: "application/json", .cacheControl: FileResponse.cacheControl,
                .xContentTypeOptions: "nosniff",
            ], body: .bytes(body))
    }

    private static func noProvenance(
        _ name: NPMPackageName, _ version: String
    ) -> RegistryError {
        RegistryError(
            .notFound, "'\(name)@\(version)' was published without provenance",
            reason: "attestation_unknown")
    }
}
