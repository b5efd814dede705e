import Crypto
import FormatKit
import Foundation
import GatewayServer
import HTTPTypes
import Registry
import TestSupport
import Testing

@testable import NPMFormat

/// `npm login --auth-type=web`: a page where a person confirms what a program began.
@Suite struct NPMWebLoginTests {
    /// The two addresses of a login, without the host.
    private struct Login {
        let page: String
        let done: String
    }

    private func begin(_ test: TestGateway) async throws -> Login {
        // A token that is no longer good is no hindrance.
        let answer = try await test.send(
            .post, NPMBench.mount + "/-/v1/login", headers: [("Authorization", "Bearer old")],
            body: Array("{}".utf8))
        #expect(answer.status == .ok, "\(answer.text)")
        #expect(answer.headers[.cacheControl] == "no-store")
        let origin = NPMBench.base.replacing(NPMBench.mount, with: "")
        func path(_ name: String) throws -> String {
            let url = try #require(answer.object()[name] as? String)
            #expect(url.hasPrefix(NPMBench.base + "/-/v1/"))
            return String(url.dropFirst(origin.count))
        }
        return Login(page: try path("loginUrl"), done: try path("doneUrl"))
    }

    private func confirm(
        _ test: TestGateway, _ login: Login, _ password: String = NPMBench.password,
        _ headers: [(String, String)] = []
    ) async throws -> TestResponse {
        let form = "username=zoe&password=\(PercentEncoding.encode(password))"
        return try await test.send(
            .post, login.page,
            headers: [("Content-Type", "application/x-www-form-urlencoded")] + headers,
            body: Array(form.utf8))
    }

    private func checkPage(_ answer: TestResponse) {
        #expect(answer.headers[.contentType] == "text/html; charset=utf-8")
        #expect(answer.headers[.cacheControl] == "no-store")
        let policy = answer.headers[.contentSecurityPolicy] ?? ""
        for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"] {
            #expect(policy.contains(part))
        }
        #expect(answer.headers[.xFrameOptions] == "DENY")
        #expect(answer.headers[.referrerPolicy] == "no-referrer")
        #expect(answer.headers[.setCookie] == nil)
        #expect(answer.headers[.wwwAuthenticate] == nil)
        #expect(!answer.text.contains("<script"))
    }

    @Test(arguments: DatabaseKind.allCases)
    func aPersonConfirmsWhatAProgramBegan(_ kind: DatabaseKind) async throws {
        try await NPMBench.withUser(on: kind) { bench in
            let login = try await begin(bench.test)
            let waiting = try await bench.test.send(.get, login.done)
            #expect(waiting.status == .accepted)
            #expect(waiting.headers[.retryAfter] == "2")
            #expect(try waiting.object().isEmpty)
            let page = try await bench.test.send(.get, login.page)
            #expect(page.status == .ok)
            checkPage(page)
            #expect(page.text.contains(NPMBench.base))
            #expect(page.text.contains("type=\"password\""))
            let head = try await bench.test.send(.head, login.page)
            #expect(head.status == .ok && head.headers == page.headers)
            #expect(try await bench.test.send(.get, login.done).status == .accepted)

            let confirmed = try await confirm(bench.test, login)
            #expect(confirmed.status == .ok, "\(confirmed.text)")
            checkPage(confirmed)
            #expect(confirmed.text.contains("zoe"))
            // Looking takes nothing away.
            let look = try await bench.test.send(.head, login.done)
            #expect(look.status == .methodNotAllowed && look.headers[.allow] == "GET")
            let done = try await bench.test.send(.get, login.done)
            #expect(done.status == .ok)
            #expect(done.headers[.cacheControl] == "no-store")
            let token = try #require(done.object()["token"] as? String)
            #expect(
                try await bench.whoami(token).object() as? [String: String] == ["username": "zoe"])
            // Neither address is good twice.
            #expect(try await bench.test.send(.get, login.done).status == .notFound)
            let again = try await confirm(bench.test, login)
            #expect(again.status == .conflict)
            checkPage(again)
            #expect(try await bench.test.send(.get, login.page).status == .conflict)
            // It is the token of a login like any other.
            let out = try await bench.test.send(
                .delete, NPMBench.mount + "/-/user/token/\(token)",
                headers: [("Authorization", "Bearer \(token)")])
            #expect(try out.object()["revoked"] as? Bool == true)
            let actions = try await bench.test.store.read { tx in
                try tx.listTokens(TokenFilter(kind: .personal, name: "npm login"), page: .init())
                    .totalCount
            }
            #expect(actions == 1)
        }
    }

    /// Each request goes to another process than the one before, none of which knew the login.
    @Test(arguments: DatabaseKind.allCases)
    func everyReplicaKnowsIt(_ kind: DatabaseKind) async throws {
        try await NPMBench.withUser(on: kind) { bench in
            let key = SigningKey()
            func restarted() async -> TestGateway {
                await TestGateway.assemble(
                    formats: [NPMFormat(loginWaitSeconds: 0)], services: bench.test.services,
                    store: bench.test.store, blobFolder: bench.test.blobFolder, key: key)
            }
            let login = try await begin(await restarted())
            #expect(try await restarted().send(.get, login.done).status == .accepted)
            #expect(try await restarted().send(.get, login.page).status == .ok)
            #expect(try await confirm(await restarted(), login).status == .ok)
            let done = try await restarted().send(.get, login.done)
            #expect(try done.object()["token"] is String)
            // One with another key wrote none of this.
            #expect(try await bench.test.send(.get, login.page).status == .notFound)
            #expect(try await bench.test.send(.get, login.done).status == .notFound)
        }
    }

    /// The question waits for the answer, whichever process it was asked of, and comes to an end.
    @Test func aQuestionWaits() async throws {
        try await NPMBench.withUser { bench in
            let key = SigningKey()
            func replica(_ seconds: Int) async -> TestGateway {
                await TestGateway.assemble(
                    formats: [NPMFormat(loginWaitSeconds: seconds)], services: bench.test.services,
                    store: bench.test.store, blobFolder: bench.test.blobFolder, key: key)
            }
            let login = try await begin(await replica(1))
            let over = try await replica(1).send(.get, login.done)
            #expect(over.status == .accepted)
            // Asked again at once.
            #expect(over.headers[.retryAfter] == "0")
            let waiting = await replica(60)
            async let answer = waiting.send(.get, login.done)
            #expect(try await confirm(await replica(0), login).status == .ok)
            #expect(try await answer.object()["token"] is String)
        }
    }

    @Test func onlySoManyQuestionsWait() {
        let waiters = LoginWaiters()
        for _ in 0..<LoginWaiters.limitCount { #expect(waiters.begin()) }
        #expect(!waiters.begin())
        waiters.end()
        #expect(waiters.begin())
    }

    @Test func wrongPasswordsAreSlowed() async throws {
        let clock = ManualClock()
        try await NPMBench.withUser(clock: clock) { bench in
            let login = try await begin(bench.test)
            for _ in 0..<5 {
                let answer = try await confirm(bench.test, login, "wrong")
                #expect(answer.status == .forbidden)
                checkPage(answer)
                #expect(answer.text.contains("The credential is wrong"))
                #expect(answer.text.contains("value=\"zoe\""))
                #expect(!answer.text.contains("value=\"wrong\""))
            }
            let slowed = try await confirm(bench.test, login)
            #expect(slowed.status == .tooManyRequests, "\(slowed.text)")
            #expect(slowed.headers[.retryAfter] != nil)
            checkPage(slowed)
            // The same throttle holds for the other way to log in.
            let legacy = try await bench.test.send(
                .put, NPMBench.mount + "/-/user/org.couchdb.user:zoe",
                body: Array(#"{"name":"zoe","password":"\#(NPMBench.password)"}"#.utf8))
            #expect(legacy.status == .tooManyRequests)
            #expect(try await bench.test.send(.get, login.done).status == .accepted)
            clock.advance(bySeconds: 61)
            #expect(try await confirm(bench.test, login).status == .ok)
        }
    }

    @Test func itsTimeEnds() async throws {
        let clock = ManualClock()
        try await NPMBench.withUser(clock: clock) { bench in
            let late = try await begin(bench.test)
            clock.advance(bySeconds: PageLogin.lifetimeSeconds - 1)
            let early = try await begin(bench.test)
            #expect(try await confirm(bench.test, late).status == .ok)
            clock.advance(bySeconds: 2)
            // What was confirmed in time can be fetched a moment later.
            #expect(try await bench.test.send(.get, late.done).status == .ok)
            #expect(try await confirm(bench.test, early).status == .ok)
            clock.advance(bySeconds: PageLogin.lifetimeSeconds + 60)
            #expect(try await bench.test.send(.get, early.done).status == .notFound)
            let page = try await bench.test.send(.get, early.page)
            #expect(page.status == .notFound)
            checkPage(page)
            #expect(page.text.contains("for 10 minutes"))
        }
    }

    /// Whoever is blocked between the page and the program gets nothing.
    @Test func whoIsBlockedGetsNoToken() async throws {
        for change in [UserChange(state: .blocked), UserChange(passwordHash: "scrypt$other")] {
            try await NPMBench.withUser { bench in
                let login = try await begin(bench.test)
                #expect(try await confirm(bench.test, login).status == .ok)
                try await bench.test.store.write { tx in
                    if let user = try tx.findUser(username: "zoe") {
                        _ = try tx.updateUser(user.id, change)
                    }
                }
                #expect(try await bench.test.send(.get, login.done).status == .notFound)
            }
        }
    }

    @Test func onlyThisHostSendsTheForm() async throws {
        try await NPMBench.withUser { bench in
            let login = try await begin(bench.test)
            for site in ["cross-site", "same-site"] {
                let answer = try await confirm(
                    bench.test, login, NPMBench.password, [("Sec-Fetch-Site", site)])
                #expect(answer.status == .forbidden)
                checkPage(answer)
            }
            #expect(try await bench.test.send(.get, login.done).status == .accepted)
            let own = try await confirm(
                bench.test, login, NPMBench.password, [("Sec-Fetch-Site", "same-origin")])
            #expect(own.status == .ok)
        }
    }

    @Test func whoHasTheAddressOfThePageHasNotTheToken() async throws {
        try await NPMBench.withUser { bench in
            let login = try await begin(bench.test)
            let request = try #require(login.page.split(separator: "/").last)
            let mistaken = login.done.split(separator: "/").dropLast().map { "/" + $0 }.joined()
            #expect(try await confirm(bench.test, login).status == .ok)
            let answer = try await bench.test.send(.get, mistaken + "/" + request)
            #expect(answer.status == .notFound)
            #expect(try await bench.test.send(.get, login.done).status == .ok)
        }
    }

    @Test func aTokenIsNoPassword() async throws {
        try await NPMBench.withUser { bench in
            let login = try await begin(bench.test)
            let answer = try await confirm(bench.test, login, bench.test.rootToken)
            #expect(answer.status == .forbidden)
            #expect(answer.text.contains("A password is needed here"))
        }
    }

    @Test func onlySoManyWait() async throws {
        try await NPMBench.withUser { bench in
            var logins: [Login] = []
            for _ in 0..<10 {
                let login = try await begin(bench.test)
                #expect(try await confirm(bench.test, login).status == .ok)
                logins.append(login)
            }
            let further = try await begin(bench.test)
            #expect(try await confirm(bench.test, further).status == .tooManyRequests)
            #expect(try await bench.test.send(.get, logins[0].done).status == .ok)
            #expect(try await confirm(bench.test, further).status == .ok)
        }
    }

    @Test func thePolicyNamesTheStyleByItsHash() {
        let hash = Data(SHA256.hash(data: Data(NPMLoginPage.style.utf8))).base64EncodedString()
        #expect(NPMLoginPage.styleHash == hash)
        #expect(NPMLoginPage.policy.contains("style-src 'sha256-\(hash)'"))
    }

    @Test func whatAnybodyWritesIsText() async throws {
        #expect(
            HTMLText.escape(#"<b a="1" c='2'>&</b>"#)
                == "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;&lt;/b&gt;")
        try await NPMBench.withUser { bench in
            let login = try await begin(bench.test)
            let form = "username=\(PercentEncoding.encode(#""><img src=x>"#))&password=x"
            let answer = try await bench.test.send(.post, login.page, body: Array(form.utf8))
            #expect(answer.status == .forbidden)
            #expect(!answer.text.contains("<img"))
        }
    }
}
