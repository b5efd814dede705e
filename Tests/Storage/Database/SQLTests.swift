import Database
import Testing

@Suite("Statements")
struct SQLTests {
    @Test func bindsValues() {
        let name = "'; DROP TABLE x"
        let statement: SQL = "SELECT \(raw: "a") FROM x WHERE b = \(name) AND c = \(nil as Int64?)"
        #expect(statement.text == "SELECT a FROM x WHERE b = $1 AND c = $2")
        #expect(statement.values == [.text(name), .null])
    }

    @Test func numbersThroughFragments() {
        let inner: SQL = "(b = \(2) OR c = \(3))"
        let list = SQL.list(["x", "y"])
        let whole: SQL = "a = \(1) AND \(inner) AND d IN \(list) AND e = \(4)"
        #expect(whole.text == "a = $1 AND (b = $2 OR c = $3) AND d IN ($4, $5) AND e = $6")
        #expect(
            whole.values == [
                .integer(1), .integer(2), .integer(3), .text("x"), .text("y"), .integer(4),
            ])
    }

    @Test(arguments: SQLDialect.allCases)
    func expandsTokens(_ dialect: SQLDialect) {
        let isSQLite = dialect == .sqlite
        #expect(
            dialect.expand("a {text}, b {") == "a \(isSQLite ? "TEXT" : "TEXT COLLATE \"C\""), b {")
        #expect(dialect.expand("{bytes}") == (isSQLite ? "BLOB" : "BYTEA"))
        #expect(dialect.expand("'{}' {unknown} {integer}").hasPrefix("'{}' {unknown} "))
    }

    @Test func rowsKnowTheirTypes() throws {
        var row = SQLRow([.integer(1), .null, .text("x")])
        #expect(throws: DatabaseError.self) { try row.text() }
        #expect(try row.optionalText() == nil)
        #expect(throws: DatabaseError.self) { try row.bytes() }
        #expect(throws: DatabaseError.self) { try row.next() }
    }
}
