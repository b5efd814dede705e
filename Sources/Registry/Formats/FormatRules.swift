/// What each format says of the names and the statuses of its packages.
public struct FormatRules: Sendable {
    private let kinds: [FormatID: any PackageFormat.Type]

    public init(_ formats: [any PackageFormat]) {
        kinds = Dictionary(
            formats.map { format in
                let kind: any PackageFormat.Type = type(of: format)
                return (kind.id, kind)
            }, uniquingKeysWith: { first, _ in first })
    }

    /// Whether a version or tag of this name comes before a release.
    public func isPrerelease(_ name: String, of format: FormatID) -> Bool {
        kinds[format]?.isPrerelease(name) ?? Self.isPrerelease(name)
    }

    /// The statuses that a version can be given.
    public func statuses(of format: FormatID) -> [VersionStatus] {
        kinds[format]?.statuses ?? Self.statuses
    }

    /// The statuses of formats that say nothing about them.
    static let statuses: [VersionStatus] = [.default, .hidden, .deprecated]

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
