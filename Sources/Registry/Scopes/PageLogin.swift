/// A login that a program began and a person confirms on a page in a browser.
public struct PageLogin: Hashable, Sendable {
    /// How long a person has to confirm it, in seconds: 10 minutes.
    public static let lifetimeSeconds: Int64 = 600

    /// What the address of the page carries.
    public let request: String
    /// What the program that waits asks with. A secret: whoever has it gets the token.
    public let receipt: String

    public init(request: String, receipt: String) {
        self.request = request
        self.receipt = receipt
    }
}

/// What a person is to know before confirming a login.
public struct PageLoginRequest: Hashable, Sendable {
    /// The network address of the program that began it.
    public let address: String
    /// Whether the person's own requests come from that address.
    public let isFromHere: Bool
    public let beganAt: Timestamp
    /// When it can be confirmed no longer.
    public let expiresAt: Timestamp

    public init(address: String, isFromHere: Bool, beganAt: Timestamp, expiresAt: Timestamp) {
        self.address = address
        self.isFromHere = isFromHere
        self.beganAt = beganAt
        self.expiresAt = expiresAt
    }
}

/// A token as its user may know it: without its secret.
public struct CallerToken: Hashable, Sendable {
    public let id: Int64
    /// What its secret begins with, as every secret of its kind.
    public let prefix: String
    public let createdAt: Timestamp
    public let expiresAt: Timestamp?
    /// Whether nothing can be published with it.
    public let isReadOnly: Bool

    public init(
        id: Int64, prefix: String, createdAt: Timestamp, expiresAt: Timestamp?, isReadOnly: Bool
    ) {
        self.id = id
        self.prefix = prefix
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.isReadOnly = isReadOnly
    }
}
