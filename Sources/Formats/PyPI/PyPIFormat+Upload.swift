import FormatKit
import HTTPTypes
import NIOCore
import Registry

extension PyPIFormat {
    /// Stores a file of a release.
    ///
    /// What the fields say that stand in front of the file is judged before a byte of the file is
    /// stored. Whatever is wrong, the body is read to its end before the answer: the clients send all
    /// of it before they listen.
    func upload(
        _ head: RequestHead, body: consuming RequestBody, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        var form = try MultipartBody(body, contentType: head.headers[.contentType])
        let arrival: Arrival
        do throws(RegistryError) {
            arrival = try await receive(&form, in: scope)
        } catch {
            try await form.drain()
            throw error
        }
        let stored: [CommittedBlob]
        let draft: PublishDraft
        do throws(RegistryError) {
            (draft, stored) = try await prepare(arrival, in: scope)
        } catch {
            try await scope.discard(arrival.blob)
            throw error
        }
        do throws(RegistryError) {
            let outcome = try await scope.publish(draft, format: Self.id)
            return answer(outcome, head)
        } catch {
            // A refusal undid everything. After any other failure nobody knows, so the bytes stay
            // until the sweep sees that no row names them.
            if error.code == .conflict {
                for blob in [arrival.blob] + stored { try await scope.discard(blob) }
            }
            throw Self.refusal(error, arrival.filename, scope)
        }
    }

    /// A file that is stored, and the form that it came in.
    struct Arrival: Sendable {
        let form: UploadForm
        let filename: DistributionFilename
        let blob: CommittedBlob
        let expectation: BlobExpectation
    }

    private func receive(
        _ body: inout MultipartBody, in scope: any ScopeHandle
    ) async throws(RegistryError) -> Arrival {
        var form = UploadForm()
        var file: (name: DistributionFilename, blob: CommittedBlob, blake2: String?)?
        do throws(RegistryError) {
            while let event = try await body.next() {
                guard case .part(let part) = event else { continue }
                guard part.name == UploadForm.contentField else {
                    try await form.read(part, from: &body)
                    continue
                }
                guard file == nil else { throw UploadForm.refusal("the form has two files") }
                guard let filename = part.filename else {
                    throw UploadForm.refusal("the field 'content' has no file name")
                }
                let name = try DistributionFilename(parsing: filename)
                try await refuseEarly(name, form, in: scope)
                let (blob, blake2) = try await store(&body, form, in: scope)
                file = (name, blob, blake2)
            }
            try form.checkAction()
            guard let file else { throw UploadForm.refusal("the form has no file 'content'") }
            let expectation = try form.expectation()
            try expectation.verify(file.blob.digests, size: file.blob.size)
            try await verifyBlake2(file.blob, file.blake2, form, in: scope)
            return Arrival(
                form: form, filename: file.name, blob: file.blob, expectation: expectation)
        } catch {
            if let file { try await scope.discard(file.blob) }
            throw error
        }
    }

    /// Stores the bytes of the part that was just begun.
    private func store(
        _ body: inout MultipartBody, _ form: UploadForm, in scope: any ScopeHandle
    ) async throws(RegistryError) -> (blob: CommittedBlob, blake2: String?) {
        var hash = try form.blake2() == nil ? nil : BLAKE2b()
        var upload = try await scope.beginUpload(hashes: .md5)
        while case .bytes(let bytes)? = try await body.next() {
            hash?.update(bytes)
            try await upload.append(bytes)
        }
        return (try await upload.commit(try form.expectation()), hash?.finish())
    }

    /// Compares the BLAKE2 digest, where the client sent one: before the file as clients do, or
    /// behind it.
    private func verifyBlake2(
        _ blob: CommittedBlob, _ known: String?, _ form: UploadForm, in scope: any ScopeHandle
    ) async throws(RegistryError) {
        guard let said = try form.blake2() else { return }
        var computed = known
        if computed == nil {
            let reader = try await scope.open(blob)
            var hash = BLAKE2b()
            var position: Int64 = 0
            while position < reader.size {
                let bytes = try await reader.read(
                    at: position, limitBytes: Self.hashedPieceBytes)
                hash.update(bytes)
                position += Int64(bytes.readableBytes)
            }
            computed = hash.finish()
        }
        guard computed == said else {
            throw RegistryError(
                .unprocessable,
                "the blake2_256 of the content is \(computed ?? "unknown"), not \(said)",
                reason: "digest_mismatch")
        }
    }

    /// What is read at once of a file whose digest comes behind it, in bytes.
    private static let hashedPieceBytes = 256 * 1024

    // MARK: Publishing

    /// Looks into the file, and stores what is served beside it.
    private func prepare(
        _ arrival: Arrival, in scope: any ScopeHandle
    ) async throws(RegistryError) -> (PublishDraft, [CommittedBlob]) {
        let distribution = try await Distribution(
            reading: try await scope.open(arrival.blob), arrival.filename, arrival.form)
        let package = distribution.name.normalized
        let packages = try await scope.findPackages(package, format: Self.id)
        try refuseClosed(package, packages)
        let version = try await releaseName(distribution.version, of: packages, in: scope)
        let address = FileAddress(
            format: Self.id, package: package, version: version, path: arrival.filename.text)
        let current = try await scope.findFile(address)?.file
        var files = [
            FileDraft(
                path: address.path, blob: arrival.blob,
                attributes: distribution.attributes(arrival.form).encoded)
        ]
        var stored: [CommittedBlob] = []
        for (sidecar, bytes, type) in try sidecars(of: distribution, arrival) {
            let known = try await scope.findFile(sidecar.address(of: address))
            // What was served beside these very bytes goes on to be served.
            if known != nil, current?.digests.sha256 == arrival.blob.digest { continue }
            let blob = try await store(bytes, in: scope)
            stored.append(blob)
            files.append(
                FileDraft(path: sidecar.path(of: address.path), blob: blob, mediaType: type))
        }
        if current == nil || scope.allowsReplacing(Self.id),
            current?.digests.sha256 != arrival.blob.digest
        {
            try await clearSidecars(of: address, unless: stored.map(\.digest), in: scope)
        }
        let draft = PublishDraft(
            package: package, version: version,
            versionSpellings: distribution.version.spellings, files: files,
            searchText: distribution.searchText)
        return (draft, stored)
    }

    /// Moves to the trash what was served beside other bytes of this name, which are gone or about to
    /// go, so that nothing of it is served beside the new ones.
    private func clearSidecars(
        of address: FileAddress, unless digests: [Digest], in scope: any ScopeHandle
    ) async throws(RegistryError) {
        for sidecar in Sidecar.allCases {
            let stale = sidecar.address(of: address)
            guard let file = try await scope.findFile(stale)?.file,
                !digests.contains(file.digests.sha256)
            else { continue }
            _ = try await scope.trashFile(stale, ifMatches: nil)
        }
    }

    private func sidecars(
        of distribution: Distribution, _ arrival: Arrival
    ) throws(RegistryError) -> [(Sidecar, ByteBuffer, String)] {
        var sidecars = [
            (
                Sidecar.metadata, ByteBuffer(bytes: distribution.metadataBytes),
                "text/plain; charset=utf-8"
            )
        ]
        if let attestations = arrival.form.attestations {
            sidecars.append(
                (
                    .provenance,
                    try Attestations.makeProvenance(
                        attestations, filename: arrival.filename.text,
                        digest: arrival.blob.digest), Attestations.provenanceType
                ))
        }
        return sidecars
    }

    private func store(
        _ bytes: ByteBuffer, in scope: any ScopeHandle
    ) async throws(RegistryError) -> CommittedBlob {
        var upload = try await scope.beginUpload(hashes: [])
        if bytes.readableBytes > 0 { try await upload.append(bytes) }
        return try await upload.commit()
    }

    // MARK: Answers

    private func answer(_ outcome: PublishOutcome, _ head: RequestHead) -> FormatResponse {
        let isNew = outcome.outcomes.first != .unchanged
        let name = outcome.files.first?.path ?? ""
        let words = isNew ? "published \(name)" : "\(name) was published with the same bytes before"
        return FormatResponse(
            status: isNew ? .created : .ok,
            headers: [
                .contentType: "text/plain; charset=utf-8", .xContentTypeOptions: "nosniff",
                .cacheControl: FileResponse.cacheControl,
            ], body: .bytes(ByteBuffer(string: words + "\n")))
    }
}

extension Distribution {
    /// What is kept of the file.
    fileprivate func attributes(_ form: UploadForm) -> PyPIFileAttributes {
        PyPIFileAttributes(
            name: name.description, kind: filename.kind,
            pythonTag: form["pyversion"] ?? filename.pythonTag,
            requiresPython: metadata["requires-python"] ?? form["requires_python"],
            comment: form["comment"],
            hasStaticMetadata: filename.kind == .wheel || metadata.isStatic)
    }

    /// What people search the project by.
    fileprivate var searchText: String {
        [name.description, metadata["summary"], metadata["keywords"]].compactMap { $0 }
            .joined(separator: " ")
    }
}
