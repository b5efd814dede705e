/// The engines that every contract is tested on.
public enum DatabaseKind: String, CaseIterable, Sendable {
    case sqlite
    case postgres

    /// Makes a database for one test: of this program's schema, or empty.
    public func makeDatabase(isMigrated: Bool = true) async throws -> TestDatabase {
        let database: TestDatabase
        switch self {
        case .sqlite:
            database = try TestDatabase.makeSQLite()
        case .postgres:
            // A copy of a migrated database is made faster than a migrated database.
            return try await TestDatabase.makePostgres(isMigrated: isMigrated)
        }
        if isMigrated { try await database.migrate() }
        return database
    }
}
