import FormatKit
import HTTPTypes
import NIOCore
import Registry

/// The page where a person confirms a login that npm began. It has no scripts, sets no cookie, and
/// cannot be shown inside another page.
struct NPMLoginPage: Sendable {
    /// The address of the registry, as the person sees it.
    private let registry: String

    init(_ head: RequestHead) {
        registry = head.base
    }

    /// The form for a name and a password.
    ///
    /// - Parameter refusal: why those that were sent before did not do.
    func form(
        _ login: PageLoginRequest, username: String = "", refusal: RegistryError? = nil
    ) -> FormatResponse {
        var text = "<p>Somebody at the network address <b>\(HTMLText.escape(login.address))</b> "
        text += "began to log in with npm to <b>\(HTMLText.escape(registry))</b> "
        text += "at \(Self.time(login.beganAt)).</p>"
        if !login.isFromHere {
            text += "<p class=\"warning\">That is another address than yours.</p>"
        }
        text += "<p><b>Go on only if you have just done that yourself.</b> Whoever did can then "
        text += "install and publish packages as you, for a year, or until the token is ended "
        text += "with <code>npm logout</code>. The page can be used until "
        text += "\(Self.time(login.expiresAt)).</p>"
        if let refusal {
            text += "<p class=\"warning\" role=\"alert\">\(Self.words(of: refusal))</p>"
        }
        text += "<form method=\"post\"><label>User name <input name=\"username\" "
        text += "value=\"\(HTMLText.escape(username))\" autocomplete=\"username\" "
        text += "autocapitalize=\"none\" required autofocus></label>"
        text += "<label>Password <input name=\"password\" type=\"password\" "
        text += "autocomplete=\"current-password\" required></label>"
        text += "<button>Log in</button></form>"
        // A 401 would make the browser ask for a password in a window of its own.
        let status = refusal.map { $0.code == .unauthenticated ? .forbidden : $0.status } ?? .ok
        var response = page("Log in with npm", text, status)
        if let seconds = refusal?.retryAfterSeconds {
            response.headers[.retryAfter] = String(seconds)
        }
        return response
    }

    /// What is said when it is done.
    func success(_ username: String) -> FormatResponse {
        page(
            "Logged in",
            "<p>You are logged in as <b>\(HTMLText.escape(username))</b>. Close this page and go back "
                + "to where npm waits: it goes on in a moment.</p>", .ok)
    }

    /// What is said when there is nothing to confirm, or it failed.
    func refusal(_ failure: RegistryError) -> FormatResponse {
        var response = page(
            "Not logged in",
            "<p class=\"warning\" role=\"alert\">\(Self.words(of: failure))</p>"
                + "<p>To begin again: <code>npm login --registry=\(HTMLText.escape(registry))/</code>"
                + "</p>",
            failure.code == .unauthenticated ? .forbidden : failure.status)
        for field in failure.headers { response.headers[field.name] = field.value }
        if let seconds = failure.retryAfterSeconds {
            response.headers[.retryAfter] = String(seconds)
        }
        return response
    }

    /// The one style sheet, which the policy below names by its hash.
    static let style = """
        body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem}\
        label,input,button{display:block;font:inherit}label{margin:1rem 0}\
        input{width:100%;box-sizing:border-box;padding:.5rem}button{padding:.5rem 1.5rem}\
        .warning{border-left:.3rem solid #b00;padding-left:.7rem}
        """
    /// SHA-256 of `style` in base64.
    static let styleHash = "736x+QTHZGQnFyjJth7JutVl417+RDDrP+CmYqUIVoI="

    /// Nothing is loaded from anywhere, the form goes to this host alone, and no page can have this
    /// one in a frame.
    ///
    /// *Source*: W3C, "Content Security Policy Level 3".
    static let policy =
        "default-src 'none'; style-src 'sha256-\(styleHash)'; form-action 'self'; "
        + "frame-ancestors 'none'; base-uri 'none'"

    private func page(
        _ title: String, _ content: String, _ status: HTTPResponse.Status
    ) -> FormatResponse {
        let html =
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            + "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
            + "<title>\(title) - Packhouse</title><style>\(Self.style)</style></head>"
            + "<body><h1>\(title)</h1>\(content)</body></html>\n"
        return FormatResponse(
            status: status,
            headers: [
                .contentType: "text/html; charset=utf-8", .cacheControl: "no-store",
                .contentSecurityPolicy: Self.policy, .xContentTypeOptions: "nosniff",
                .xFrameOptions: "DENY", .referrerPolicy: "no-referrer",
            ], body: .bytes(ByteBuffer(string: html)))
    }

    /// A sentence.
    private static func words(of failure: RegistryError) -> String {
        HTMLText.escape(failure.message.prefix(1).uppercased() + failure.message.dropFirst() + ".")
    }

    /// `18:04 UTC`
    private static func time(_ moment: Timestamp) -> String {
        moment.iso8601.dropFirst(11).prefix(5) + " UTC"
    }
}

extension HTTPField.Name {
    static let xFrameOptions = HTTPField.Name(known: "X-Frame-Options")
    static let referrerPolicy = HTTPField.Name(known: "Referrer-Policy")
}
