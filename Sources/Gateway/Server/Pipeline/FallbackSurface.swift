import HTTPTypes
import NIOCore
import Registry

/// What answers where nothing is mounted, and where a feature is switched off: the two cannot be
/// told apart (I12).
struct FallbackSurface: RequestSurface {
    func prepare(_ head: RequestHead) throws(RegistryError) -> PreparedOperation? { nil }

    func render(_ failure: RegistryError, for head: RequestHead) -> FormatResponse {
        var headers = failure.headers
        headers[.contentType] = "application/json"
        if let seconds = failure.retryAfterSeconds { headers[.retryAfter] = String(seconds) }
        return FormatResponse(
            status: failure.status, headers: headers,
            body: .bytes(ByteBuffer(string: #"{"message":"\#(Self.escape(failure.message))"}"#)))
    }

    /// The failure of an address that leads nowhere.
    static var notFound: RegistryError { RegistryError(.notFound, "404 Not Found") }

    private static func escape(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { escaped, scalar in
            switch scalar {
            case "\"": escaped += "\\\""
            case "\\": escaped += "\\\\"
            case let scalar where scalar.value < 0x20:
                escaped += "\\u00" + Hex.encode([UInt8(scalar.value)])
            default: escaped.unicodeScalars.append(scalar)
            }
        }
    }
}
