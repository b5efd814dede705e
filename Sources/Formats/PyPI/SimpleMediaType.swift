import FormatKit
import HTTPTypes
import Registry

/// The two forms in which the index is served, from one model.
///
/// *Source*: PyPA, "Simple repository API: Content-Types".
enum SimpleMediaType: String, Sendable, CaseIterable {
    case html
    case json

    /// The version of the specification that answers follow.
    static let apiVersion = "1.4"

    /// What the client accepts most gladly. Where it accepts none, HTML: clients of old say nothing,
    /// or something else.
    init(for head: RequestHead) {
        // `?format=` is for those who cannot say it in a header field.
        let wish = head.query["format"] ?? head.headers[.accept]
        self = AcceptedMedia(wish).choose(among: Self.offers) ?? .html
    }

    private static let offers: [(mediaType: String, offer: SimpleMediaType)] = [
        ("text/html", .html), ("application/vnd.pypi.simple.v1+json", .json),
        ("application/vnd.pypi.simple.v1+html", .html),
        ("application/vnd.pypi.simple.latest+json", .json),
        ("application/vnd.pypi.simple.latest+html", .html),
    ]

    /// The type that answers are served with: of HTML, the one that every client knows.
    var contentType: String {
        switch self {
        case .html: "text/html; charset=utf-8"
        case .json: "application/vnd.pypi.simple.v1+json"
        }
    }

    /// The header fields that every answer in this form carries.
    var headers: HTTPFields {
        [
            .contentType: contentType, .vary: "Accept, Accept-Encoding",
            .cacheControl: FileResponse.cacheControl, .xContentTypeOptions: "nosniff",
        ]
    }
}
