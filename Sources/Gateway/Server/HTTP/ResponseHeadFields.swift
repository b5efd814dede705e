import HTTPTypes
import NIOHTTP1
import Registry

/// The fields that this layer puts on answers.
enum ResponseHeadFields {
    /// What the server calls itself.
    static let serverName = "packhouse"

    /// `X-Request-Id`: the name of a request, chosen by the client or by this server.
    static let requestIDName = HTTPField.Name("X-Request-Id")

    /// How the end of a body is told.
    enum Framing {
        /// There is no body, and no length belongs on the answer.
        case none
        /// Bytes.
        case length(Int64)
        case chunked
        /// The connection ends with the body, or the body is left out.
        case unknown
    }

    /// The head of `response`, without what depends on the state of the connection.
    static func head(
        of response: FormatResponse, framing: Framing, requestID: String
    ) -> HTTPResponseHead {
        var headers = HTTPHeaders()
        headers.reserveCapacity(response.headers.count + 5)
        for field in response.headers where !isOurs(field.name) {
            headers.add(name: field.name.rawName, value: field.value)
        }
        switch framing {
        case .none, .unknown: break
        case .length(let bytes): headers.add(name: "content-length", value: String(bytes))
        case .chunked: headers.add(name: "transfer-encoding", value: "chunked")
        }
        headers.add(name: "x-request-id", value: requestID)
        headers.add(name: "date", value: ResponseDate.current())
        headers.add(name: "server", value: serverName)
        return HTTPResponseHead(
            version: .http1_1,
            status: status(response.status), headers: headers)
    }

    /// The status, with its own words where a format chose some, which clients show to people.
    private static func status(_ status: HTTPResponse.Status) -> HTTPResponseStatus {
        let hasOwnWords =
            !status.reasonPhrase.isEmpty
            && status.reasonPhrase
                != HTTPResponse.Status(integerLiteral: status.code).reasonPhrase
        return hasOwnWords
            ? .custom(code: UInt(status.code), reasonPhrase: status.reasonPhrase)
            : HTTPResponseStatus(
                statusCode: status.code, reasonPhrase: status.reasonPhrase)
    }

    /// The fields of an answer to a request that could not be read.
    static func refusal(bodyBytes: Int) -> HTTPHeaders {
        [
            "content-type": "application/json", "content-length": String(bodyBytes),
            "x-request-id": RequestID.make(), "date": ResponseDate.current(),
            "server": serverName,
        ]
    }

    /// Fields that describe the connection or the framing: only this layer knows them.
    private static func isOurs(_ name: HTTPField.Name) -> Bool {
        switch name {
        case .connection, .transferEncoding, .contentLength, .date, .server: true
        default: name == requestIDName
        }
    }
}
