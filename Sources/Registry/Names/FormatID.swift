/// The name of a package format, as it stands in addresses and flags: `generic`, `npm`, `oci`.
public struct FormatID: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    public let name: String

    /// A format of this name, which is lower-case letters and digits.
    public init(stringLiteral name: StaticString) {
        self.name = name.description
    }

    /// The name as a stored row has it.
    public init(stored name: String) {
        self.name = name
    }

    public var description: String { name }
}
