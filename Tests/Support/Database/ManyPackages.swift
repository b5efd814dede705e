import Database

/// Packages of which a test needs very many, each with a version and without files: put into the
/// database past every rule, by two statements.
public enum ManyPackages {
    /// The name of the package with this number, from 1; in bytewise order as the numbers are.
    public static func name(_ number: Int) -> String {
        "tool-\(String(firstNumber + number).dropFirst())"
    }

    /// Inserts packages into the project at `path`.
    ///
    /// - Parameters:
    ///   - count: below a million.
    ///   - address: the path of a SQLite file, or the address of a Postgres database, of this
    ///     program's schema; a server may have it open.
    public static func insert(
        _ count: Int, format: String, intoProject path: String, on kind: DatabaseKind,
        at address: String
    ) async throws {
        let engine: any SQLEngine =
            switch kind {
            case .sqlite: try SQLiteEngine(path: address)
            case .postgres: PostgresEngine(url: address)
            }
        do {
            try await engine.write(observer: nil) { session in
                try session.execute(
                    """
                    WITH RECURSIVE numbers (n) AS (
                        SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < \(count)),
                    named (name) AS (
                        SELECT 'tool-' || substr('' || (\(firstNumber) + n), 2)
                        FROM numbers)
                    INSERT INTO packages (project_id, format, name, name_key, revision,
                        created_at, updated_at, address)
                    SELECT p.id, \(format), named.name, named.name, 1, 0, 0,
                        p.path || '/' || named.name
                    FROM named, namespaces p WHERE p.path = \(path)
                    """)
                try session.execute(
                    """
                    INSERT INTO versions (package_id, name, status, attributes, creator, created_at)
                    SELECT p.id, '1.0', 'default', '{}', 'test', 0 FROM packages p
                    WHERE p.format = \(format) AND p.name LIKE 'tool-%'
                    """)
                // As the database does by itself some time after so many rows: until then it plans
                // for an empty table.
                try session.execute("ANALYZE")
            }
            await engine.close()
        } catch {
            await engine.close()
            throw error
        }
    }

    /// What is added to numbers so that all of them have the same number of digits.
    private static let firstNumber = 1_000_000
}
