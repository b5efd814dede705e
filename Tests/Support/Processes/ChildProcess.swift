public import Foundation
import Synchronization

/// A child process whose output, both streams in one text, is read as it comes.
public final class ChildProcess: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        var isAtEnd = false
        var ending: ServerProcess.Ending?
        var watchers: [Int: @Sendable (borrowing State) -> Bool] = [:]
        var nextWatcher = 0

        var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    private let process = Process()
    private let state = Mutex(State())
    private let command: String

    /// Starts `executable`; its input is empty, or `input`.
    ///
    /// The environment is that of the tests without any `PACKHOUSE_…`, plus `environment`.
    public init(
        executable: URL, arguments: [String], environment: [String: String] = [:],
        input: String = "", folder: URL? = nil
    ) throws {
        command = ([executable.lastPathComponent] + arguments).joined(separator: " ")
        process.executableURL = executable
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment
            .filter { !$0.key.hasPrefix("PACKHOUSE_") }
            .merging(environment) { _, own in own }
        if let folder { process.currentDirectoryURL = folder }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        let inputPipe = Pipe()
        process.standardInput = inputPipe
        output.fileHandleForReading.readabilityHandler = { [weak self] handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil }
            self?.change { state in
                state.bytes.append(contentsOf: data)
                if data.isEmpty { state.isAtEnd = true }
            }
        }
        process.terminationHandler = { [weak self] process in
            self?.change { state in
                state.ending = ServerProcess.Ending(
                    status: process.terminationStatus,
                    wasSignalled: process.terminationReason == .uncaughtSignal)
            }
        }
        try process.run()
        try inputPipe.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try inputPipe.fileHandleForWriting.close()
    }

    /// Everything that it wrote so far.
    public var output: String { state.withLock { $0.text } }

    public var processID: Int32 { process.processIdentifier }

    /// Ends it with SIGKILL.
    public func kill() {
        if process.isRunning { _ = Foundation.kill(process.processIdentifier, SIGKILL) }
    }

    /// Asks it to end with SIGTERM.
    public func terminate() {
        if process.isRunning { _ = Foundation.kill(process.processIdentifier, SIGTERM) }
    }

    /// Waits until it has ended and all that it wrote was read.
    ///
    /// - Throws: `ServerProcess.Failure` when that takes longer than the deadline.
    @discardableResult
    public func ending() async throws -> ServerProcess.Ending {
        let ending = await wait { $0.isAtEnd ? $0.ending : nil }
        guard let ending else { throw failure("did not end in time") }
        return ending
    }

    /// Waits for a whole line that contains `text`.
    ///
    /// - Throws: `ServerProcess.Failure` when it ends without, or the deadline passes.
    public func firstLine(containing text: String) async throws -> String {
        let found: String?? = await wait { state in
            let lines = state.text.split(separator: "\n", omittingEmptySubsequences: false)
            if let line = lines.dropLast().first(where: { $0.contains(text) }) {
                return .some(String(line))
            }
            return state.isAtEnd && state.ending != nil ? .some(nil) : nil
        }
        guard let answer = found else { throw failure("did not write '\(text)' in time") }
        guard let line = answer else { throw failure("ended without writing '\(text)'") }
        return line
    }

    private func failure(_ what: String) -> ServerProcess.Failure {
        ServerProcess.Failure(description: "\(command) \(what); it wrote:\n\(output)")
    }

    /// The first answer that `look` has to the state as it changes; `nil` after the deadline.
    private func wait<Answer: Sendable>(
        _ look: @escaping @Sendable (borrowing State) -> Answer?
    ) async -> Answer? {
        await withCheckedContinuation { continuation in
            let answer = Once(continuation)
            let number = state.withLock { state -> Int? in
                if let found = look(state) {
                    answer.resume(found)
                    return nil
                }
                state.nextWatcher += 1
                state.watchers[state.nextWatcher] = { state in
                    guard let found = look(state) else { return false }
                    answer.resume(found)
                    return true
                }
                return state.nextWatcher
            }
            guard let number else { return }
            let deadline = DispatchTime.now() + .seconds(ServerProcess.deadlineSeconds)
            DispatchQueue.global().asyncAfter(deadline: deadline) { [weak self] in
                self?.state.withLock { _ = $0.watchers.removeValue(forKey: number) }
                answer.resume(nil)
            }
        }
    }

    private func change(_ body: (inout State) -> Void) {
        state.withLock { state in
            body(&state)
            for (number, watcher) in state.watchers where watcher(state) {
                state.watchers[number] = nil
            }
        }
    }
}

/// A continuation that takes the first of several answers.
private final class Once<Answer: Sendable>: Sendable {
    private let continuation: Mutex<CheckedContinuation<Answer?, Never>?>

    init(_ continuation: CheckedContinuation<Answer?, Never>) {
        self.continuation = Mutex(continuation)
    }

    func resume(_ answer: Answer?) {
        let taken = continuation.withLock { held in
            defer { held = nil }
            return held
        }
        taken?.resume(returning: answer)
    }
}
