import HTTPTypes
import NIOCore
import NIOHTTP1
import Registry
import Synchronization

/// Writes one answer to its exchange: complete, or the connection ends (I9).
struct ResponseSender {
    /// Bodies up to here are read into memory and written with the head.
    static let wholeBodyLimitBytes: Int64 = 64 * 1024
    /// Bytes of a blob in one write where the kernel cannot send from the file.
    static let bufferBytes = 256 * 1024
    /// Bytes of a blob in one sendfile.
    static let fileStepBytes: Int64 = 8 * 1024 * 1024

    /// What became of an answer.
    struct Outcome: Sendable {
        var status: HTTPResponse.Status
        /// Bytes of the body that the connection took.
        var bodyBytes: Int64 = 0
        /// What stopped the answer short.
        var failure: RegistryError?
        /// Whether the client has all of it.
        var isComplete = false
    }

    let exchange: HTTPExchange
    let requestID: String

    /// Sends `response`; a HEAD gets the head alone (I13).
    func send(_ response: FormatResponse) async -> Outcome {
        var outcome = Outcome(status: response.status)
        let length = response.body.length
        let takesBody = Self.takesBody(response.status)
        guard takesBody, exchange.request.method != .head else {
            let framing = takesBody ? length.map { .length($0) } ?? .unknown : Framing.none
            await sendWhole(head(response, framing), nil, &outcome)
            return outcome
        }
        do {
            if let length, length <= Self.wholeBodyLimitBytes,
                let body = try await wholeBody(response.body)
            {
                await sendWhole(head(response, .length(length)), body, &outcome)
            } else {
                await sendParts(response, length, &outcome)
            }
        } catch {
            // Nothing was written yet: the failure itself can be the answer.
            outcome.failure = error
            outcome.status = error.status
            let failure = Self.failureResponse(error)
            await sendWhole(
                head(failure, .length(failure.body.length ?? 0)), bytes(failure), &outcome)
        }
        return outcome
    }

    private typealias Framing = ResponseHeadFields.Framing

    private func head(_ response: FormatResponse, _ framing: Framing) -> HTTPResponseHead {
        ResponseHeadFields.head(of: response, framing: framing, requestID: requestID)
    }

    /// Whether an answer of this status has a body at all.
    ///
    /// *Source*: RFC 9110, sections 15.2, 15.3.5 and 15.4.5.
    private static func takesBody(_ status: HTTPResponse.Status) -> Bool {
        !(100..<200).contains(status.code) && status.code != 204 && status.code != 304
    }

    // MARK: Small answers

    /// The body in memory, or `nil` for one that has to be streamed.
    private func wholeBody(_ body: ResponseBody) async throws(RegistryError) -> ByteBuffer? {
        switch body {
        case .empty:
            return ByteBuffer()
        case .bytes(let buffer):
            return buffer
        case .blob(let slice):
            return try await read(slice)
        case .sequence(let parts):
            var whole = ByteBuffer()
            for part in parts {
                var next =
                    switch part {
                    case .bytes(let buffer): buffer
                    case .blob(let slice): try await read(slice)
                    }
                whole.writeBuffer(&next)
            }
            return whole
        case .stream:
            return nil
        }
    }

    private func read(_ slice: BlobSlice) async throws(RegistryError) -> ByteBuffer {
        var whole = ByteBuffer()
        while whole.readableBytes < slice.range.length {
            let offset = slice.range.offset + Int64(whole.readableBytes)
            let rest = Int(slice.range.end - offset)
            var next = try await slice.reader.read(at: offset, limitBytes: rest)
            guard next.readableBytes > 0, next.readableBytes <= rest else {
                throw RegistryError.blobTooShort
            }
            whole.writeBuffer(&next)
        }
        return whole
    }

    private func sendWhole(
        _ head: HTTPResponseHead, _ body: ByteBuffer?, _ outcome: inout Outcome
    ) async {
        do {
            try await exchange.writeWhole(head, body: body)
            outcome.bodyBytes = Int64(body?.readableBytes ?? 0)
            outcome.isComplete = true
        } catch {
            outcome.failure = outcome.failure ?? .clientLeft(error)
        }
    }

    private func bytes(_ response: FormatResponse) -> ByteBuffer? {
        guard case .bytes(let buffer) = response.body else { return nil }
        return buffer
    }

    /// The answer to a failure that came when the format had answered already.
    private static func failureResponse(_ failure: RegistryError) -> FormatResponse {
        FormatResponse(
            status: failure.status, headers: [.contentType: "text/plain; charset=utf-8"],
            body: .bytes(ByteBuffer(string: failure.message + "\n")))
    }

    // MARK: Large answers

    private func sendParts(
        _ response: FormatResponse, _ length: Int64?, _ outcome: inout Outcome
    ) async {
        let framing: Framing =
            length.map { .length($0) }
            ?? (exchange.framesUnknownLength ? framingOfStream : .unknown)
        let body = BodyProgress(
            exchange: exchange, head: head(response, framing), limitBytes: length)
        do {
            try await send(response.body, to: body)
            try await body.finish()
            outcome.isComplete = true
        } catch {
            outcome.failure = error
            if body.hasBegun {
                exchange.abort()
            } else {
                outcome.status = error.status
                let failure = Self.failureResponse(error)
                await sendWhole(
                    head(failure, .length(failure.body.length ?? 0)), bytes(failure), &outcome)
                return
            }
        }
        outcome.bodyBytes = body.sentBytes
    }

    /// HTTP/2 frames every body; HTTP/1.1 needs chunks.
    private var framingOfStream: Framing { exchange.isStream ? .unknown : .chunked }

    private func send(_ body: ResponseBody, to progress: BodyProgress) async throws(RegistryError) {
        switch body {
        case .empty: break
        case .bytes(let buffer): try await progress.write(buffer)
        case .blob(let slice): try await send(slice, to: progress)
        case .sequence(let parts):
            for part in parts {
                switch part {
                case .bytes(let buffer): try await progress.write(buffer)
                case .blob(let slice): try await send(slice, to: progress)
                }
            }
        case .stream(_, let write): try await write(progress)
        }
    }

    private func send(_ slice: BlobSlice, to body: BodyProgress) async throws(RegistryError) {
        if exchange.sendsFiles, slice.range.length > Self.wholeBodyLimitBytes,
            let descriptor = slice.reader.fileDescriptor
        {
            try await sendFile(descriptor, slice, to: body)
        } else {
            try await sendBuffers(slice, to: body)
        }
    }

    /// Lets the kernel send from the file, in steps between which other connections get their turn.
    private func sendFile(
        _ descriptor: CInt, _ slice: BlobSlice, to body: BodyProgress
    ) async throws(RegistryError) {
        let file = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: descriptor)
        var offset = slice.range.offset
        var failure: RegistryError?
        while offset < slice.range.end, failure == nil {
            let end = min(offset + Self.fileStepBytes, slice.range.end)
            let region = FileRegion(
                fileHandle: file, readerIndex: Int(offset), endIndex: Int(end))
            do throws(RegistryError) {
                try await body.write(region)
            } catch {
                failure = error
            }
            offset = end
        }
        // The descriptor is the reader's, which `slice` keeps until here; the handle gives it back
        // instead of closing it.
        do {
            _ = try file.takeDescriptorOwnership()
        } catch {
            failure = failure ?? RegistryError.wrapping(error)
        }
        withExtendedLifetime(slice.reader) {}
        if let failure { throw failure }
    }

    /// Reads the next buffer while the last one is on its way.
    private func sendBuffers(
        _ slice: BlobSlice, to body: BodyProgress
    ) async throws(RegistryError) {
        var offset = slice.range.offset
        var next = try await readBuffer(slice, at: offset)
        while offset < slice.range.end {
            let current = next
            offset += Int64(current.readableBytes)
            if offset < slice.range.end {
                let start = offset
                async let ahead = readBuffer(slice, at: start)
                do {
                    try await body.write(current)
                    next = try await ahead
                } catch {
                    throw RegistryError.wrapping(error)
                }
            } else {
                try await body.write(current)
            }
        }
    }

    private func readBuffer(
        _ slice: BlobSlice, at offset: Int64
    ) async throws(RegistryError) -> ByteBuffer {
        let rest = Int(min(Int64(Self.bufferBytes), slice.range.end - offset))
        let buffer = try await slice.reader.read(at: offset, limitBytes: rest)
        guard buffer.readableBytes > 0, buffer.readableBytes <= rest else {
            throw RegistryError.blobTooShort
        }
        return buffer
    }
}

extension RegistryError {
    /// Fewer bytes are stored than the answer announced.
    fileprivate static var blobTooShort: RegistryError {
        RegistryError(.internalError, "the stored content ended too early")
    }
}
