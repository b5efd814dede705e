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

    private let process: SpawnedProcess
    private let input: FileHandle
    private let state = Mutex(State())
    private let command: String

    /// Starts `executable`; its input is `input`, or what `send` gives it when that is `nil`.
    ///
    /// The environment is that of the tests without any `PACKHOUSE_…`, plus `environment`.
    public init(
        executable: URL, arguments: [String], environment: [String: String] = [:],
        input text: String? = "", folder: URL? = nil
    ) throws {
        command = ([executable.lastPathComponent] + arguments).joined(separator: " ")
        var inherited = ProcessInfo.processInfo.environment
            .filter { !$0.key.hasPrefix("PACKHOUSE_") }
        // A program that crashes says in its output where.
        inherited["SWIFT_BACKTRACE"] = "enable=yes,interactive=no,color=no"
        // `env` changes the folder before it becomes the program.
        let change = folder.map { ["-C", $0.path, executable.path] }
        process = try SpawnedProcess(
            executable: change == nil ? executable.path : "/usr/bin/env",
            arguments: (change ?? []) + arguments,
            environment: inherited.merging(environment) { _, own in own })
        input = FileHandle(fileDescriptor: process.input, closeOnDealloc: true)
        Thread.detachNewThread { [process, weak self] in
            let output = FileHandle(fileDescriptor: process.output, closeOnDealloc: true)
            while true {
                let bytes = process.read()
                guard !bytes.isEmpty else { break }
                self?.change { $0.bytes += bytes }
            }
            try? output.close()
            self?.change { $0.isAtEnd = true }
        }
        Thread.detachNewThread { [process, weak self] in
            let ending = process.wait()
            self?.change { $0.ending = ending }
        }
        if let text {
            try send(text)
            try endInput()
        }
    }

    /// Starts a program that is found by its name, as a shell does.
    public static func shell(
        _ program: String, _ arguments: [String], environment: [String: String] = [:],
        input: String? = "", folder: URL? = nil
    ) throws -> ChildProcess {
        try ChildProcess(
            executable: URL(fileURLWithPath: "/usr/bin/env"), arguments: [program] + arguments,
            environment: environment, input: input, folder: folder)
    }

    /// Writes to its input.
    public func send(_ text: String) throws {
        guard !text.isEmpty else { return }
        try input.write(contentsOf: Data(text.utf8))
    }

    /// Closes its input.
    public func endInput() throws {
        try input.close()
    }

    /// Everything that it wrote so far.
    public var output: String { state.withLock { $0.text } }

    public var processID: Int32 { process.processID }

    /// Ends it with SIGKILL.
    public func kill() {
        signal(SIGKILL)
    }

    /// Asks it to end with SIGTERM.
    public func terminate() {
        signal(SIGTERM)
    }

    /// Waits until it has ended and all that it wrote was read.
    ///
    /// - Parameter limitSeconds: how long it may take.
    /// - Throws: `ServerProcess.Failure` when it takes longer.
    @discardableResult
    public func ending(
        withinSeconds limitSeconds: Int = ServerProcess.deadlineSeconds
    ) async throws -> ServerProcess.Ending {
        let ending = await wait(limitSeconds) { $0.isAtEnd ? $0.ending : nil }
        guard let ending else { throw failure("did not end in time") }
        return ending
    }

    /// Waits for a whole line that contains `text`.
    ///
    /// - Throws: `ServerProcess.Failure` when it ends without, or the deadline passes.
    public func firstLine(containing text: String) async throws -> String {
        let found: String?? = await wait { state in
            // A line that ends in CR LF ends in one Character, which is not "\n".
            let lines = state.text.split(
                omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            if let line = lines.dropLast().first(where: { $0.contains(text) }) {
                return .some(String(line))
            }
            return state.isAtEnd && state.ending != nil ? .some(nil) : nil
        }
        guard let answer = found else { throw failure("did not write '\(text)' in time") }
        guard let line = answer else { throw failure("ended without writing '\(text)'") }
        return line
    }

    /// Whether it has not ended yet.
    public var isRunning: Bool { state.withLock { $0.ending == nil } }

    /// Signals the process unless it is known to be gone: its number may be somebody else's then.
    private func signal(_ number: CInt) {
        state.withLock { state in
            if state.ending == nil { _ = Foundation.kill(process.processID, number) }
        }
    }

    private func failure(_ what: String) -> ServerProcess.Failure {
        ServerProcess.Failure(description: "\(command) \(what); it wrote:\n\(output)")
    }

    /// The first answer that `look` has to the state as it changes; `nil` after the deadline.
    private func wait<Answer: Sendable>(
        _ limitSeconds: Int = ServerProcess.deadlineSeconds,
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
            let deadline = DispatchTime.now() + .seconds(limitSeconds)
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
