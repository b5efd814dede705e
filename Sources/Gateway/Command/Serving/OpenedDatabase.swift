import Database
import Foundation
import Logging
import MetadataStorage
import Registry

/// The configured database, open.
struct OpenedDatabase: Sendable {
    let metadata: SQLMetadataStore
    /// What to call the database in messages, without a password.
    private let name: String

    /// Opens the database, whatever schema it has.
    ///
    /// - Parameter mayCreate: whether SQLite may make a file where there is none.
    /// - Throws: `CommandError` when it cannot be reached.
    static func open(
        _ settings: Settings, mayCreate: Bool,
        logger: Logger = Logger(label: "packhouse") { _ in SwiftLogNoOpLogHandler() }
    ) async throws -> OpenedDatabase {
        switch settings.database {
        case .sqlite(let path):
            return try openFile(path, settings, mayCreate: mayCreate)
        case .postgres(let url):
            var limits = PostgresEngine.Limits()
            limits.connectionCount = settings.databaseConnections
            let engine = PostgresEngine(url: url, limits: limits, logger: logger)
            return OpenedDatabase(
                metadata: SQLMetadataStore(engine: engine, periods: settings.periods),
                name: Setting.databaseURL.shown(url))
        }
    }

    private static func openFile(
        _ path: String, _ settings: Settings, mayCreate: Bool
    ) throws -> OpenedDatabase {
        guard mayCreate || FileManager.default.fileExists(atPath: path) else {
            throw CommandError(
                "there is no database at \(path); start 'packhouse serve' or run 'packhouse "
                    + "migrate' first, or name the folder of another with --data")
        }
        try makeDataFolder(settings)
        do {
            var limits = SQLiteEngine.Limits()
            limits.readerCount = max(1, settings.databaseConnections - 1)
            let engine = try SQLiteEngine(path: path, limits: limits)
            return OpenedDatabase(
                metadata: SQLMetadataStore(engine: engine, periods: settings.periods),
                name: path)
        } catch {
            throw CommandError("cannot open the database \(path): \(error)")
        }
    }

    /// Makes the data folder where there is none, for its owner alone.
    static func makeDataFolder(_ settings: Settings) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: settings.dataFolder, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        } catch {
            throw CommandError(
                "cannot make the data folder \(settings.dataFolder): "
                    + "\(error.localizedDescription); name another with --data")
        }
    }

    /// Opens a database that has the schema of this program already. Its periods are those that a
    /// server was started with last, so that a command deletes nothing earlier than servers do.
    static func openExisting(_ settings: Settings) async throws -> OpenedDatabase {
        let opened = try await open(settings, mayCreate: false)
        do {
            guard try await opened.status().pending.isEmpty else {
                throw CommandError(
                    "the database \(opened.name) has an older schema than this program; run "
                        + "'packhouse migrate' first")
            }
            guard let periods = try await opened.metadata.read({ try $0.findAdoptedPeriods() })
            else { return opened }
            return OpenedDatabase(
                metadata: opened.metadata.counting(periods), name: opened.name)
        } catch {
            await opened.close()
            throw error
        }
    }

    /// Applies what is pending, under a lock.
    func migrate() async throws -> MigrationStatus {
        try await explainingFailure { try await metadata.migrate() }
    }

    /// What was applied and what is pending.
    func status() async throws -> MigrationStatus {
        try await explainingFailure { try await metadata.migrationStatus() }
    }

    func close() async {
        await metadata.close()
    }

    /// Runs `body`, and closes the database whatever comes of it.
    func closing(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch {
            await close()
            throw error
        }
        await close()
    }

    private func explainingFailure<Value>(
        _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let error as RegistryError {
            let advice =
                error.code == .unavailable ? "; is it running, and is --database-url right?" : ""
            throw CommandError(
                "cannot use the database \(name): \(Console.describe(error))\(advice)")
        }
    }
}
