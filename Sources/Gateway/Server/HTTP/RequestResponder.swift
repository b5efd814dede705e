public import HTTPTypes
public import Registry

/// A request as it came off the connection, before anybody interpreted it.
public struct IncomingRequest: Sendable {
    public let method: HTTPRequest.Method
    /// The request target as sent: path and query, with every escape intact.
    public let target: String
    /// The `Host` header or the `:authority` of HTTP/2.
    public let authority: String?
    public let headers: HTTPFields
    /// Whether the connection to the client, or to the proxy in front, is TLS.
    public let isSecure: Bool
    /// The address of the other end of the connection, without port.
    public let peerAddress: String

    public init(
        method: HTTPRequest.Method, target: String, authority: String?, headers: HTTPFields,
        isSecure: Bool, peerAddress: String
    ) {
        self.method = method
        self.target = target
        self.authority = authority
        self.headers = headers
        self.isSecure = isSecure
        self.peerAddress = peerAddress
    }
}

/// Answers requests. Total: whatever goes wrong is an answer, too.
public protocol RequestResponder: Sendable {
    /// The answer to `request`; what is found out on the way is noted in `trace`.
    func respond(
        to request: IncomingRequest, body: any RequestBodySource, trace: RequestTrace
    ) async -> FormatResponse
}
