import Registry

/// Where a request goes: the result of the mount table.
struct Mount: Sendable {
    enum Surface: Sendable, Hashable {
        case format(String)
        case management
        case health
        case metrics
        /// Where registry tokens are fetched.
        case tokens
    }

    let surface: Surface
    /// The namespace that the address names; `nil` for the instance.
    let scope: NamespaceReference?
    /// Segments of the path in front of the tail.
    let prefixCount: Int

    /// What the address says behind the path of the project that it was found to name.
    func remainder(below project: NamespaceRecord?) -> [String] {
        guard case .longestProject(let segments) = scope, let project else { return [] }
        return Array(segments.dropFirst(project.path.segments.count))
    }
}

/// Turns paths into (surface, scope, tail). Every alias of an address is known here and nowhere else,
/// so a format never learns which one was used.
struct MountTable: Sendable {
    private let formats: Set<String>
    private let locators: [(format: String, locate: @Sendable (RequestPath) -> FormatLocation?)]

    private let tokenAddresses: [@Sendable (RequestPath) -> Bool]

    /// The table for these formats.
    init(formats: [any PackageFormat]) {
        self.formats = Set(formats.map { type(of: $0).id.name })
        self.locators = formats.map { Self.locator(of: $0) }
        self.tokenAddresses = formats.map { format in
            let kind = type(of: format)
            return { kind.isTokenAddress($0) }
        }
    }

    private static func locator<Format: PackageFormat>(
        of format: Format
    ) -> (format: String, locate: @Sendable (RequestPath) -> FormatLocation?) {
        (Format.id.name, { Format.locate($0) })
    }

    /// Where `path` leads, or `nil` when it leads nowhere.
    func resolve(_ path: RequestPath) -> Mount? {
        let segments = path.segments
        guard let first = segments.first else { return nil }
        if first == "livez" || first == "readyz" {
            return Mount(surface: .health, scope: nil, prefixCount: 0)
        }
        if segments == ["metrics"] { return Mount(surface: .metrics, scope: nil, prefixCount: 0) }
        if isTokenAddress(path) { return Mount(surface: .tokens, scope: nil, prefixCount: 2) }
        for locator in locators {
            if let location = locator.locate(path) {
                return Mount(
                    surface: .format(locator.format), scope: location.scope,
                    prefixCount: location.prefixCount)
            }
        }
        if segments.count >= 2, first == "api", segments[1] == "v4" {
            return resolveAPI(segments)
        }
        return resolveNative(segments)
    }

    /// The realm of the challenge, and what clients that do not read it ask instead.
    private func isTokenAddress(_ path: RequestPath) -> Bool {
        path.segments == ["jwt", "auth"] || tokenAddresses.contains { $0(path) }
    }

    /// `/{namespace path}/-/{format}/{tail}`, where the namespace path may be empty.
    private func resolveNative(_ segments: [String]) -> Mount? {
        guard let dash = segments.firstIndex(of: "-"), dash + 1 < segments.count,
            formats.contains(segments[dash + 1])
        else { return nil }
        let path = segments[..<dash].joined(separator: "/")
        return Mount(
            surface: .format(segments[dash + 1]),
            scope: path.isEmpty ? nil : .path(path, nil), prefixCount: dash + 2)
    }

    /// GitLab's addresses: `/api/v4/projects/:id/packages/{format}/{tail}` and its kin; what is none
    /// of them is the management API's.
    private func resolveAPI(_ segments: [String]) -> Mount {
        if segments.count >= 6, segments[2] == "projects", segments[4] == "packages",
            formats.contains(segments[5])
        {
            return Mount(
                surface: .format(segments[5]),
                scope: Self.reference(segments[3], .project), prefixCount: 6)
        }
        if segments.count >= 7, segments[2] == "groups", segments[4] == "-",
            segments[5] == "packages", formats.contains(segments[6])
        {
            return Mount(
                surface: .format(segments[6]),
                scope: Self.reference(segments[3], .group), prefixCount: 7)
        }
        if segments.count >= 4, segments[2] == "packages", formats.contains(segments[3]) {
            return Mount(surface: .format(segments[3]), scope: nil, prefixCount: 4)
        }
        return Mount(surface: .management, scope: nil, prefixCount: 2)
    }

    /// GitLab's `:id`: a number, or the path with its slashes percent-encoded.
    static func reference(_ id: String, _ kind: NamespaceKind) -> NamespaceReference {
        Int64(id).map { .id($0, kind) } ?? .path(id, kind)
    }
}
