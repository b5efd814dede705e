import Foundation
import NIOCore
import Registry
import Synchronization

/// Lets a thread that blocks read a blob whose reader has to be awaited: the thread asks, a task
/// reads and answers. One thread, one task, one question at a time.
final class BlockingBlob<Value: Sendable>: Sendable {
    private struct Question {
        let offset: Int64
        let limitBytes: Int
    }

    private struct State {
        var question: Question?
        var answer: Result<ByteBuffer, RegistryError>?
        var result: Result<Value, RegistryError>?
        /// The task, while it waits for what the thread has to say.
        var listener: CheckedContinuation<Void, Never>?
    }

    private let reader: any BlobReader
    private let state = Mutex(State())
    private let isAnswered = DispatchSemaphore(value: 0)

    private init(_ reader: any BlobReader) {
        self.reader = reader
    }

    /// Runs `body` on a thread of its own, with a blob that it can read there.
    ///
    /// - Throws: what `body` throws, and what reading throws.
    static func run(
        _ reader: any BlobReader,
        _ body: @escaping @Sendable (BlockingBlob<Value>) throws(RegistryError) -> Value
    ) async throws(RegistryError) -> Value {
        await ArchiveThreads.shared.enter()
        defer { ArchiveThreads.shared.leave() }
        let blob = BlockingBlob(reader)
        Thread.detachNewThread {
            let result = Result { () throws(RegistryError) in try body(blob) }
            blob.say { $0.result = result }
        }
        return try await blob.serve()
    }

    /// Bytes in the whole blob.
    var size: Int64 { reader.size }

    /// Up to `limitBytes` bytes from `offset`; waits for them. To be called by the thread.
    func read(at offset: Int64, limitBytes: Int) throws(RegistryError) -> ByteBuffer {
        say { $0.question = Question(offset: offset, limitBytes: limitBytes) }
        isAnswered.wait()
        let answer = state.withLock { state -> Result<ByteBuffer, RegistryError>? in
            defer { state.answer = nil }
            return state.answer
        }
        guard let answer else {
            throw RegistryError(.internalError, "a question about a blob was not answered")
        }
        return try answer.get()
    }

    /// What the thread has to say; wakes the task that listens.
    private func say(_ change: (inout State) -> Void) {
        let listener = state.withLock { state -> CheckedContinuation<Void, Never>? in
            change(&state)
            defer { state.listener = nil }
            return state.listener
        }
        listener?.resume()
    }

    /// Answers the thread until it has finished, even when the task is cancelled: then with an
    /// error, so that the thread ends soon.
    private func serve() async throws(RegistryError) -> Value {
        while true {
            await listen()
            let (question, result) = state.withLock { state in
                defer { state.question = nil }
                return (state.question, state.result)
            }
            if let result { return try result.get() }
            guard let question else { continue }
            let answer = await answer(question)
            state.withLock { $0.answer = answer }
            isAnswered.signal()
        }
    }

    private func listen() async {
        await withCheckedContinuation { continuation in
            let hasNews = state.withLock { state -> Bool in
                guard state.question == nil, state.result == nil else { return true }
                state.listener = continuation
                return false
            }
            if hasNews { continuation.resume() }
        }
    }

    private func answer(_ question: Question) async -> Result<ByteBuffer, RegistryError> {
        guard !Task.isCancelled else {
            return .failure(
                RegistryError(.requestTimeout, "nobody waits for the archive any more"))
        }
        do throws(RegistryError) {
            return .success(
                try await reader.read(at: question.offset, limitBytes: question.limitBytes))
        } catch {
            return .failure(error)
        }
    }
}

/// How many archives are looked into at once: each takes a thread, and keeps a processor busy.
final class ArchiveThreads: Sendable {
    /// The most threads: as many as there are processors.
    static let limitCount = max(2, ProcessInfo.processInfo.activeProcessorCount)

    static let shared = ArchiveThreads()

    private let state = Mutex<(busyCount: Int, waiting: [CheckedContinuation<Void, Never>])>(
        (0, []))

    /// Waits for a thread; in the order of the calls.
    func enter() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state -> Bool in
                guard state.busyCount >= Self.limitCount else {
                    state.busyCount += 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    /// Gives the thread to whoever waits longest.
    func leave() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.busyCount -= 1
            return nil
        }
        next?.resume()
    }
}
