/// The engines that every contract is tested on.
public enum DatabaseKind: String, CaseIterable, Sendable {
    case sqlite
    case postgres

    /// Makes a database for one test: of this program's schema, or empty.
    ///
    /// - Parameter inMemory: whether a file of it need not be on a disk.
    public func makeDatabase(
        isMigrated: Bool = true, inMemory: Bool = false
    ) async throws -> TestDatabase {
        let database: TestDatabase
        switch self {
        case .sqlite:
            database = try TestDatabase.makeSQLite(inMemory: inMemory)
        case .postgres:
            // A copy of a migrated database is made faster than a migrated database.
            return try await TestDatabase.makePostgres(isMigrated: isMigrated)
        }
        if isMigrated { try await database.migrate() }
        return database
    }
}
