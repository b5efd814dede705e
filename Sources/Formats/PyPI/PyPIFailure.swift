import FormatKit
import HTTPTypes
import NIOCore
import Registry

/// Failures as the clients of Python show them to people.
///
/// twine, flit and poetry show the reason phrase of the status line; uv shows the member `code` of a
/// JSON body; others show a body of text. So the words stand in all three.
///
/// *Source*: twine, `twine.__main__`; uv, `uv-publish`, `PublishSendError`; PyPI's own answers.
enum PyPIFailure {
    /// The longest reason phrase, in characters.
    static let reasonLimitCharacters = 500

    static func response(_ failure: RegistryError, for head: RequestHead) -> FormatResponse {
        let status = HTTPResponse.Status(
            code: failure.status.code,
            reasonPhrase: String(
                failure.message.prefix(reasonLimitCharacters).map { character in
                    character.isASCII && !character.isNewline ? character : "?"
                }))
        let line = "\(status.code) \(failure.message)"
        var headers = failure.responseHeaders(for: head)
        if failure.code == .methodNotAllowed, headers[.allow] == nil {
            headers[.allow] = "GET, HEAD"
        }
        headers[.vary] = "Accept"
        if (head.headers[.accept] ?? "").lowercased().contains("json") {
            var response = FormatResponse.jsonFailure(failure, for: head)
            response.status = status
            response.headers = headers
            response.headers[.contentType] = "application/json"
            response.headers[.xContentTypeOptions] = "nosniff"
            response.headers[.cacheControl] = FileResponse.cacheControl
            response.body = .bytes(body(failure, line).bytes)
            return response
        }
        headers[.contentType] = "text/plain; charset=utf-8"
        headers[.xContentTypeOptions] = "nosniff"
        headers[.cacheControl] = FileResponse.cacheControl
        return FormatResponse(
            status: status, headers: headers, body: .bytes(ByteBuffer(string: line + "\n")))
    }

    private static func body(_ failure: RegistryError, _ line: String) -> JSONValue {
        var members: [(name: String, value: JSONValue)] = [
            ("message", .string(failure.message)), ("code", .string(line)),
            ("title", .string(failure.status.reasonPhrase)),
        ]
        if let reason = failure.reason { members.append(("reason", .string(reason))) }
        return .object(members)
    }
}
