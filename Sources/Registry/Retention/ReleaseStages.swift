/// What each format says of the names of its versions and tags: which come before a release.
public struct ReleaseStages: Sendable {
    private let byFormat: [FormatID: @Sendable (String) -> Bool]

    public init(_ formats: [any PackageFormat]) {
        byFormat = Dictionary(
            formats.map { format in
                let kind = type(of: format)
                let rule: @Sendable (String) -> Bool = { name in kind.isPrerelease(name) }
                return (kind.id, rule)
            }, uniquingKeysWith: { first, _ in first })
    }

    /// Whether a version or tag of this name comes before a release.
    public func isPrerelease(_ name: String, of format: FormatID) -> Bool {
        byFormat[format]?(name) ?? Self.isPrerelease(name)
    }

    /// The rule for formats that have none of their own: a number, and a hyphen behind it. What
    /// stands behind a plus says nothing: `1.0.0-rc.1` and `1.0-SNAPSHOT` do, `1.0.0+build-7` does
    /// not, and neither does `nightly-2`.
    ///
    /// *Source*: Semantic Versioning 2.0.0, sections 9 and 10.
    public static func isPrerelease(_ name: String) -> Bool {
        var rest = name.utf8[...]
        if let first = rest.first, first == UInt8(ascii: "v") || first == UInt8(ascii: "V") {
            rest = rest.dropFirst()
        }
        guard let first = rest.first, (48...57).contains(first) else { return false }
        rest = rest.drop { (48...57).contains($0) || $0 == UInt8(ascii: ".") }
        return rest.first == UInt8(ascii: "-")
    }
}
