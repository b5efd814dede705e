import Foundation
import GRDB
import Synchronization

/// Moves what was committed from the write-ahead log into the database file, beside the writer: SQLite
/// alone would do it in the commit that fills the log, and whoever writes then waits for it.
///
/// The log begins anew only when all of it was moved and nobody adds to it meanwhile. So the end of a
/// long one is moved in the writer's place, when only little is left to move.
///
/// *Source*: SQLite, "Write-Ahead Logging", sections 2.1 and 2.3.
final class SQLiteCheckpoints: Sendable {
    /// Frames (pages of 4 KiB) that wait to be moved before that is begun: 8 MiB.
    static let startFrameCount = 2048
    /// Frames of a log that is to begin anew: 32 MiB.
    static let restartFrameCount = 8192
    /// The most frames that should be moved in the writer's place: 1 MiB.
    static let restFrameCount = 256
    /// How often what was added meanwhile is moved beside the writer, before that is done in its place.
    static let passLimitCount = 4

    private let queue: DatabaseQueue
    private let watch: SQLiteStateWatch
    private let line = DispatchQueue(label: "packhouse.sqlite.checkpoint")
    private let isUnderWay = Mutex(false)

    /// For the file at `path`, which `watch` sees.
    init(path: String, _ watch: SQLiteStateWatch) throws {
        var configuration = Configuration()
        configuration.busyMode = .timeout(1)
        configuration.label = "packhouse.sqlite.checkpoint"
        queue = try DatabaseQueue(path: path, configuration: configuration)
        self.watch = watch
    }

    /// Begins when there is enough to move, unless it is under way. Does not block.
    func beginIfDue(_ writer: WorkerPool<SQLiteWriter>) {
        guard let log = watch.findLog(), log.leftCount >= Self.startFrameCount else { return }
        let isFirst = isUnderWay.withLock { isUnderWay in
            defer { isUnderWay = true }
            return !isUnderWay
        }
        guard isFirst else { return }
        line.async { [self] in moveFrames(writer) }
    }

    /// Waits for what is under way, and ends.
    func close() {
        line.sync {}
        // What cannot be closed is closed with the last reference.
        try? queue.close()
    }

    private func moveFrames(_ writer: WorkerPool<SQLiteWriter>) {
        for _ in 0..<Self.passLimitCount {
            moveFrames()
            guard let log = watch.findLog(), log.leftCount > Self.restFrameCount else { break }
        }
        guard let log = watch.findLog(), log.frameCount >= Self.restartFrameCount else {
            return finish()
        }
        // Who waits to write goes first.
        writer.runLater(
            isUrgent: false,
            { [self] _ in
                moveFrames()
                finish()
            }, orElse: { [self] in finish() })
    }

    /// What is not moved now stays in the log, where it is as safe, and is moved the next time.
    private func moveFrames() {
        _ = try? queue.inDatabase { database in
            try database.execute(sql: "PRAGMA wal_checkpoint(PASSIVE)")
        }
    }

    private func finish() {
        isUnderWay.withLock { $0 = false }
    }
}
