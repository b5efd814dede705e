/// A row of `page_logins`: a login that a person confirmed on a page, and whose token the program that
/// began it has yet to fetch, or has fetched.
public struct PageLoginRecord: Hashable, Sendable {
    /// SHA-256 of what the program fetches the token with, in hexadecimal.
    public let receiptHash: String
    public let userID: Int64
    /// What the user's password was: see `CredentialBinding`. The login ends with it.
    public let passwordDigest: String
    /// Until when the token can be fetched.
    public let expiresAt: Timestamp

    public init(
        receiptHash: String, userID: Int64, passwordDigest: String, expiresAt: Timestamp
    ) {
        self.receiptHash = receiptHash
        self.userID = userID
        self.passwordDigest = passwordDigest
        self.expiresAt = expiresAt
    }
}

/// Queries on `page_logins`.
public protocol PageLoginReading {
    /// Whether the login was confirmed; `nil` when it was not, or its time is long over.
    ///
    /// - Returns: whether its token can still be fetched.
    func findPageLogin(receiptHash: String, at now: Timestamp) throws -> Bool?
    /// Logins of the user that were confirmed and not fetched at `now`.
    func countPageLogins(userID: Int64, at now: Timestamp) throws -> Int
}

/// Changes of `page_logins`.
public protocol PageLoginWriting: PageLoginReading {
    /// Inserts a confirmed login, and removes those whose time was over at `now`.
    ///
    /// - Throws: `conflict` when it was confirmed already.
    func insertPageLogin(_ login: PageLoginRecord, at now: Timestamp) throws
    /// Marks a confirmed login as fetched. Of several at a time, one gets it.
    ///
    /// - Returns: the login; `nil` when there is none to be fetched.
    func takePageLogin(receiptHash: String, at now: Timestamp) throws -> PageLoginRecord?
}
