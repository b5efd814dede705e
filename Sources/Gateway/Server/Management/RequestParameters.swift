import FormatKit
import HTTPTypes
import NIOCore
import Registry

/// Reads the parameters of a request out of its query and its body, unchecked.
enum RequestParameters {
    /// The parameters of a query or a form; `name[]` repeats, `name[inner]` nests.
    static func read(_ query: RequestQuery) -> [String: JSONValue] {
        var root: JSONValue = .object([])
        for item in query.items {
            var names = item.name.split(
                separator: "[", maxSplits: nestingLimitCount, omittingEmptySubsequences: false
            ).map { $0.hasSuffix("]") ? String($0.dropLast()) : String($0) }
            let first = names.removeFirst()
            guard !first.isEmpty else { continue }
            root = insert(.string(item.value), at: [first] + names, into: root)
        }
        return members(of: root)
    }

    /// The parameters of a body, which is JSON or a form.
    ///
    /// - Throws: `malformed` when it is not what it says, `unsupportedMediaType` when it is
    ///   something else, and what reading it throws.
    static func read(
        _ body: consuming RequestBody, _ headers: HTTPFields
    ) async throws(RegistryError) -> [String: JSONValue] {
        let buffer = try await body.collect(limitBytes: ManagementLimits.bodyBytes)
        guard buffer.readableBytes > 0 else { return [:] }
        let mediaType = headers[.contentType]?.split(separator: ";").first.map {
            $0.trimmingPrefix { $0 == " " }.lowercased().filter { $0 != " " }
        }
        switch mediaType {
        case "application/json"?:
            guard let value = JSONValue(parsing: Array(buffer.readableBytesView)),
                case .object = value
            else { throw RegistryError.parameters("the body is not a JSON object") }
            return members(of: value)
        case "application/x-www-form-urlencoded"?:
            let text = String(buffer: buffer)
            return read(try RequestQuery(parsing: text))
        default:
            throw RegistryError(
                .unsupportedMediaType,
                "The provided content-type '\(mediaType ?? "")' is not supported; use "
                    + "'application/json' or 'application/x-www-form-urlencoded'.")
        }
    }

    /// How deep a form may nest.
    private static let nestingLimitCount = 4

    private static func members(of value: JSONValue) -> [String: JSONValue] {
        guard case .object(let members) = value else { return [:] }
        return Dictionary(members.map { ($0.name, $0.value) }) { _, last in last }
    }

    /// `container` with `value` at the end of `path`; an empty name appends to a list.
    private static func insert(
        _ value: JSONValue, at path: [String], into container: JSONValue
    ) -> JSONValue {
        guard let name = path.first else { return value }
        let rest = Array(path.dropFirst())
        if name.isEmpty {
            var elements: [JSONValue] = []
            if case .array(let known) = container { elements = known }
            return .array(elements + [insert(value, at: rest, into: .object([]))])
        }
        var members: [(name: String, value: JSONValue)] = []
        if case .object(let known) = container { members = known }
        let inner = insert(
            value, at: rest, into: members.first { $0.name == name }?.value ?? .object([]))
        members.removeAll { $0.name == name }
        return .object(members + [(name: name, value: inner)])
    }
}
