import FormatKit
import HTTPTypes
import Registry

extension GenericFormat {
    /// Stores a file. What can be refused from the head is refused before the body is read.
    func upload(
        _ address: FileAddress, _ options: GenericUploadOptions, _ head: RequestHead,
        body: consuming RequestBody, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let announced = try announcement(of: head)
        // First, since it is what a group refuses whatever it may hold under this name.
        var upload = try await scope.beginUpload(hashes: announced.neededHashes)
        let current = try await scope.findFile(address)?.file
        let precondition = try weigh(head, current)
        if let current, !scope.allowsReplacing(Self.id) {
            try refuseOtherBytes(announced, than: current, scope.namespace)
        }
        try await upload.append(body: body)
        let blob = try await upload.commit(announced)
        let draft = FileDraft(
            path: address.path, blob: blob,
            mediaType: MediaType.stored(from: head.headers[.contentType]),
            precondition: precondition)
        let outcome = try await scope.publish(
            PublishDraft(
                package: address.package, version: address.version.description,
                status: options.status,
                files: [draft]),
            format: Self.id)
        guard let file = outcome.files.first else {
            throw RegistryError(.internalError, "the file was published and cannot be named")
        }
        return answer(file, address, options, head)
    }

    /// What the header fields say about the bytes to come.
    private func announcement(of head: RequestHead) throws(RegistryError) -> BlobExpectation {
        guard head.headers[.contentRange] == nil else {
            // RFC 9110, section 14.5: a part must not be stored as if it were the whole.
            throw RegistryError(.malformed, "a file is uploaded whole, not in ranges")
        }
        let encoding = head.headers[.contentEncoding]?.lowercased() ?? "identity"
        guard encoding == "identity" else {
            throw RegistryError(
                .unsupportedMediaType,
                "a file is stored as it is sent: send it without Content-Encoding",
                headers: [.acceptEncoding: "identity"])
        }
        var announced = try UploadDigests.parse(head.headers)
        announced.size = head.contentLength
        return announced
    }

    /// Weighs the conditions against the file that is there now, and pins what was seen, so that
    /// the publish itself fails when somebody was faster.
    private func weigh(
        _ head: RequestHead, _ current: FileRecord?
    ) throws(RegistryError) -> FileDraft.Precondition {
        let conditions = Preconditions(head.headers)
        guard conditions.guardsChange else { return .none }
        guard conditions.evaluate(current.map(Validators.init), isRead: false) == .proceed else {
            throw RegistryError(
                .preconditionFailed,
                current == nil
                    ? "there is no file of this name" : "the name is taken by another file",
                headers: current.map { FileResponse($0, name: $0.path).describingHeaders }
                    ?? [:])
        }
        guard let current else { return .isAbsent }
        return .matches([current.digests.sha256])
    }

    private func refuseOtherBytes(
        _ announced: BlobExpectation, than current: FileRecord, _ project: NamespaceRecord?
    ) throws(RegistryError) {
        let stored = current.digests
        let pairs = [
            (announced.sha256, stored.sha256.hex), (announced.sha512, stored.sha512),
            (announced.sha1, stored.sha1), (announced.md5, stored.md5),
        ]
        let differs =
            announced.size.map { $0 != current.size } ?? false
            || pairs.contains { said, known in
                said.flatMap { said in known.map { $0 != said } } ?? false
            }
        guard differs else { return }
        var refusal = RegistryError.fileExists(
            current.path, format: Self.id, project: project)
        refusal.headers = FileResponse(current, name: current.path).describingHeaders
        throw refusal
    }

    private func answer(
        _ file: FileRecord, _ address: FileAddress, _ options: GenericUploadOptions,
        _ head: RequestHead
    ) -> FormatResponse {
        let url = GenericDocuments.url(of: address, head)
        var headers: HTTPFields = [.location: url, .cacheControl: FileResponse.cacheControl]
        headers.setValidators(Validators(file))
        headers.setChecksums(file.digests)
        return .json(
            options.answersWithFile
                ? GenericDocuments.storedFile(file, url: url) : ["message": "201 Created"],
            status: .created, headers: headers)
    }
}
