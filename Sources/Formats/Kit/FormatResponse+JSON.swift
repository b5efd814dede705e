public import HTTPTypes
public import Registry

extension FormatResponse {
    /// An answer with a JSON body that is not to be used again unasked.
    public static func json(
        _ value: JSONValue, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) -> FormatResponse {
        var headers = headers
        headers[.contentType] = "application/json"
        headers[.xContentTypeOptions] = "nosniff"
        if headers[.cacheControl] == nil { headers[.cacheControl] = FileResponse.cacheControl }
        return FormatResponse(status: status, headers: headers, body: .bytes(value.bytes))
    }

    /// A failure as `{"message": "…"}`, with `reason` and `detail` where there are any.
    ///
    /// *Source*: GitLab, "REST API: Status codes".
    public static func jsonFailure(_ failure: RegistryError, for head: RequestHead)
        -> FormatResponse
    {
        var members: [(name: String, value: JSONValue)] = [("message", .string(failure.message))]
        if let reason = failure.reason { members.append(("reason", .string(reason))) }
        if !failure.detail.isEmpty {
            let facts = failure.detail.sorted { $0.key < $1.key }
            members.append(
                ("detail", .object(facts.map { (name: $0.key, value: .string($0.value)) })))
        }
        return .json(
            .object(members), status: failure.status,
            headers: failure.responseHeaders(for: head))
    }
}

extension RegistryError {
    /// The header fields of the failure's answer: its own, `Retry-After`, and a challenge on a 401.
    public func responseHeaders(for head: RequestHead) -> HTTPFields {
        var fields = headers
        if let retryAfterSeconds { fields[.retryAfter] = String(retryAfterSeconds) }
        if code == .unauthenticated, fields[.wwwAuthenticate] == nil {
            fields[.wwwAuthenticate] = BasicChallenge.value(for: head)
        }
        return fields
    }
}

/// The challenge that makes package clients send a name and a password or token.
public enum BasicChallenge {
    /// *Source*: RFC 7617, section 2.
    public static let value = #"Basic realm="Packhouse""#

    /// The challenge, or `nil` for a script in a browser's page, where it would open the browser's
    /// own password window over the page.
    public static func value(for head: RequestHead) -> String? {
        if let mode = head.headers[.secFetchMode], mode != "navigate" { return nil }
        return head.headers[.xRequestedWith] == "XMLHttpRequest" ? nil : value
    }
}
