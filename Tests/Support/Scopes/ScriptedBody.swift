public import NIOCore
public import Registry
import Synchronization

/// A request body of given chunks that knows how often it was read.
public final class ScriptedBody: RequestBodySource {
    private let state: Mutex<(chunks: [ByteBuffer], readCount: Int)>
    private let failure: RegistryError?

    /// A body of `bytes`, cut into chunks of `chunkBytes`, that ends with `failure` if there is one:
    /// a connection that broke.
    public init(_ bytes: [UInt8], chunkBytes: Int = 7, failure: RegistryError? = nil) {
        self.failure = failure
        let chunks = stride(from: 0, to: bytes.count, by: chunkBytes).map {
            ByteBuffer(bytes: bytes[$0..<min($0 + chunkBytes, bytes.count)])
        }
        state = Mutex((chunks, 0))
    }

    /// Calls of `nextChunk`: 0 while a client that waits for `100 Continue` is still waiting.
    public var readCount: Int { state.withLock { $0.readCount } }

    public func nextChunk() async throws(RegistryError) -> ByteBuffer? {
        let next = state.withLock { state -> ByteBuffer? in
            state.readCount += 1
            return state.chunks.isEmpty ? nil : state.chunks.removeFirst()
        }
        if next == nil, let failure { throw failure }
        return next
    }
}

extension ResponseBody {
    /// The bytes that a client would get.
    public func collect() async throws(RegistryError) -> [UInt8] {
        switch self {
        case .empty:
            return []
        case .bytes(let buffer):
            return Array(buffer.readableBytesView)
        case .blob(let slice):
            return try await Self.collect(slice)
        case .sequence(let parts):
            var bytes: [UInt8] = []
            for part in parts {
                switch part {
                case .bytes(let buffer): bytes.append(contentsOf: buffer.readableBytesView)
                case .blob(let slice): bytes.append(contentsOf: try await Self.collect(slice))
                }
            }
            return bytes
        case .stream(_, let write):
            let writer = CollectingWriter()
            try await write(writer)
            return writer.bytes
        }
    }

    private static func collect(_ slice: BlobSlice) async throws(RegistryError) -> [UInt8] {
        let buffer = try await slice.reader.read(
            at: slice.range.offset, limitBytes: Int(slice.range.length))
        return Array(buffer.readableBytesView)
    }
}

private final class CollectingWriter: ResponseWriter {
    private let state = Mutex<[UInt8]>([])

    var bytes: [UInt8] { state.withLock { $0 } }

    func write(_ buffer: ByteBuffer) async throws(RegistryError) {
        state.withLock { $0.append(contentsOf: buffer.readableBytesView) }
    }
}
