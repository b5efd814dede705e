import FormatKit
import HTTPTypes
import NIOCore
import Registry

extension PyPIFormat {
    /// Stores a file of a release.
    ///
    /// Whatever is wrong, the body is read to its end before the answer: the clients send all of it
    /// before they listen.
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
            throw refusal(error, arrival, in: scope)
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
                try await refuseKnown(name, form, in: scope)
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

    /// Refuses other bytes for a name that is taken, where the form says enough, before they are
    /// stored.
    private func refuseKnown(
        _ filename: DistributionFilename, _ form: UploadForm, in scope: any ScopeHandle
    ) async throws(RegistryError) {
        guard !scope.allowsReplacing(Self.id), let sha256 = try form.expectation().sha256,
            let name = form["name"], let version = form["version"],
            let current = try await scope.findFile(
                FileAddress(
                    format: Self.id, package: try PyPIName(parsing: name).normalized,
                    version: try PythonVersion(parsing: version).description,
                    path: filename.text)),
            current.file.digests.sha256.hex != sha256
        else { return }
        throw Self.fileExists(filename, scope)
    }

    // MARK: Publishing

    /// Looks into the file, and stores what is served beside it.
    private func prepare(
        _ arrival: Arrival, in scope: any ScopeHandle
    ) async throws(RegistryError) -> (PublishDraft, [CommittedBlob]) {
        let distribution = try await Distribution(
            reading: try await scope.open(arrival.blob), arrival.filename, arrival.form)
        let (package, version) = (
            distribution.name.normalized, distribution.version.description
        )
        try await refuseClosed(package, in: scope)
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
            package: package, version: version, files: files,
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

    /// Refuses files of a project that takes none.
    private func refuseClosed(
        _ name: String, in scope: any ScopeHandle
    ) async throws(RegistryError) {
        let status = try ProjectStatus(of: try await scope.findPackages(name, format: Self.id))
        guard status.marker.takesFiles else {
            throw RegistryError(
                .forbidden,
                "the project '\(name)' is \(status.marker.rawValue) and takes no files"
                    + (status.reason.map { ": \($0)" } ?? ""),
                reason: "project_closed")
        }
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

    /// The refusal to publish in the words that clients look for.
    private func refusal(
        _ error: RegistryError, _ arrival: Arrival, in scope: any ScopeHandle
    ) -> RegistryError {
        switch error.reason {
        case "file_exists":
            return Self.fileExists(arrival.filename, scope)
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
    private static func fileExists(
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
