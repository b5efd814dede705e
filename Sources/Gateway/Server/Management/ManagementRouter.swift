import HTTPTypes
import Registry

/// Finds the endpoint of an address: a tree of path segments, built once. A literal segment wins
/// over a parameter.
struct ManagementRouter: Sendable {
    /// What an address leads to.
    struct Match: Sendable {
        /// The endpoints of the address, one for each method.
        let endpoints: [ManagementEndpoint]
        /// The values of the segments that are parameters, in order.
        let values: [String]
    }

    private final class Node: Sendable {
        let literals: [String: Node]
        let parameter: Node?
        let endpoints: [ManagementEndpoint]

        init(_ routes: [(segments: ArraySlice<String>, endpoint: ManagementEndpoint)]) {
            endpoints = routes.filter(\.segments.isEmpty).map(\.endpoint)
            let deeper = routes.filter { !$0.segments.isEmpty }
            let grouped = Dictionary(grouping: deeper) { route in
                route.segments.first.map { $0.hasPrefix(":") ? ":" : $0 } ?? ""
            }.mapValues { routes in
                Node(routes.map { ($0.segments.dropFirst(), $0.endpoint) })
            }
            parameter = grouped[":"]
            literals = grouped.filter { $0.key != ":" }
        }
    }

    private let root: Node

    init(_ endpoints: [ManagementEndpoint]) {
        root = Node(endpoints.map { (ArraySlice($0.segments), $0) })
    }

    /// What the address leads to, or `nil`.
    func match(_ segments: [String]) -> Match? {
        Self.match(segments[...], at: root, values: [])
    }

    /// The endpoint of the address for `method`, with the parameters of its path; HEAD is GET.
    ///
    /// - Throws: `methodNotAllowed` for an address that has other methods.
    func find(
        _ method: HTTPRequest.Method, _ segments: [String]
    ) throws(RegistryError) -> (endpoint: ManagementEndpoint, path: [String: String])? {
        guard let match = match(segments) else { return nil }
        let wanted = method == .head ? .get : method
        guard let endpoint = match.endpoints.first(where: { $0.method == wanted }) else {
            let methods = match.endpoints.flatMap { endpoint in
                endpoint.method == .get ? ["GET", "HEAD"] : [endpoint.method.rawValue]
            }
            throw RegistryError(
                .methodNotAllowed, "this address does not take \(method.rawValue)",
                headers: [.allow: methods.sorted().joined(separator: ", ")])
        }
        let names = endpoint.segments.filter { $0.hasPrefix(":") }.map { String($0.dropFirst()) }
        return (
            endpoint, Dictionary(zip(names, match.values)) { _, last in last }
        )
    }

    private static func match(
        _ segments: ArraySlice<String>, at node: Node, values: [String]
    ) -> Match? {
        guard let first = segments.first else {
            return node.endpoints.isEmpty
                ? nil : Match(endpoints: node.endpoints, values: values)
        }
        let rest = segments.dropFirst()
        if let next = node.literals[first], let found = match(rest, at: next, values: values) {
            return found
        }
        return node.parameter.flatMap { match(rest, at: $0, values: values + [first]) }
    }
}
