import HTTPTypes
import NIOCore
import NIOHTTP1

/// What a connection is, the same for all its requests.
struct ConnectionLink {
    let eventLoop: any EventLoop
    /// Whether this is a stream of HTTP/2.
    let isStream: Bool
    let isSecure: Bool
    /// The address of the other end, without port.
    let peerAddress: String

    /// Whether the kernel can send from a file.
    var sendsFiles: Bool { !isStream && !isSecure }
}

/// A request that is refused before anybody looks at what it asks.
struct MalformedRequest: Error {
    let status: HTTPResponseStatus
    /// One sentence without characters that JSON would escape.
    let message: String

    init(_ status: HTTPResponseStatus = .badRequest, _ message: String) {
        self.status = status
        self.message = message
    }

    /// What a failure of the parser means, or `nil` when the failure is none of the client's words.
    init?(_ error: any Error) {
        switch error {
        case HTTPParserError.headerOverflow, is ByteToMessageDecoderError.PayloadTooLargeError:
            self.init(.requestHeaderFieldsTooLarge, "the header is larger than this server takes")
        case HTTPParserError.invalidVersion:
            self.init(.httpVersionNotSupported, "this server speaks HTTP/1.1 here")
        case HTTPParserError.invalidEOFState:
            // The client went away in the middle of a request.
            return nil
        case is HTTPParserError:
            self.init(.badRequest, "the request is not HTTP")
        default:
            return nil
        }
    }
}

/// The head of a request, checked and in the gateway's own terms.
///
/// *Source*: RFC 9112, sections 3.2 and 6.
struct ParsedRequestHead {
    let request: IncomingRequest
    /// Whether the client means to send another request on the connection.
    let keepsAlive: Bool
    /// Whether the client waits for `100 Continue` with its body.
    let expectsContinue: Bool
    /// Bytes of the body; `nil` for a chunked one.
    let contentLength: Int64?

    init(_ head: HTTPRequestHead, link: ConnectionLink) throws(MalformedRequest) {
        var fields = HTTPFields()
        fields.reserveCapacity(head.headers.count)
        var host: String?
        var isChunked = false
        var wantsUpgrade = false
        var expectsContinue = false
        for (name, value) in head.headers {
            guard let fieldName = HTTPField.Name(name) else {
                throw MalformedRequest(.badRequest, "a header field has a bad name")
            }
            switch fieldName.canonicalName {
            case "host":
                guard host == nil else {
                    throw MalformedRequest(.badRequest, "there is more than one Host field")
                }
                host = value
                continue
            case "transfer-encoding":
                isChunked = true
                guard link.isStream || value.lowercased() == "chunked" else {
                    throw MalformedRequest(
                        .notImplemented, "the only transfer coding that is taken is chunked")
                }
            case "upgrade":
                wantsUpgrade = true
            case "expect":
                expectsContinue = value.lowercased() == "100-continue"
            default:
                break
            }
            fields.append(HTTPField(name: fieldName, value: value))
        }
        let contentLength = fields[.contentLength]
        if isChunked, contentLength != nil, !link.isStream {
            throw MalformedRequest(
                .badRequest, "Content-Length and Transfer-Encoding contradict each other")
        }
        let (target, authority) = try Self.split(head.uri)
        if host == nil, authority == nil, head.version != .http1_0, !link.isStream {
            throw MalformedRequest(.badRequest, "the Host field is missing")
        }
        guard let method = HTTPRequest.Method(rawValue: head.method.rawValue),
            head.method != .CONNECT
        else {
            throw MalformedRequest(.notImplemented, "this server does not know the method")
        }
        request = IncomingRequest(
            method: method, target: target, authority: authority ?? host, headers: fields,
            isSecure: link.isSecure, peerAddress: link.peerAddress)
        // The parser stops behind a request that asks for another protocol; there is no next one.
        keepsAlive = head.isKeepAlive && !wantsUpgrade
        self.expectsContinue = expectsContinue && head.version != .http1_0
        self.contentLength = contentLength.map { Int64($0) ?? 0 } ?? (isChunked ? nil : 0)
    }

    /// The path and query of a target, and the authority where the target is a whole URL.
    private static func split(
        _ uri: String
    ) throws(MalformedRequest) -> (target: String, authority: String?) {
        if uri.utf8.first == UInt8(ascii: "/") || uri == "*" { return (uri, nil) }
        for scheme in ["http://", "https://"]
        where uri.prefix(scheme.count).lowercased() == scheme {
            let rest = uri.dropFirst(scheme.count)
            let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
            guard end != rest.startIndex else { break }
            let target = rest[end...]
            return (target.hasPrefix("/") ? String(target) : "/\(target)", String(rest[..<end]))
        }
        throw MalformedRequest(.badRequest, "the request target is not a path")
    }
}
