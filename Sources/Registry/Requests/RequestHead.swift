public import HTTPTypes

/// The head of a request as a format sees it, whichever of its addresses the client used.
public struct RequestHead: Sendable {
    public let method: HTTPRequest.Method
    /// What stands behind the format's prefix, decoded.
    public let tail: RequestPath
    public let query: RequestQuery
    public let headers: HTTPFields
    /// What URLs in the answer begin with.
    public let origin: PublicOrigin
    /// The prefix of the address in use, from the origin to the tail, as the client spelled it and
    /// without a slash at its end: `/acme/web/-/generic`, `/api/v4/projects/7/packages/generic`.
    public let mountPath: String
    /// Names this request in logs and in answers.
    public let requestID: String

    public init(
        method: HTTPRequest.Method, tail: RequestPath, query: RequestQuery, headers: HTTPFields,
        origin: PublicOrigin, mountPath: String, requestID: String
    ) {
        self.method = method
        self.tail = tail
        self.query = query
        self.headers = headers
        self.origin = origin
        self.mountPath = mountPath
        self.requestID = requestID
    }

    /// The absolute URL of `segments` below the address in use, so that the credential and the host
    /// that brought the client here serve there as well.
    public func url(forTail segments: [String]) -> String {
        "\(origin)\(mountPath)" + segments.map { "/" + PercentEncoding.encode($0) }.joined()
    }

    /// The declared size of the body, in bytes; `nil` when the client did not say.
    public var contentLength: Int64? {
        headers[.contentLength].flatMap { Int64($0) }
    }
}
