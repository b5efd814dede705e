import Registry
import Testing

extension MetadataStoreContract {
    static let identityChecks = [
        Check("a user has a namespace and owns it") { try await $0.users() },
        Check("a user's name is taken once, in any case") { try await $0.userConflicts() },
        Check("a change of a user changes what it names") { try await $0.changeUser() },
        Check("lists of users") { try await $0.listUsers() },
        Check("roles come from above, the highest counts, expired ones do not") {
            try await $0.roles()
        },
        Check("a user is a member once, until the membership is removed or expires") {
            try await $0.members()
        },
        Check("lists of members") { try await $0.listMembers() },
    ]

    private func users() async throws {
        let user = try await store.write { tx throws in
            try tx.insertUser(
                UserDraft(
                    username: "Zoe", name: "Zoë Ä.", email: "Z@example.com", isAdmin: true,
                    passwordHash: "scrypt"), at: Sample.now)
        }
        #expect(user.username == "Zoe")
        #expect(user.isAdmin)
        #expect(user.state == .active)
        #expect(user.passwordHash == "scrypt")
        #expect(user.createdAt == Sample.now)
        try await store.read { tx throws in
            #expect(try tx.findUser(user.id) == user)
            #expect(try tx.findUser(username: "zOE") == user)
            #expect(try tx.findUser(username: "zo") == nil)
            #expect(try tx.findUser(user.id + 100) == nil)
            let namespace = try #require(
                try tx.findNamespace(.id(user.namespaceID, .user)))
            #expect(namespace.path.description == "Zoe")
            #expect(namespace.creatorID == user.id)
            #expect(try tx.findRole(userID: user.id, in: namespace, at: Sample.now) == .owner)
        }
    }

    private func userConflicts() async throws {
        try await store.write { tx throws in
            _ = try tx.insertSampleUser("zoe")
            try tx.insertSample("acme", .group)
        }
        await failure(.conflict) { _ = try $0.insertSampleUser("ZOE") }
        await failure(.conflict) { _ = try $0.insertSampleUser("acme") }
        await failure(.malformed) { _ = try $0.insertSampleUser("api") }
        await failure(.malformed) { _ = try $0.insertSampleUser("a/b") }
    }

    private func changeUser() async throws {
        let user = try await store.write { try $0.insertSampleUser("zoe") }
        let blocked = try await store.write { tx throws in
            try tx.updateUser(user.id, UserChange(isAdmin: true, state: .blocked))
        }
        #expect(blocked.state == .blocked)
        #expect(blocked.isAdmin)
        #expect(blocked.email == user.email)
        let renamed = try await store.write { tx throws in
            try tx.updateUser(
                user.id,
                UserChange(name: "New", email: "new@example.com", isAdmin: false, passwordHash: "x")
            )
        }
        #expect(renamed.name == "New")
        #expect(renamed.passwordHash == "x")
        #expect(!renamed.isAdmin)
        #expect(renamed.state == .blocked)
        await failure(.notFound) { _ = try $0.updateUser(user.id + 9, UserChange(name: "x")) }
    }

    private func listUsers() async throws {
        try await store.write { tx throws in
            for name in ["zoe", "adam", "Eve"] { _ = try tx.insertSampleUser(name) }
        }
        let cases: [(String?, [String])] = [
            (nil, ["zoe", "adam", "Eve"]), ("", ["zoe", "adam", "Eve"]), ("EVE", ["Eve"]),
            ("the a", ["adam"]), ("zoe@EXAMPLE", ["zoe"]), ("%", []), ("_", []),
        ]
        for (search, names) in cases {
            let page = try await store.read {
                try $0.listUsers(search: search, page: PageRequest())
            }
            #expect(page.rows.map(\.username) == names)
            #expect(page.totalCount == names.count)
        }
    }

    private func roles() async throws {
        let (user, project) = try await store.write { tx throws in
            let user = try tx.insertSampleUser("zoe")
            let outer = try tx.insertSample("a", .group)
            let inner = try tx.insertSample("a/b", .group)
            let project = try tx.insertSample("a/b/c")
            _ = try tx.insertMember(
                userID: user.id, namespaceID: outer.id, role: .reporter, expiresAt: nil,
                at: Sample.now)
            _ = try tx.insertMember(
                userID: user.id, namespaceID: inner.id, role: .maintainer,
                expiresAt: Sample.now.advanced(bySeconds: 60), at: Sample.now)
            _ = try tx.insertMember(
                userID: user.id, namespaceID: project.id, role: .guest, expiresAt: nil,
                at: Sample.now)
            return (user, project)
        }
        try await store.read { tx throws in
            #expect(
                try tx.findRole(userID: user.id, in: project, at: Sample.now) == .maintainer)
            let later = Sample.now.advanced(bySeconds: 60)
            #expect(try tx.findRole(userID: user.id, in: project, at: later) == .reporter)
            #expect(try tx.findRole(userID: user.id + 1, in: project, at: Sample.now) == nil)
        }
    }

    private func members() async throws {
        let (user, project) = try await store.write { tx throws in
            (try tx.insertSampleUser("zoe"), try tx.insertSample("web"))
        }
        let soon = clock.now().advanced(bySeconds: 60)
        let member = try await store.write { tx throws in
            try tx.insertMember(
                userID: user.id, namespaceID: project.id, role: .developer, expiresAt: soon,
                at: Sample.now)
        }
        #expect(member.user == user)
        #expect(member.role == .developer)
        #expect(member.expiresAt == soon)
        #expect(
            try await store.read {
                try $0.findMember(userID: user.id, namespaceID: project.id)
            } == member)
        await failure(.conflict) { tx throws in
            _ = try tx.insertMember(
                userID: user.id, namespaceID: project.id, role: .owner, expiresAt: nil,
                at: Sample.now)
        }
        clock.advance(bySeconds: 60)
        #expect(
            try await store.read {
                try $0.findMember(userID: user.id, namespaceID: project.id)
            } == nil)
        let again = try await store.write { [clock] tx throws in
            try tx.insertMember(
                userID: user.id, namespaceID: project.id, role: .owner, expiresAt: nil,
                at: clock.now())
        }
        #expect(again.role == .owner)
        let changed = try await store.write { tx throws in
            try tx.updateMember(
                userID: user.id, namespaceID: project.id, role: .guest, expiresAt: nil)
        }
        #expect(changed?.role == .guest)
        try await store.write { tx throws in
            #expect(try tx.removeMember(userID: user.id, namespaceID: project.id))
            #expect(try !tx.removeMember(userID: user.id, namespaceID: project.id))
            #expect(
                try tx.updateMember(
                    userID: user.id, namespaceID: project.id, role: .guest, expiresAt: nil)
                    == nil)
        }
    }

    private func listMembers() async throws {
        let project = try await store.write { tx throws in
            let group = try tx.insertSample("a", .group)
            let project = try tx.insertSample("a/b")
            for (name, inGroup, inProject) in [
                ("one", Role.owner, Role.guest as Role?), ("two", .guest, .developer),
                ("three", .reporter, nil), ("four", .owner, .owner),
            ] {
                let user = try tx.insertSampleUser(name)
                _ = try tx.insertMember(
                    userID: user.id, namespaceID: group.id, role: inGroup, expiresAt: nil,
                    at: Sample.now)
                guard let inProject else { continue }
                _ = try tx.insertMember(
                    userID: user.id, namespaceID: project.id, role: inProject, expiresAt: nil,
                    at: Sample.now)
            }
            return project
        }
        try await store.read { tx throws in
            let own = try tx.listMembers(
                of: project, includingInherited: false, page: PageRequest())
            #expect(own.rows.map(\.user.username) == ["one", "two", "four"])
            #expect(own.rows.map(\.role) == [.guest, .developer, .owner])
            #expect(own.totalCount == 3)
            let all = try tx.listMembers(
                of: project, includingInherited: true, page: PageRequest())
            #expect(all.rows.map(\.user.username) == ["one", "two", "three", "four"])
            #expect(all.rows.map(\.role) == [.owner, .developer, .reporter, .owner])
            #expect(all.totalCount == 4)
        }
    }
}
