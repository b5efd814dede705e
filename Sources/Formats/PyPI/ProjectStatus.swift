import FormatKit
import Registry

/// What people should think of a whole project, as its maintainers say.
///
/// *Source*: PyPA, "Project status markers" (PEP 792).
struct ProjectStatus: Hashable, Sendable {
    enum Marker: String, Sendable, CaseIterable {
        case active
        /// Nothing will be published any more, and nothing can be.
        case archived
        /// Not safe to use: nothing can be published or downloaded.
        case quarantined
        /// Obsolete; everything goes on as before.
        case deprecated

        /// Whether files may be added.
        var takesFiles: Bool { self == .active || self == .deprecated }
    }

    /// The longest reason, in bytes.
    static let reasonLimitBytes = 1024

    var marker = Marker.active
    /// Why, in the maintainers' words.
    var reason: String?

    static let active = ProjectStatus()

    /// What is kept of it among the attributes of a package.
    var encoded: String {
        var members: [(name: String, value: JSONValue)] = []
        if marker != .active { members.append(("status", .string(marker.rawValue))) }
        if let reason { members.append(("status_reason", .string(reason))) }
        return JSONValue.object(members).text
    }
}

extension ProjectStatus {
    /// Reads the attributes of a package.
    ///
    /// - Throws: `internalError` for what this format never stores.
    init(stored text: String) throws(RegistryError) {
        self.init()
        guard text != "{}" else { return }
        var found = self
        do throws(RegistryError) {
            var scanner = JSONScanner(Array(text.utf8))
            try scanner.readObject { (member, scanner) throws(RegistryError) in
                switch member {
                case "status":
                    found.marker = Marker(rawValue: try scanner.readString()) ?? .active
                case "status_reason": found.reason = try scanner.readString()
                default: try scanner.skip()
                }
            }
        } catch {
            throw RegistryError(
                .internalError, "what is stored about a project cannot be read", cause: error)
        }
        self = found
    }

    /// The status of a name that several projects have: the most careful of theirs.
    init(of packages: [PackageRecord]) throws(RegistryError) {
        self.init()
        let order: [Marker] = [.active, .deprecated, .archived, .quarantined]
        for package in packages {
            let status = try ProjectStatus(stored: package.attributes)
            if order.firstIndex(of: status.marker) ?? 0 > order.firstIndex(of: marker) ?? 0 {
                self = status
            }
        }
    }
}
