import GRDB
import GRDBSQLite
import Synchronization

/// Sees whether anything was committed to a SQLite file, by this process or another, without a lock
/// or a system call: it looks at what every connection to the file shares and every commit changes,
/// the header of the index of its write-ahead log.
///
/// *Source*: SQLite, "WAL-mode File Format", sections 2.1 and 2.2 (the WAL-index header); the memory is the
/// one that SQLite's own connection has mapped ("OS Interface", `xShmMap`).
final class SQLiteStateWatch: @unchecked Sendable {
    /// Bytes of the part of the index that begins with the header.
    private static let regionBytes: CInt = 32 * 1024
    /// Bytes of a header; two copies of it follow each other.
    private static let headerBytes = 48

    /// The words of a header.
    private struct Header: Equatable {
        var first: SIMD4<UInt64>
        var rest: SIMD2<UInt64>

        init(_ bytes: UnsafeRawPointer) {
            first = bytes.loadUnaligned(as: SIMD4<UInt64>.self)
            rest = bytes.loadUnaligned(fromByteOffset: 32, as: SIMD2<UInt64>.self)
        }

        /// Whether the index is in use: `isInit`, the byte at offset 12.
        var isInitialized: Bool { first[1] >> 32 & 0xFF != 0 }
    }

    private struct State {
        /// `nil` when there is nothing to look at.
        var region: UnsafeRawPointer?
        var seen: Header?
        var mark: Int64 = 0
    }

    private let queue: DatabaseQueue
    private let state: Mutex<State>

    /// Watches the file at `path`, which is in WAL mode.
    init(path: String) throws {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(1)
        configuration.label = "packhouse.sqlite.watch"
        queue = try DatabaseQueue(path: path, configuration: configuration)
        let region = try queue.inDatabase { database in
            // Reading opens the index.
            _ = try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM sqlite_schema")
            return Self.findRegion(database.sqliteConnection).map { Int(bitPattern: $0) }
        }
        state = Mutex(State(region: region.flatMap { UnsafeRawPointer(bitPattern: $0) }))
    }

    /// As long as this number is the same, nothing was committed; `nil` when that cannot be told,
    /// as in the moment of a commit.
    func findMark() -> Int64? {
        state.withLock { state in
            guard let region = state.region else { return nil }
            // A writer writes the second copy first: when the two are the same, neither is being
            // written.
            let header = Header(region)
            atomicMemoryFence(ordering: .sequentiallyConsistent)
            guard header == Header(region + Self.headerBytes), header.isInitialized else {
                return nil
            }
            if state.seen != header {
                state.seen = header
                state.mark += 1
            }
            return state.mark
        }
    }

    /// How long the log is, and how much of it is in the database file; `nil` when that cannot be told
    /// now. Both may have grown by the time that somebody reads it.
    func findLog() -> Log? {
        state.withLock { state in
            guard let region = state.region else { return nil }
            return Log(
                frameCount: Int(region.load(fromByteOffset: Log.frameOffset, as: UInt32.self)),
                movedCount: Int(region.load(fromByteOffset: Log.movedOffset, as: UInt32.self)))
        }
    }

    /// The write-ahead log, in frames: one is a page.
    struct Log {
        /// Where the header has `mxFrame`.
        static let frameOffset = 16
        /// Where `nBackfill` stands behind the two headers.
        static let movedOffset = 96

        let frameCount: Int
        let movedCount: Int

        /// Frames that are not in the database file yet.
        var leftCount: Int { max(0, frameCount - movedCount) }
    }

    /// Stops watching.
    func close() {
        state.withLock { $0.region = nil }
        // What cannot be closed is closed with the last reference.
        try? queue.close()
    }

    private static func findRegion(_ connection: OpaquePointer?) -> UnsafeMutableRawPointer? {
        var file: UnsafeMutablePointer<sqlite3_file>?
        guard
            sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK,
            let file, let methods = file.pointee.pMethods, methods.pointee.iVersion >= 2,
            let map = methods.pointee.xShmMap
        else { return nil }
        var region: UnsafeMutableRawPointer?
        guard map(file, 0, regionBytes, 0, &region) == SQLITE_OK else { return nil }
        return region
    }
}
