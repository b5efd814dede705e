import HTTPTypes
import NPMFormat
import Registry
import TestSupport

extension NPMBench {
    static let password = "correct horse battery"
    /// That password's hash, cheap to verify. Made with Python:
    /// `hashlib.scrypt(password, salt=b"salt of the test", n=16, r=1, p=1, dklen=32)`.
    static let passwordHash =
        "scrypt$4$1$1$73616c74206f66207468652074657374$"
        + "6ef123f0d6ba5c81526646118a66f3ace45e5cf6f9010b6dde7272be840f91df"

    /// Runs `body` on a gateway with a user `zoe`, who has that password and may publish.
    static func withUser(
        on kind: DatabaseKind = .sqlite, clock: any RegistryClock = SystemClock(),
        _ body: (NPMBench) async throws -> Void
    ) async throws {
        try await run(on: kind, clock: clock) { bench in
            let now = bench.test.services.clock.now()
            try await bench.test.store.write { tx in
                let user = try tx.insertUser(
                    UserDraft(
                        username: "zoe", name: "Zoë", email: "zoe@example.com",
                        passwordHash: Self.passwordHash), at: now)
                if let group = try tx.findNamespace(.path("acme", nil)) {
                    _ = try tx.insertMember(
                        userID: user.id, namespaceID: group.id, role: .developer, expiresAt: nil,
                        at: now)
                }
            }
            try await body(bench)
        }
    }

    /// Who a token says that one is.
    func whoami(_ token: String) async throws -> TestResponse {
        try await test.send(
            .get, NPMBench.mount + "/-/whoami", headers: [("Authorization", "Bearer \(token)")])
    }

    /// The number of the project that `mount` is of.
    func projectID() async throws -> Int64 {
        let project = try await test.store.read { tx in
            try tx.findNamespace(.path("acme/web", .project))
        }
        guard let project else { throw Refusal(description: "the project is not there") }
        return project.id
    }
}
