/// Where a store keeps one blob. A key is used for one write and never again (I2), so removing what
/// an old key names cannot touch what a new push of the same content wrote.
public struct StorageKey: Hashable, Sendable, CustomStringConvertible {
    /// The key as it stands in the `blobs` table: `sha256/ab/cd/abcd…-nonce`.
    public let description: String

    /// The key as a stored row or a store has it.
    public init(stored description: String) {
        self.description = description
    }
}
