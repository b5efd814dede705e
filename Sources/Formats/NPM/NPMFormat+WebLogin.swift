import FormatKit
import HTTPTypes
import NIOCore
import Registry
import Synchronization

/// Counts the questions that wait, so that they stay few.
final class LoginWaiters: Sendable {
    /// The most questions that wait in this process; others are answered at once.
    static let limitCount = 256

    private let count = Mutex(0)

    /// Whether one more may wait. Whoever may says when it is over.
    func begin() -> Bool {
        count.withLock { count in
            guard count < Self.limitCount else { return false }
            count += 1
            return true
        }
    }

    func end() {
        count.withLock { $0 -= 1 }
    }
}

extension NPMFormat {
    /// Seconds between two questions of a client that was not kept waiting.
    static let loginPollSeconds = 2
    /// Milliseconds between two looks into the database while a question waits.
    static let loginLookMilliseconds = 500

    /// Carries out what is about a login that a person confirms in a browser: npm begins it, shows
    /// the address of a page, and asks at another address until it gets a token.
    ///
    /// *Source*: npm/cli, `npm-profile/lib/index.js`, `webAuth`.
    func handleWebLogin(
        _ operation: NPMOperation, _ head: RequestHead, body: consuming RequestBody,
        _ caller: any CallerHandle
    ) async throws(RegistryError) -> FormatResponse {
        switch operation {
        case .showLoginPage(let request):
            return NPMLoginPage(head).form(try await caller.findPageLogin(request))
        case .confirmLogin(let request):
            return try await confirmLogin(request, head, body: body, caller)
        case .finishLogin(let receipt):
            return try await finishLogin(receipt, caller)
        default:
            while try await body.next() != nil {}
            let login = try caller.beginPageLogin()
            return .json(
                [
                    "loginUrl": .string(head.url(forTail: ["-", "v1", "login", login.request])),
                    "doneUrl": .string(head.url(forTail: ["-", "v1", "done", login.receipt])),
                ], headers: [.cacheControl: "no-store"])
        }
    }

    private func confirmLogin(
        _ request: String, _ head: RequestHead, body: consuming RequestBody,
        _ caller: any CallerHandle
    ) async throws(RegistryError) -> FormatResponse {
        let bytes = try await body.collect(limitBytes: Self.smallBodyLimitBytes)
        // Nobody could confirm a login for another without his password; no page of others has to
        // send this form at all.
        if let site = head.headers[.secFetchSite], site != "same-origin", site != "none" {
            throw RegistryError(
                .forbidden, "this form was sent by a page of another site",
                reason: "foreign_form")
        }
        let form = try RequestQuery(parsing: String(buffer: bytes))
        let username = form["username"] ?? ""
        let page = NPMLoginPage(head)
        do throws(RegistryError) {
            try await caller.confirmPageLogin(
                request, username: username, password: form["password"] ?? "")
        } catch {
            guard error.code == .unauthenticated || error.code == .tooManyRequests else {
                throw error
            }
            return page.form(
                try await caller.findPageLogin(request), username: username, refusal: error)
        }
        return page.success(username)
    }

    private func finishLogin(
        _ receipt: String, _ caller: any CallerHandle
    ) async throws(RegistryError) -> FormatResponse {
        if let token = try await caller.finishPageLogin(receipt) { return Self.answer(token) }
        // Without a terminal npm ends while it pauses between two questions, and not while it waits
        // for an answer. So the answer waits.
        guard loginWaitSeconds > 0, loginWaiters.begin() else {
            return Self.notYet(retryAfterSeconds: Self.loginPollSeconds)
        }
        defer { loginWaiters.end() }
        let end = ContinuousClock.now + .seconds(loginWaitSeconds)
        while ContinuousClock.now < end {
            do {
                try await Task.sleep(for: .milliseconds(Self.loginLookMilliseconds))
            } catch {
                // The server ends, or the client went away.
                return Self.notYet(retryAfterSeconds: Self.loginPollSeconds)
            }
            if let token = try await caller.finishPageLogin(receipt) { return Self.answer(token) }
        }
        return Self.notYet(retryAfterSeconds: 0)
    }

    private static func answer(_ token: String) -> FormatResponse {
        .json(["token": .string(token)], headers: [.cacheControl: "no-store"])
    }

    private static func notYet(retryAfterSeconds: Int) -> FormatResponse {
        .json(
            [:], status: .accepted,
            headers: [.retryAfter: String(retryAfterSeconds), .cacheControl: "no-store"])
    }
}

extension HTTPField.Name {
    /// Where a request of a browser comes from. *Source*: W3C, "Fetch Metadata Request Headers".
    static let secFetchSite = HTTPField.Name(known: "Sec-Fetch-Site")
}
