import Crypto
import NIOCore

extension HostedPackage {
    /// Begins a blob that arrives in several requests. Its session lies in the database, so any
    /// replica can go on with it.
    public func beginUpload(hashes: ExtraHashes) async throws(RegistryError) -> UploadRecord {
        let now = services.clock.now()
        let record = UploadRecord(
            id: Self.makeUploadID(), projectID: project.id, format: format, package: name,
            creator: actor.principal.label, hashes: hashes, state: nil, createdAt: now)
        let end = now.advanced(bySeconds: UploadRecord.lifetimeSeconds)
        try await services.metadata.write { tx in
            try tx.insertUpload(record, expiresAt: end)
            try tx.upsertReview(.upload(record.id), event: "upload.begun", after: end)
        }
        return record
    }

    /// The session of this id, if it belongs to this package.
    ///
    /// - Throws: `notFound` with the reason `upload_unknown`.
    public func findUpload(_ id: String) async throws(RegistryError) -> UploadRecord {
        let now = services.clock.now()
        let record = try await services.metadata.read { tx in try tx.findUpload(id, at: now) }
        guard let record, record.projectID == project.id, record.format == format,
            record.package == name
        else { throw RegistryError.uploadUnknown() }
        return record
    }

    /// Appends a body to a session. What arrived of a body that breaks off is kept.
    ///
    /// - Parameter start: the offset that the client believes to be at, in bytes; `nil` for the end.
    /// - Throws: `rangeNotSatisfiable` with the reason `chunk_out_of_order` and the session's
    ///   `offset` in the detail; `notFound`; `conflict` when another request is writing, or the
    ///   session cannot go on.
    /// - Returns: the session's offset afterwards.
    public func append(
        to id: String, startingAt start: Int64?, body: consuming RequestBody
    ) async throws(RegistryError) -> Int64 {
        let record = try await findUpload(id)
        var upload = try await open(record, startingAt: start)
        let failure: RegistryError?
        do throws(RegistryError) {
            try await upload.append(body: body)
            failure = nil
        } catch {
            failure = error
        }
        let offset = upload.offset
        try await suspend(upload, record)
        if let failure { throw failure }
        return offset
    }

    /// Ends a session: appends the body, and makes the bytes a blob of the package.
    ///
    /// - Throws: as `append`, and `unprocessable` when the bytes are not those of `digest`; the
    ///   session is over then.
    public func finishUpload(
        _ id: String, startingAt start: Int64?, body: consuming RequestBody,
        expecting digest: Digest
    ) async throws(RegistryError) -> BlobRecord {
        let record = try await findUpload(id)
        var upload = try await open(record, startingAt: start)
        var failure: RegistryError?
        do throws(RegistryError) {
            try await upload.append(body: body)
        } catch {
            failure = error
        }
        if let failure {
            try await suspend(upload, record)
            throw failure
        }
        do throws(RegistryError) {
            let hashesLater = digest.algorithm == .sha512 && !record.hashes.contains(.sha512)
            var blob = try await upload.commit(
                hashesLater ? BlobExpectation() : BlobExpectation(digest))
            if hashesLater { blob = try await verifySHA512(of: blob, digest) }
            return try await adopt(blob, ending: id)
        } catch {
            // Its bytes are gone or were the wrong ones, so nobody can go on with it.
            if error.code == .unprocessable { _ = try await cancelUpload(id) }
            throw error
        }
    }

    /// Ends a session and forgets its bytes.
    ///
    /// - Returns: whether there was one.
    public func cancelUpload(_ id: String) async throws(RegistryError) -> Bool {
        let record = try await findUpload(id)
        let wasThere = try await services.metadata.write { tx in try tx.removeUpload(id) }
        if let state = record.state { try await services.blobs.discardUpload(state.uploadID) }
        return wasThere
    }

    private func open(
        _ record: UploadRecord, startingAt start: Int64?
    ) async throws(RegistryError) -> BlobUpload {
        try Self.check(start, against: record.offset)
        guard let state = record.state else {
            return try await services.blobs.beginUpload(hashes: record.hashes)
        }
        let package = self
        return try await services.blobs.resumeUpload(state.uploadID) {
            () throws(RegistryError) -> UploadState in
            // Another request may have gone on with it since the session was read.
            guard let state = try await package.findUpload(record.id).state else {
                throw RegistryError.uploadUnknown()
            }
            try Self.check(start, against: state.offset)
            return state
        }
    }

    private func suspend(
        _ upload: consuming BlobUpload, _ record: UploadRecord
    ) async throws(RegistryError) {
        let (metadata, now) = (services.metadata, services.clock.now())
        let end = now.advanced(bySeconds: UploadRecord.lifetimeSeconds)
        try await upload.suspend { (state) throws(RegistryError) in
            let isSaved = try await metadata.write { tx in
                let isSaved = try tx.updateUpload(
                    record.id, replacing: record.state?.uploadID, with: state, at: now,
                    expiresAt: end)
                if isSaved {
                    try tx.upsertReview(
                        .upload(record.id), event: "upload.suspended", after: end)
                }
                return isSaved
            }
            guard isSaved else { throw RegistryError.uploadUnknown() }
        }
    }

    /// Reads stored bytes once more for a digest that nobody announced when they were hashed.
    private func verifySHA512(
        of blob: CommittedBlob, _ digest: Digest
    ) async throws(RegistryError) -> CommittedBlob {
        let reader = try await services.openVerified(blob.key, size: blob.size)
        var hash = SHA512()
        var offset: Int64 = 0
        while offset < blob.size {
            let chunk = try await reader.read(at: offset, limitBytes: Self.readBytes)
            hash.update(data: Array(buffer: chunk))
            offset += Int64(chunk.readableBytes)
        }
        let actual = Digest(.sha512, bytes: hash.finalize())
        guard actual == digest else {
            try await services.blobs.remove(blob.key)
            throw RegistryError(
                .unprocessable, "the sha512 of the content is \(actual.hex), not \(digest.hex)",
                reason: "digest_mismatch")
        }
        let digests = BlobDigests(
            sha256: blob.digest, md5: blob.digests.md5, sha1: blob.digests.sha1,
            sha512: actual.hex)
        return CommittedBlob(digests: digests, size: blob.size, key: blob.key)
    }

    private static let readBytes = 512 << 10

    private static func check(_ start: Int64?, against offset: Int64) throws(RegistryError) {
        guard let start, start != offset else { return }
        throw RegistryError(
            .rangeNotSatisfiable,
            "the chunk begins at byte \(start), and \(offset) bytes have arrived",
            reason: "chunk_out_of_order", detail: ["offset": String(offset)])
    }

    /// 128 random bits, so that nobody finds the session of another by guessing.
    private static func makeUploadID() -> String {
        var generator = SystemRandomNumberGenerator()
        return Hex.encode((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }
}

extension RegistryError {
    /// There is no such upload, or it has expired, ended or was cancelled.
    public static func uploadUnknown() -> RegistryError {
        RegistryError(
            .notFound, "there is no such upload; it may have ended or expired",
            reason: "upload_unknown")
    }
}
