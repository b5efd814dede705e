import FormatKit
import HTTPTypes
import Registry

/// What an address of the distribution specification names.
///
/// Names of repositories may contain every word that the addresses are made of, and so a path is read
/// from its end: `/v2/tags/list/manifests/tags/list` lists the tags of `tags/list/manifests`.
enum OCIPath: Hashable {
    case root
    case catalogue
    case manifest([String], String)
    case tags([String])
    case referrers([String], String)
    case uploads([String])
    case upload([String], String)
    case blob([String], String)

    /// Reads what stands behind `/v2`; `nil` when it is none of the specification's addresses.
    init?(parsing segments: [String]) {
        switch segments.count {
        case 0: self = .root
        case 1:
            guard segments[0] == "_catalog" else { return nil }
            self = .catalogue
        default:
            guard let path = OCIPath(inRepository: segments) else { return nil }
            self = path
        }
    }

    private init?(inRepository segments: [String]) {
        let last = segments[segments.count - 1]
        let kind = segments[segments.count - 2]
        let name = Array(segments.dropLast(2))
        switch (kind, last) {
        case ("tags", "list"): self = .tags(name)
        case ("manifests", _): self = .manifest(name, last)
        case ("referrers", _): self = .referrers(name, last)
        case ("blobs", "uploads"): self = .uploads(name)
        case ("uploads", _) where name.last == "blobs": self = .upload(name.dropLast(), last)
        case ("blobs", _): self = .blob(name, last)
        default: return nil
        }
        if repository?.isEmpty ?? true { return nil }
    }

    /// The name of the repository, in segments; `nil` for an address of the whole instance.
    var repository: [String]? {
        switch self {
        case .root, .catalogue: nil
        case .manifest(let name, _), .tags(let name), .referrers(let name, _), .uploads(let name),
            .upload(let name, _), .blob(let name, _):
            name
        }
    }

    /// The methods that the address takes, and what it is called where it does not take one.
    var methods: (subject: String, allowed: [HTTPRequest.Method]) {
        switch self {
        case .root: ("the root takes", [.get, .head])
        case .catalogue: ("the catalogue takes", [.get, .head])
        case .manifest: ("a manifest takes", [.get, .head, .put, .delete])
        case .tags: ("a list of tags takes", [.get, .head])
        case .referrers: ("a list of referrers takes", [.get, .head])
        case .uploads: ("uploads are begun with", [.post])
        case .upload: ("an upload takes", [.get, .head, .patch, .put, .delete])
        case .blob: ("a blob takes", [.get, .head, .delete])
        }
    }
}

extension RegistryError {
    /// The refusal of a method, with those that an address takes.
    static func methodNotAllowed(
        _ method: HTTPRequest.Method, _ subject: String, _ allowed: [HTTPRequest.Method]
    ) -> RegistryError {
        let list = allowed.map(\.rawValue).joined(separator: ", ")
        return RegistryError(
            .methodNotAllowed, "\(subject) \(list), not \(method.rawValue)",
            headers: [.allow: list])
    }
}
