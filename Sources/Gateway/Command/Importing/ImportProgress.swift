import Foundation
import Registry
import Synchronization

/// How far an import is, and its line for people: a bar on a terminal, else a line every few seconds.
final class ImportProgress: Sendable {
    /// How often the bar is drawn.
    static let barInterval = Duration.milliseconds(200)
    /// How often a line is written where there is no terminal.
    static let lineInterval = Duration.seconds(5)
    /// Characters of the bar.
    static let barWidth = 24

    /// What there is to do, and what was done of it.
    struct State: Sendable {
        /// What is being done now: `reading`, `importing`.
        var phase = "reading"
        var totalBytes: Int64 = 0
        var totalCount = 0
        /// Bytes that are there, read now or before.
        var doneBytes: Int64 = 0
        /// Manifests, or repositories while they are being read.
        var doneCount = 0
        /// Bytes that were read now, for the rate.
        var readBytes: Int64 = 0
        /// When the phase began.
        var begin = ContinuousClock.now
        /// Whether a bar stands on the terminal's last line.
        var isDrawn = false
    }

    private let state = Mutex(State())
    private let isTerminal: Bool
    private let write: @Sendable (String) -> Void

    /// - Parameter write: takes text for the error output, as it is.
    init(
        isTerminal: Bool = isatty(2) == 1,
        write: @escaping @Sendable (String) -> Void = { text in
            // Nobody has to listen.
            try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
        }
    ) {
        self.isTerminal = isTerminal
        self.write = write
    }

    /// Begins a phase.
    func begin(_ phase: String, totalBytes: Int64 = 0, totalCount: Int) {
        state.withLock { state in
            let isDrawn = state.isDrawn
            state = State()
            state.isDrawn = isDrawn
            (state.phase, state.totalBytes, state.totalCount) = (phase, totalBytes, totalCount)
        }
    }

    /// Bytes were read.
    func read(_ bytes: Int64) {
        state.withLock { state in
            state.readBytes += bytes
            state.doneBytes += bytes
        }
    }

    /// Bytes need not be read, because they are there or because something is wrong with them.
    func skip(_ bytes: Int64) {
        state.withLock { $0.doneBytes += bytes }
    }

    /// Items were finished.
    func finish(_ count: Int = 1) {
        state.withLock { $0.doneCount += count }
    }

    /// Writes a line that stays.
    func note(_ text: String) {
        let isDrawn = state.withLock { state in
            defer { state.isDrawn = false }
            return state.isDrawn
        }
        write((isDrawn ? Self.clearLine : "") + text + "\n")
    }

    /// Runs `body` and shows meanwhile how far it is.
    func showing<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let interval = isTerminal ? Self.barInterval : Self.lineInterval
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                // Cancelled as soon as the work is done.
                while (try? await Task.sleep(for: interval)) != nil { self.show() }
                return nil
            }
            defer {
                group.cancelAll()
                clear()
            }
            while let value = try await group.next() {
                if let value { return value }
            }
            throw CancellationError()
        }
    }

    private func show() {
        let text = state.withLock { state in
            state.isDrawn = isTerminal
            return Self.line(state, at: ContinuousClock.now)
        }
        write(isTerminal ? Self.clearLine + text : text + "\n")
    }

    /// Removes the bar, so that something else can be written.
    func clear() {
        let isDrawn = state.withLock { state in
            defer { state.isDrawn = false }
            return state.isDrawn
        }
        if isDrawn { write(Self.clearLine) }
    }

    /// Goes to the line's begin and removes what stands there.
    private static let clearLine = "\r\u{1B}[2K"

    /// `importing [=====>   ] 43%  1.2 GiB of 2.8 GiB  41 of 97  310.0 MiB/s  0:05 left`
    static func line(_ state: State, at now: ContinuousClock.Instant) -> String {
        // How much there is to do is not always known.
        guard state.totalBytes > 0 || state.totalCount > 0 else {
            return "\(state.phase)  \(state.doneCount)"
        }
        let done =
            state.totalBytes > 0
            ? Double(state.doneBytes) / Double(state.totalBytes)
            : Double(state.doneCount) / Double(max(1, state.totalCount))
        let share = min(1, max(0, done))
        let filled = Int(share * Double(barWidth))
        let bar =
            String(repeating: "=", count: filled) + (filled < barWidth ? ">" : "")
            + String(repeating: " ", count: max(0, barWidth - filled - 1))
        var parts = ["\(state.phase) [\(bar)] \(Int(share * 100))%"]
        if state.totalBytes > 0 {
            parts.append("\(ByteCount(state.doneBytes)) of \(ByteCount(state.totalBytes))")
        }
        parts.append("\(state.doneCount) of \(state.totalCount)")
        let seconds = (now - state.begin) / .seconds(1)
        if state.readBytes > 0, seconds > 0 {
            let rate = Double(state.readBytes) / seconds
            parts.append("\(ByteCount(Int64(rate)))/s")
            let rest = Double(max(0, state.totalBytes - state.doneBytes)) / rate
            parts.append("\(time(rest)) left")
        }
        return parts.joined(separator: "  ")
    }

    /// `1:02:05`, `2:05`.
    private static func time(_ seconds: Double) -> String {
        let whole = Int(min(seconds, Double(Int32.max)).rounded(.up))
        let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(rest))" : "\(minutes):\(two(rest))"
    }
}
