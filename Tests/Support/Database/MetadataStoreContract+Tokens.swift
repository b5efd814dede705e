import Registry
import Testing

extension MetadataStoreContract {
    static let tokenChecks = [
        Check("a token is found by its secret's hash and its id") { try await $0.tokens() },
        Check("lists of tokens") { try await $0.listTokens() },
        Check("a token is revoked once") { try await $0.revoke() },
        Check("the use of a token is recorded in steps") { try await $0.tokenUse() },
    ]

    static let featureChecks = [
        Check("a gate replaces the one of the same condition") { try await $0.gates() },
        Check("what changes access is seen by every replica, the use of a token is not") {
            try await $0.epoch()
        },
    ]

    private func tokens() async throws {
        let drafts = try await store.write { tx throws in
            let user = try tx.insertSampleUser("zoe")
            let project = try tx.insertSample("web")
            return [
                TokenDraft(
                    kind: .personal, name: "laptop", userID: user.id, scopes: [.api, .readAPI],
                    secretHash: "h1"),
                TokenDraft(
                    kind: .deploy, name: "ci", username: "ci-user", namespaceID: project.id,
                    expiresAt: Sample.now.advanced(bySeconds: 9), secretHash: "h2"),
                TokenDraft(
                    kind: .job, name: "job", userID: user.id, namespaceID: project.id, jobID: 42,
                    build: BuildRecord(pipelineID: 7, ref: "main", sha: "abc"), secretHash: "h3"),
            ]
        }
        for draft in drafts {
            let token = try await store.write { try $0.insertToken(draft, at: Sample.now) }
            #expect(token.kind == draft.kind)
            #expect(token.name == draft.name)
            #expect(token.username == draft.username)
            #expect(token.userID == draft.userID)
            #expect(token.namespaceID == draft.namespaceID)
            #expect(token.scopes == draft.scopes)
            #expect(token.jobID == draft.jobID)
            #expect(token.build == draft.build)
            #expect(token.expiresAt == draft.expiresAt)
            #expect(token.createdAt == Sample.now)
            #expect(token.revokedAt == nil && token.lastUsedAt == nil)
            try await store.read { tx throws in
                #expect(try tx.findToken(token.id) == token)
                #expect(try tx.findToken(secretHash: draft.secretHash) == token)
            }
            await failure(.conflict) { _ = try $0.insertToken(draft, at: Sample.now) }
        }
        #expect(try await store.read { try $0.findToken(secretHash: "h4") } == nil)
    }

    private func listTokens() async throws {
        let (user, project) = try await store.write { tx throws in
            let user = try tx.insertSampleUser("zoe")
            let project = try tx.insertSample("web")
            for number in 0..<3 {
                let moment = Sample.now.advanced(bySeconds: Int64(number))
                _ = try tx.insertToken(
                    TokenDraft(
                        kind: .personal, name: "p\(number)", userID: user.id,
                        expiresAt: number == 1 ? moment : nil, secretHash: "p\(number)"),
                    at: moment)
            }
            let deploy = try tx.insertToken(
                TokenDraft(
                    kind: .deploy, name: "d", namespaceID: project.id, secretHash: "d"),
                at: Sample.now)
            _ = try tx.revokeToken(deploy.id, at: Sample.now)
            return (user, project)
        }
        let later = Sample.now.advanced(bySeconds: 5)
        let cases: [(TokenFilter, [String])] = [
            (TokenFilter(kind: .personal), ["p2", "p1", "p0"]),
            (TokenFilter(kind: .personal, userID: user.id), ["p2", "p1", "p0"]),
            (TokenFilter(kind: .personal, userID: user.id + 1), []),
            (TokenFilter(kind: .personal, activeAt: later), ["p2", "p0"]),
            (TokenFilter(kind: .personal, name: "p1"), ["p1"]),
            (TokenFilter(kind: .personal, activeAt: later, name: "p1"), []),
            (TokenFilter(kind: .deploy, namespaceID: project.id), ["d"]),
            (TokenFilter(kind: .deploy, namespaceID: project.id, activeAt: later), []),
            (TokenFilter(kind: .job), []),
        ]
        for (filter, names) in cases {
            let page = try await store.read { try $0.listTokens(filter, page: PageRequest()) }
            #expect(page.rows.map(\.name) == names)
            #expect(page.totalCount == names.count)
        }
    }

    private func revoke() async throws {
        let token = try await store.write { tx throws in
            try tx.insertToken(
                TokenDraft(kind: .deploy, name: "d", secretHash: "d"), at: Sample.now)
        }
        let later = Sample.now.advanced(bySeconds: 5)
        try await store.write { tx throws in
            #expect(try tx.revokeToken(token.id, at: later))
            #expect(try !tx.revokeToken(token.id, at: later.advanced(bySeconds: 1)))
            #expect(try !tx.revokeToken(token.id + 1, at: later))
        }
        let revoked = try await store.read { try $0.findToken(secretHash: "d") }
        #expect(revoked?.revokedAt == later)
    }

    private func tokenUse() async throws {
        let token = try await store.write { tx throws in
            try tx.insertToken(
                TokenDraft(kind: .deploy, name: "d", secretHash: "d"), at: Sample.now)
        }
        let step = TokenRecord.lastUsedStepSeconds
        for (seconds, recorded) in [(0, 0), (step - 1, 0), (step, step)] {
            let use = Sample.now.advanced(bySeconds: seconds)
            try await store.write { try $0.recordTokenUse(token.id, at: use) }
            let found = try await store.read { try $0.findToken(token.id) }
            #expect(found?.lastUsedAt == Sample.now.advanced(bySeconds: recorded))
        }
    }

    private func gates() async throws {
        let conditions: [FeatureGate.Condition] = [
            .everyone(false), .percentageOfActors(10), .project(1), .project(2), .group(1),
            .user(1), .everyone(true), .percentageOfActors(50),
        ]
        try await store.write { tx throws in
            for condition in conditions {
                try tx.upsertGate(FeatureGate(feature: "generic", condition: condition))
            }
            try tx.upsertGate(FeatureGate(feature: "npm", condition: .everyone(true)))
        }
        let gates = try await store.read { try $0.listGates() }
        #expect(gates.count == 7)
        #expect(Set(gates.map(\.condition)) == Set(conditions.dropFirst(2)))
        #expect(try await store.write { try $0.removeGates(feature: "generic") })
        #expect(try await store.write { try $0.removeGates(feature: "generic") } == false)
        #expect(
            try await store.read { try $0.listGates() }
                == [FeatureGate(feature: "npm", condition: .everyone(true))])
    }

    private func epoch() async throws {
        let (user, project) = try await store.write { tx throws in
            (try tx.insertSampleUser("zoe"), try tx.insertSample("web"))
        }
        let token = try await store.write { tx throws in
            try tx.insertToken(
                TokenDraft(kind: .deploy, name: "d", secretHash: "d"), at: Sample.now)
        }
        let raising: [@Sendable (any MetadataWriting) throws -> Void] = [
            { _ = try $0.insertSampleUser("adam") },
            { _ = try $0.updateUser(user.id, UserChange(state: .blocked)) },
            { try $0.insertSample("other") },
            { _ = try $0.updateNamespace(project.id, NamespaceChange(visibility: .public)) },
            {
                _ = try $0.insertMember(
                    userID: user.id, namespaceID: project.id, role: .guest, expiresAt: nil,
                    at: Sample.now)
            },
            {
                _ = try $0.updateMember(
                    userID: user.id, namespaceID: project.id, role: .owner, expiresAt: nil)
            },
            { _ = try $0.removeMember(userID: user.id, namespaceID: project.id) },
            {
                _ = try $0.insertToken(
                    TokenDraft(kind: .deploy, name: "e", secretHash: "e"), at: Sample.now)
            },
            { _ = try $0.revokeToken(token.id, at: Sample.now) },
            { try $0.upsertGate(FeatureGate(feature: "npm", condition: .everyone(true))) },
            { _ = try $0.removeGates(feature: "npm") },
            { _ = try $0.removeNamespace(project.id, at: Sample.now) },
        ]
        for (index, change) in raising.enumerated() {
            #expect(try await raisesEpoch(change), "change \(index)")
        }
        #expect(try await !raisesEpoch { try $0.recordTokenUse(token.id, at: Sample.now) })
    }
}
