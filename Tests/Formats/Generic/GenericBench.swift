import GenericFormat
import HTTPTypes
import Registry
import TestSupport

/// The generic format on a scope in memory.
struct GenericBench {
    let format = GenericFormat()
    let scope: InMemoryScope

    init(isUnion: Bool = false, allowsReplacing: Bool = false) {
        scope = InMemoryScope(isUnion: isUnion, allowsReplacing: allowsReplacing)
    }

    /// Sends a request; see `GenericClient`.
    func send(
        _ method: HTTPRequest.Method, _ target: String, _ headers: HTTPFields = [:],
        body: String? = nil, announcesLength: Bool = true
    ) async throws -> GenericClient.Answer {
        try await GenericClient(scope: scope).send(
            method, target, headers, body: body, announcesLength: announcesLength)
    }
}

/// Parses, handles and renders as the gateway would, with access granted.
struct GenericClient: Sendable {
    let format = GenericFormat()
    let scope: any ScopeHandle

    /// An answer, with its body in memory.
    struct Answer {
        let status: Int
        let headers: HTTPFields
        let body: [UInt8]
        /// How often the request's body was read.
        let readCount: Int

        var text: String { String(decoding: body, as: UTF8.self) }
    }

    static func head(
        _ method: HTTPRequest.Method, _ target: String, _ headers: HTTPFields = [:]
    ) throws(RegistryError) -> RequestHead {
        let halves = target.split(separator: "?", maxSplits: 1)
        return RequestHead(
            method: method, tail: try RequestPath(parsing: halves[0]),
            query: try RequestQuery(parsing: halves.count == 2 ? halves[1] : ""),
            headers: headers,
            origin: PublicOrigin(scheme: "https", authority: "packages.example"),
            mountPath: "/acme/web/-/generic", requestID: "r1")
    }

    static func parse(
        _ method: HTTPRequest.Method, _ target: String
    ) throws(RegistryError) -> GenericOperation? {
        try GenericFormat().parse(try head(method, target))
    }

    /// Sends a request. `announcesLength` is false for a chunked body.
    func send(
        _ method: HTTPRequest.Method, _ target: String, _ headers: HTTPFields = [:],
        body: String? = nil, announcesLength: Bool = true
    ) async throws -> Answer {
        var headers = headers
        let bytes = Array((body ?? "").utf8)
        if body != nil && announcesLength && headers[.contentLength] == nil {
            headers[.contentLength] = String(bytes.count)
        }
        let source = ScriptedBody(bytes)
        let head = try Self.head(method, target, headers)
        let response = await respond(head, source)
        return Answer(
            status: response.status.code, headers: response.headers,
            body: try await response.body.collect(), readCount: source.readCount)
    }

    private func respond(_ head: RequestHead, _ source: ScriptedBody) async -> FormatResponse {
        do throws(RegistryError) {
            guard let operation = try format.parse(head) else {
                throw RegistryError(.notFound, "no route")
            }
            let body = RequestBody(source: source, limitBytes: operation.bodyLimitBytes)
            return try await format.handle(operation, head, body: body, in: scope)
        } catch {
            return format.render(error, for: head)
        }
    }
}

extension FileAddress {
    /// `/package/version/path…`
    init(_ target: String) {
        let parts = target.split(separator: "/", maxSplits: 2).map(String.init)
        self.init(format: "generic", package: parts[0], version: parts[1], path: parts[2])
    }
}
