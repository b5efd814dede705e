import FormatKit
import HTTPTypes
import NIOCore
import Registry

extension NPMFormat {
    /// Carries out a PUT of a packument: with a tarball it is a publish, without one a client sends
    /// back what it changed. Which of them shows when the body has been read.
    func put(
        _ name: NPMPackageName, body: consuming RequestBody, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        // First, since it is what a group refuses whatever the body may be.
        var upload = try await scope.beginUpload(hashes: [.sha1, .sha512])
        var arrival = NPMArrival()
        var splitter = NPMBodySplitter()
        var refusal: RegistryError?
        while let chunk = try await body.next() {
            for event in try splitter.read(Array(chunk.readableBytesView)) {
                if case .begin(let file) = event, refusal == nil {
                    refusal = await findRefusal(of: file, name, in: scope)
                }
                if let bytes = try arrival.take(event), refusal == nil {
                    try await upload.append(ByteBuffer(bytes: bytes))
                }
            }
            guard upload.offset <= Self.tarballLimitBytes else {
                throw RegistryError.bodyTooLarge(Self.tarballLimitBytes)
            }
        }
        // Clients read no answer before all of the body is sent, so that is waited for.
        if let refusal { throw refusal }
        try splitter.finish()
        let publication = try NPMPublication(parsing: splitter.document)
        try publication.check(name)
        guard let file = arrival.tarball else {
            return try await deprecate(name, publication, in: scope)
        }
        let release = try NPMRelease(publication, of: name, tarball: file, upload.offset)
        let provenance = try arrival.readProvenance()
        try provenance?.check(release)
        let blob = try await commit(upload, release)
        return try await publish(release, blob, provenance, in: scope)
    }

    /// Why the version that an attachment is named after cannot be published, as far as that is known
    /// before its first byte: of what is refused nothing is stored.
    private func findRefusal(
        of file: String, _ name: NPMPackageName, in scope: any ScopeHandle
    ) async -> RegistryError? {
        // Clients write the scope in front.
        let base = file.split(separator: "/").last.map(String.init) ?? file
        guard let tarball = NPMTarball(name, file: base) else { return nil }
        do throws(RegistryError) {
            try await scope.checkPublishing(
                Self.id, package: name.description, version: tarball.version)
            return nil
        } catch {
            return error
        }
    }

    private func commit(
        _ upload: consuming BlobUpload, _ release: NPMRelease
    ) async throws(RegistryError) -> CommittedBlob {
        do throws(RegistryError) {
            return try await upload.commit(release.expectation)
        } catch {
            guard error.code == .unprocessable else { throw error }
            throw RegistryError(
                .malformed,
                "the tarball that arrived is not the one that was announced: "
                    + error.message, reason: "integrity_mismatch")
        }
    }

    /// Makes a stored tarball visible.
    private func publish(
        _ release: NPMRelease, _ blob: CommittedBlob, _ provenance: NPMProvenance?,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let contents: NPMTarballContents
        do throws(RegistryError) {
            contents = try await NPMTarballContents(
                of: try await scope.open(blob), expecting: release)
            if let found = try await findPublished(release, blob, in: scope) {
                try await scope.discard(blob)
                return Self.done(release.name, found.version.package, status: .created)
            }
        } catch {
            try await scope.discard(blob)
            throw error
        }
        let isFirst = try await scope.findPackages(release.name.description, format: Self.id)
            .isEmpty
        var company = NPMRelease.Company()
        if let provenance {
            company.bundle = (provenance, try await store(provenance.bundle, in: scope))
        }
        if let readme = release.readme { company.readme = try await store(readme, in: scope) }
        // From here on rows may name the bytes, whatever the answer: a sweep removes what is left.
        var draft = release.draft(blob, contents, company)
        // People search for what an install would bring, not for every prerelease.
        if isFirst || release.tags.contains(NPMTag.latest) {
            draft.searchText = release.manifest.words.text(
                of: release.name, publisher: scope.caller.publisher)
        }
        let outcome = try await scope.publish(draft, format: Self.id)
        return Self.done(release.name, outcome.version.package, status: .created)
    }

    /// The same version with the same bytes, which a job that is run again publishes again: then
    /// nothing changes, tags included.
    ///
    /// - Throws: `conflict` when the version has other bytes and may not get new ones.
    private func findPublished(
        _ release: NPMRelease, _ blob: CommittedBlob, in scope: any ScopeHandle
    ) async throws(RegistryError) -> PublishedFile? {
        let tarball = NPMTarball(release.name, version: release.version)
        guard let found = try await scope.findFile(tarball.address) else { return nil }
        if found.file.digests.sha256 == blob.digest { return found }
        guard scope.allowsReplacing(Self.id) else {
            throw RegistryError(
                .conflict,
                "the version \(release.version) of '\(release.name)' exists with other content: "
                    + "raise the version and publish again",
                reason: "version_exists")
        }
        return nil
    }

    private func store(
        _ bytes: [UInt8], in scope: any ScopeHandle
    ) async throws(RegistryError) -> CommittedBlob {
        var upload = try await scope.beginUpload(hashes: [])
        try await upload.append(ByteBuffer(bytes: bytes))
        return try await upload.commit()
    }

    /// The answer to a change that was made.
    static func done(
        _ name: NPMPackageName, _ package: PackageRecord?, status: HTTPResponse.Status = .ok
    ) -> FormatResponse {
        .json(
            [
                "ok": true, "success": true, "id": .string(name.description),
                "rev": .optional(package.map(NPMRevision.text)),
            ], status: status)
    }
}
