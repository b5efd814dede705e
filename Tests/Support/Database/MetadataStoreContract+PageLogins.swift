import Registry
import Testing

extension MetadataStoreContract {
    static let pageLoginChecks = [
        Check("a login on a page is confirmed once and fetched once") { try await $0.pageLogins() },
        Check("logins on a page end with their time and are removed") {
            try await $0.pageLoginExpiry()
        },
    ]

    private func insertUser() async throws -> UserRecord {
        try await store.write { try $0.insertSampleUser("zoe") }
    }

    private func login(_ hash: String, of user: UserRecord) -> PageLoginRecord {
        PageLoginRecord(
            receiptHash: hash, userID: user.id, passwordDigest: "digest",
            expiresAt: Sample.now.advanced(bySeconds: 60))
    }

    private func pageLogins() async throws {
        let user = try await insertUser()
        let login = login("h1", of: user)
        try await store.write { tx throws in
            #expect(try tx.findPageLogin(receiptHash: "h1", at: Sample.now) == nil)
            #expect(try tx.takePageLogin(receiptHash: "h1", at: Sample.now) == nil)
            try tx.insertPageLogin(login, at: Sample.now)
            #expect(try tx.findPageLogin(receiptHash: "h1", at: Sample.now) == true)
            #expect(try tx.findPageLogin(receiptHash: "h2", at: Sample.now) == nil)
            #expect(try tx.countPageLogins(userID: user.id, at: Sample.now) == 1)
            #expect(try tx.countPageLogins(userID: user.id + 1, at: Sample.now) == 0)
        }
        await failure(.conflict) { try $0.insertPageLogin(login, at: Sample.now) }
        try await store.write { tx throws in
            #expect(try tx.takePageLogin(receiptHash: "h1", at: Sample.now) == login)
            #expect(try tx.takePageLogin(receiptHash: "h1", at: Sample.now) == nil)
            #expect(try tx.findPageLogin(receiptHash: "h1", at: Sample.now) == false)
            #expect(try tx.countPageLogins(userID: user.id, at: Sample.now) == 0)
        }
        // It is not to be confirmed again either.
        await failure(.conflict) { try $0.insertPageLogin(login, at: Sample.now) }
        // Many at a time: one gets it.
        try await store.write { try $0.insertPageLogin(self.login("h3", of: user), at: Sample.now) }
        let taken = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try await store.write {
                        try $0.takePageLogin(receiptHash: "h3", at: Sample.now) != nil
                    }
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(taken == 1)
    }

    private func pageLoginExpiry() async throws {
        let user = try await insertUser()
        let end = Sample.now.advanced(bySeconds: 60)
        try await store.write { tx throws in
            try tx.insertPageLogin(self.login("h1", of: user), at: Sample.now)
            #expect(try tx.findPageLogin(receiptHash: "h1", at: end) == false)
            #expect(try tx.countPageLogins(userID: user.id, at: end) == 0)
            #expect(try tx.takePageLogin(receiptHash: "h1", at: end) == nil)
            try tx.insertPageLogin(
                PageLoginRecord(
                    receiptHash: "h2", userID: user.id, passwordDigest: "digest",
                    expiresAt: end.advanced(bySeconds: 60)), at: end)
            #expect(try tx.findPageLogin(receiptHash: "h1", at: end) == nil)
            #expect(try tx.findPageLogin(receiptHash: "h2", at: end) == true)
        }
    }
}
