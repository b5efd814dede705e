import Foundation
import GatewayServer
import HTTPTypes
import Logging
import NIOCore
import Registry
import ServiceLifecycle
import Subprocess
import Synchronization
import TestSupport
import Testing

/// Answers with a closure.
struct ClosureResponder: RequestResponder {
    let answer:
        @Sendable (IncomingRequest, any RequestBodySource, RequestTrace) async -> FormatResponse

    func respond(
        to request: IncomingRequest, body: any RequestBodySource, trace: RequestTrace
    ) async -> FormatResponse {
        await answer(request, body, trace)
    }
}

/// An HTTP server that runs while a test's closure does.
struct RunningServer: Sendable {
    let port: Int
    /// The lines of the access log so far, their metadata.
    let accessLog: RecordedLog
    private let group: ServiceGroup

    /// Begins a graceful shutdown.
    func shutDown() async {
        await group.triggerGracefulShutdown()
    }

    /// Starts a server on a free port, runs `body`, shuts the server down and waits for its end.
    static func run<Result: Sendable>(
        settings: HTTPServerSettings = HTTPServerSettings(), responder: any RequestResponder,
        metrics: RequestMetrics? = nil,
        _ body: @Sendable @escaping (RunningServer) async throws -> Result
    ) async throws -> Result {
        var settings = settings
        settings.port = 0
        let log = RecordedLog()
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        let server = GatewayHTTPServer(
            settings: settings, responder: responder,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            accessLogger: Logger(label: "access") { _ in RecordingLogHandler(log: log) },
            metrics: metrics, onListening: { port in continuation.yield(port) })
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(
                        service: server, successTerminationBehavior: .gracefullyShutdownGroup)
                ],
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        return try await withThrowingTaskGroup(of: Result?.self) { tasks in
            tasks.addTask {
                try await group.run()
                continuation.finish()
                return nil
            }
            var iterator = ports.makeAsyncIterator()
            guard let port = await iterator.next() else {
                try await tasks.waitForAll()
                throw TestFailure("the server ended before it listened")
            }
            let running = RunningServer(port: port, accessLog: log, group: group)
            tasks.addTask { try await body(running) }
            var result: Result?
            var failure: (any Error)?
            while result == nil {
                do {
                    // The server may end before the closure does, where that is the test.
                    guard let next = try await tasks.next() else { break }
                    result = next
                } catch {
                    failure = error
                    break
                }
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            if let failure { throw failure }
            guard let result else { throw TestFailure("the closure had no result") }
            return result
        }
    }
}

struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// What was logged.
final class RecordedLog: Sendable {
    private let state = Mutex<[Logger.Metadata]>([])

    func append(_ metadata: Logger.Metadata) { state.withLock { $0.append(metadata) } }

    /// The lines about `path`, once there is one.
    func lines(about path: String) async throws -> [[String: String]] {
        let deadline = ContinuousClock.now + .seconds(RawClient.deadlineSeconds)
        while ContinuousClock.now < deadline {
            let found = state.withLock { lines in
                lines.filter { $0["path"]?.description == path }
            }
            if !found.isEmpty { return found.map { $0.mapValues(\.description) } }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw TestFailure("no line about \(path) in the access log")
    }
}

struct RecordingLogHandler: LogHandler {
    let log: RecordedLog
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    init(log: RecordedLog) { self.log = log }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { log.append(event.metadata ?? [:]) }
}

/// Reads from a file; can be told to fail from an offset on.
final class FileBlobReader: BlobReader {
    let size: Int64
    let fileDescriptor: CInt?
    private let handle: FileHandle
    private let failsAt: Int64?

    init(path: String, offersDescriptor: Bool = true, failsAt: Int64? = nil) throws {
        handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        size = Int64(try handle.seekToEnd())
        fileDescriptor = offersDescriptor ? handle.fileDescriptor : nil
        self.failsAt = failsAt
    }

    func read(at offset: Int64, limitBytes: Int) async throws(RegistryError) -> ByteBuffer {
        if let failsAt, offset + Int64(limitBytes) > failsAt {
            throw RegistryError(.internalError, "the disk failed")
        }
        var bytes = [UInt8](repeating: 0, count: limitBytes)
        let count = pread(handle.fileDescriptor, &bytes, limitBytes, off_t(offset))
        guard count >= 0 else { throw RegistryError(.internalError, "pread failed") }
        return ByteBuffer(bytes: bytes.prefix(count))
    }
}

/// Runs the real curl.
enum Curl {
    /// What curl wrote to its two outputs, and its exit code.
    static func run(_ arguments: [String]) async throws -> (output: String, status: CInt) {
        try await Command.run(
            "curl", ["--silent", "--show-error", "--max-time", "50"] + arguments)
    }
}

/// Runs a program to its end.
enum Command {
    static func run(
        _ name: String, _ arguments: [String]
    ) async throws -> (output: String, status: CInt) {
        let result = try await Subprocess.run(
            .name(name), arguments: Arguments(arguments),
            output: .string(limit: 1_000_000), error: .string(limit: 1_000_000))
        guard case .exited(let status) = result.terminationStatus else {
            throw TestFailure("\(name) was ended by a signal")
        }
        return (result.standardOutput + result.standardError, status)
    }
}
