/// What a database can fail with. Its words name statements and constraints: for logs, never for
/// clients (I10).
public struct DatabaseError: Error, Sendable, CustomStringConvertible {
    /// What a caller can do something about.
    public enum Kind: Hashable, Sendable {
        /// The database cannot be reached, is busy for too long, or stopped answering.
        case unavailable
        /// A commit was sent and no answer came: it may have taken effect or not.
        case unknownOutcome
        /// A row with the same key is there. `table` is the table's name; `constraint` is what the
        /// engine calls the key.
        case uniqueViolation(table: String, constraint: String)
        /// A row that is needed is not there, or a row that is still needed was removed.
        case foreignKeyViolation
        /// Another transaction stood in the way every time that this one was tried.
        case busy
        /// No space is left for the database's files.
        case storageFull
        /// The database was migrated by a newer version of the program.
        case schemaTooNew(found: Int, known: Int)
        case other
    }

    public let kind: Kind
    /// The engine's own words.
    public let message: String

    /// A failure of this kind.
    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    public var description: String { "\(kind): \(message)" }
}
