import Database
import Foundation
import TestSupport
import Testing

/// Every command of administration, on a database without a server.
@Suite struct AdministrationTests {
    /// A database of one kind, and how commands are told of it.
    private struct Place {
        let folder: TemporaryFolder
        let database: TestDatabase?
        let environment: [String: String]

        init(_ kind: DatabaseKind) async throws {
            folder = try TemporaryFolder()
            var environment = ["PACKHOUSE_DATA": folder.path("data")]
            database = kind == .sqlite ? nil : try await kind.makeDatabase(isMigrated: false)
            if let database { environment["PACKHOUSE_DATABASE_URL"] = database.address }
            self.environment = environment
        }

        func run(_ arguments: String..., input: String = "") async throws -> CommandRun {
            try await CommandRun.shell(
                try PackhouseBinary.url().path, arguments, environment: environment, input: input)
        }

        func object(_ arguments: String...) async throws -> [String: Any] {
            try await CommandRun.shell(
                try PackhouseBinary.url().path, arguments + ["--json"], environment: environment
            ).json()
        }

        func list(_ arguments: String...) async throws -> [[String: Any]] {
            try await CommandRun.shell(
                try PackhouseBinary.url().path, arguments + ["--json"], environment: environment
            ).json([[String: Any]].self)
        }

        func engine() throws -> any SQLEngine {
            if let database { return try database.makeEngine() }
            return try SQLiteEngine(path: folder.path("data/packhouse.sqlite3"))
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func migratingTwiceChangesNothing(kind: DatabaseKind) async throws {
        let place = try await Place(kind)
        let first = try await place.list("migrate")
        #expect(!first.isEmpty)
        #expect(first.allSatisfy { $0["state"] as? String == "applied" })
        let second = try await place.list("migrate")
        #expect(second.count == first.count)
        let status = try await place.list("migrate", "--status")
        #expect(status.allSatisfy { $0["state"] as? String == "applied" })
    }

    @Test func commandsAskForAMigrationFirst() async throws {
        let sqlite = try await Place(.sqlite)
        let missing = try await sqlite.run("user", "list")
        #expect(missing.status == 1)
        #expect(missing.output.contains("there is no database at"))
        #expect(!FileManager.default.fileExists(atPath: sqlite.folder.path("data")))
        let postgres = try await Place(.postgres)
        let pending = try await postgres.list("migrate", "--status")
        #expect(!pending.isEmpty)
        #expect(pending.allSatisfy { $0["state"] as? String == "pending" })
        let outdated = try await postgres.run("user", "list")
        #expect(outdated.status == 1)
        #expect(outdated.output.contains("run 'packhouse migrate' first"))
    }

    @Test(arguments: DatabaseKind.allCases)
    func usersAreCreatedListedBlockedAndRestored(kind: DatabaseKind) async throws {
        let place = try await Place(kind)
        _ = try await place.list("migrate")
        let made = try await place.object(
            "user", "create", "alice", "--name", "Alice A", "--email", "alice@example.com",
            "--admin")
        #expect((made["password"] as? String ?? "").count >= 20)
        let given = try await place.run(
            "user", "create", "bob", "--password-stdin", input: "correct horse\n")
        #expect(given.status == 0, "\(given.output)")
        #expect(!given.output.contains("correct horse"))
        let users = try await place.list("user", "list")
        #expect(users.map { $0["username"] as? String } == ["alice", "bob"])
        #expect(users[0]["is_admin"] as? Bool == true)
        #expect(users[0]["email"] as? String == "alice@example.com")
        let found = try await place.list("user", "list", "--search", "bob")
        #expect(found.count == 1)

        let taken = try await place.run("user", "create", "ALICE")
        #expect(taken.status == 1)
        let short = try await place.run(
            "user", "create", "carl", "--password-stdin", input: "short\n")
        #expect(short.status == 1)
        #expect(short.output.contains("at least 8 characters"))
        let reserved = try await place.run("user", "create", "api")
        #expect(reserved.output.contains("reserved"))

        let blocked = try await place.object("user", "revoke", "bob")
        #expect(blocked["state"] as? String == "blocked")
        let restored = try await place.object("user", "restore", "bob")
        #expect(restored["state"] as? String == "active")
        let reset = try await place.object("user", "password", "bob")
        #expect((reset["password"] as? String ?? "").count >= 20)
        let nobody = try await place.run("user", "revoke", "nobody")
        #expect(nobody.status == 1)
        #expect(nobody.output.contains("there is no user 'nobody'"))
    }

    @Test(arguments: DatabaseKind.allCases)
    func groupsAndProjectsAreCreatedListedAndRemoved(kind: DatabaseKind) async throws {
        let place = try await Place(kind)
        _ = try await place.list("migrate")
        _ = try await place.object("user", "create", "alice")
        _ = try await place.object("group", "create", "acme", "--owner", "alice")
        let nested = try await place.object(
            "group", "create", "Acme/Tools", "--visibility", "internal", "--name", "The Tools")
        #expect(nested["path"] as? String == "acme/Tools")
        #expect(nested["visibility"] as? String == "internal")
        _ = try await place.object(
            "project", "create", "acme/tools/web", "--allow-replacing", "generic")
        _ = try await place.object("project", "create", "alice/own", "--visibility", "public")
        let projects = try await place.list("project", "list")
        #expect(projects.map { $0["path"] as? String } == ["acme/Tools/web", "alice/own"])
        let below = try await place.list("project", "list", "--below", "acme")
        #expect(below.count == 1)

        for (arguments, words) in [
            (["group", "create", "acme"], "taken"),
            (["group", "create", "nowhere/a"], "there is no group or project 'nowhere'"),
            (["group", "create", "alice/a"], "cannot hold a group"),
            (["project", "create", "lonely"], "needs a group or user before its name"),
            (["project", "create", "alice/own/deeper"], "cannot hold a project"),
            (["project", "create", "acme/x", "--allow-replacing", "generik"], "'generic'"),
            (["project", "revoke", "acme"], "there is no project 'acme'"),
        ] {
            let run = try await CommandRun.shell(
                try PackhouseBinary.url().path, arguments, environment: place.environment)
            #expect(run.status != 0, "\(arguments)")
            #expect(run.output.contains(words), "\(run.output)")
        }

        _ = try await place.object("project", "revoke", "alice/own")
        _ = try await place.object("group", "revoke", "acme")
        let left = try await place.list("project", "list")
        #expect(left.isEmpty)
        let groups = try await place.list("group", "list")
        #expect(groups.isEmpty)
    }

    @Test(arguments: DatabaseKind.allCases)
    func theCollectorIsSteered(kind: DatabaseKind) async throws {
        let place = try await Place(kind)
        _ = try await place.list("migrate")
        let idle = try await place.object("gc", "status")
        #expect(idle["review_count"] as? Int == 0 && idle["paused_at"] == nil)
        // Something that was due long ago and is no longer there.
        let engine = try place.engine()
        try await engine.write { session in
            try session.execute(
                """
                INSERT INTO reviews (subject_kind, subject, event, review_after, attempts)
                VALUES ('version', '4711', 'test', 1, 0)
                """)
        }
        await engine.close()
        #expect(try await place.object("gc", "status")["due_count"] as? Int == 1)
        let pause = try await CommandRun.shell(
            try PackhouseBinary.url().path, ["gc", "pause"], environment: place.environment)
        #expect(pause.status == 0, "\(pause.output)")
        let refused = try await CommandRun.shell(
            try PackhouseBinary.url().path, ["gc", "run"], environment: place.environment)
        #expect(refused.status != 0)
        #expect(refused.output.contains("packhouse gc resume"), "\(refused.output)")
        #expect(try await place.object("gc", "status")["paused_at"] is String)
        _ = try await CommandRun.shell(
            try PackhouseBinary.url().path, ["gc", "resume"], environment: place.environment)
        let dry = try await place.object("gc", "run", "--dry-run")
        #expect(dry["bytes"] as? Int == 0 && dry["has_more_versions"] as? Bool == false)
        #expect(try await place.object("gc", "status")["due_count"] as? Int == 1)
        let done = try await place.object("gc", "run")
        #expect(done["failed_count"] as? Int == 0)
        let after = try await place.object("gc", "status")
        #expect(after["review_count"] as? Int == 0 && after["reclaimed_bytes"] as? Int == 0)
        #expect((after["blocked"] as? [Any])?.isEmpty == true)
        let table = try await place.run("gc", "status")
        #expect(table.output.contains("LAST HOUR"), "\(table.output)")
        #expect(table.output.contains("not yet"), "\(table.output)")
        #expect((after["scrub"] as? [String: Any])?["running"] as? Bool == false)
    }

    @Test(arguments: DatabaseKind.allCases)
    func rulesAboutTagsAreAddedListedAndRemoved(kind: DatabaseKind) async throws {
        let place = try await Place(kind)
        _ = try await place.list("migrate")
        _ = try await place.object("group", "create", "acme")
        _ = try await place.object("project", "create", "acme/web", "--allow-missing-children")
        let made = try await place.object(
            "tag-rule", "add", "v[0-9.]+", "--project", "acme/web", "--push", "maintainer",
            "--delete", "owner")
        #expect(made["push"] as? String == "maintainer")
        #expect(made["delete"] as? String == "owner")
        #expect(made["is_immutable"] as? Bool == false)
        _ = try await place.object(
            "tag-rule", "add", "pin-.*", "--project", "acme/web", "--immutable")
        let rules = try await place.list("tag-rule", "list", "--project", "acme/web")
        #expect(rules.map { $0["pattern"] as? String } == ["v[0-9.]+", "pin-.*"])

        for (arguments, words) in [
            (["add", "x", "--project", "acme/web"], "needs --push, --delete or --immutable"),
            (["add", "x", "--project", "acme/web", "--push", "guest"], "may not push anyway"),
            (["add", "x", "--project", "acme/web", "--push", "king"], "king"),
            (["add", "(x", "--project", "acme/web", "--immutable"], "the pattern '(x'"),
            (["add", "pin-.*", "--project", "acme/web", "--immutable"], "this pattern already"),
            (["list", "--project", "acme"], "there is no project 'acme'"),
            (["remove", "4711", "--project", "acme/web"], "'acme/web' has no rule 4711"),
        ] {
            let run = try await CommandRun.shell(
                try PackhouseBinary.url().path, ["tag-rule"] + arguments,
                environment: place.environment)
            #expect(run.status != 0, "\(arguments)")
            #expect(run.output.contains(words), "\(run.output)")
        }

        let id = try #require(made["id"] as? Int)
        _ = try await place.object("tag-rule", "remove", "\(id)", "--project", "acme/web")
        let left = try await place.list("tag-rule", "list", "--project", "acme/web")
        #expect(left.map { $0["pattern"] as? String } == ["pin-.*"])
        let engine = try place.engine()
        let settings = try await engine.read { session in
            try session.query("SELECT settings FROM namespaces WHERE kind = 'project'").map { row in
                var row = row
                return try row.text()
            }
        }
        #expect(settings.allSatisfy { $0.contains(#""allowsMissingChildren":true"#) })
        #expect(settings.count == 1)
        await engine.close()
    }

    @Test(arguments: DatabaseKind.allCases)
    func whatIsKeptIsSetTriedAndApplied(kind: DatabaseKind) async throws {
        let place = try await Place(kind)
        _ = try await place.list("migrate")
        _ = try await place.object("group", "create", "acme")
        _ = try await place.object("project", "create", "acme/web")
        let policy = #"{"enabled": true, "rules": [{"keep": "newest", "count": 3}]}"#
        let set = try await place.run("retention", "set", "acme", "--json", input: policy)
        #expect(try set.json()["enabled"] as? Bool == true, "\(set.output)")
        let shown = try await place.object("retention", "show", "acme/web")
        #expect(shown["source"] as? String == "acme")
        let rules = try #require(shown["rules"] as? [[String: Any]])
        #expect(rules.first?["keep"] as? String == "newest")
        #expect(rules.first?["count"] as? Int == 3)
        let table = try await place.run("retention", "show", "acme/web")
        #expect(table.output.contains("the 3 newest versions"), "\(table.output)")
        let tried = try await place.list("retention", "dry-run", "acme")
        #expect(tried.isEmpty)
        let done = try await place.list("retention", "run", "acme")
        #expect(done.map { $0["project"] as? String } == ["acme/web"])
        #expect(done.first?["removed"] as? Int == 0)
        let after = try await place.object("retention", "show", "acme/web")
        #expect(after["last_run_at"] is String && after["next_run_at"] is String)

        let file = try place.folder.write(#"{"rules": [{"keep": "all"}]}"#, to: "policy.json")
        for (arguments, input, words) in [
            (["set", "acme", "--file", file], "", "rules[0].keep is none of"),
            (["set", "acme"], "", "the policy is no JSON"),
            (["set", "acme", "--file", "/nowhere/p.json"], "", "cannot read the policy"),
            (
                ["set", "acme"], #"{"rules": [{"keep": "protected", "format": "generik"}]}"#,
                "did you mean 'generic'?"
            ),
            (["set", "nowhere"], policy, "there is no group or project 'nowhere'"),
            (["set", "acme", "--inherit", "--file", file], "", "--inherit takes no policy"),
        ] {
            let run = try await CommandRun.shell(
                try PackhouseBinary.url().path, ["retention"] + arguments,
                environment: place.environment, input: input)
            #expect(run.status != 0, "\(arguments)")
            #expect(run.output.contains(words), "\(run.output)")
        }
        _ = try await place.object("retention", "set", "acme", "--inherit")
        let off = try await place.run("retention", "run", "acme/web")
        #expect(off.status == 1 && off.output.contains("no policy is enabled"), "\(off.output)")
    }

    @Test(arguments: DatabaseKind.allCases)
    func tokensAreCreatedListedAndRevoked(kind: DatabaseKind) async throws {
        let place = try await Place(kind)
        _ = try await place.list("migrate")
        _ = try await place.object("user", "create", "alice")
        _ = try await place.object("group", "create", "acme", "--owner", "alice")
        _ = try await place.object("project", "create", "acme/web")
        let personal = try await place.object(
            "token", "create", "personal", "alice", "--name", "laptop", "--scopes", "read_api",
            "read_registry", "--expires-in-days", "2")
        let deploy = try await place.object(
            "token", "create", "deploy", "acme", "--name", "ci", "--username", "robot",
            "--scopes", "read_package_registry")
        #expect(deploy["username"] as? String == "robot")
        let job = try await place.run(
            "token", "create", "job", "acme/web", "--user", "alice", "--job", "42", "--token-only")
        let secret = job.output.trimmingCharacters(in: .newlines)
        #expect(secret.hasPrefix("phjob-"))

        let listed = try await place.run("token", "list", "--json")
        for hidden in [secret, personal["token"] as? String ?? "-"] {
            #expect(!listed.output.contains(hidden))
        }
        let tokens = try listed.json([[String: Any]].self)
        #expect(tokens.map { $0["kind"] as? String } == ["personal", "deploy", "job"])
        #expect(tokens.map { $0["of"] as? String } == ["alice", "acme", "acme/web"])
        #expect(tokens[0]["scopes"] as? [String] == ["read_api", "read_registry"])
        let ofAlice = try await place.list("token", "list", "--kind", "personal")
        #expect(ofAlice.count == 1)
        let inProject = try await place.list("token", "list", "--namespace", "acme/web")
        #expect(inProject.count == 1)

        let id = try #require(personal["id"] as? Int)
        let revoked = try await place.object("token", "revoke", "\(id)")
        #expect(revoked["state"] as? String == "revoked")
        let again = try await place.run("token", "revoke", "\(id)")
        #expect(again.status == 1)
        let active = try await place.list("token", "list", "--active")
        #expect(active.count == 2)
        let wrongScope = try await place.run(
            "token", "create", "deploy", "acme", "--name", "x", "--scopes", "api")
        #expect(wrongScope.status != 0)
        #expect(wrongScope.output.contains("cannot have the scope 'api'"))
    }

    @Test(arguments: DatabaseKind.allCases)
    func formatsAreSwitched(kind: DatabaseKind) async throws {
        let place = try await Place(kind)
        _ = try await place.list("migrate")
        let before = try await place.list("features", "list")
        #expect(before.contains { $0["name"] as? String == "generic" })
        let off = try await place.object("features", "set", "generic", "off")
        #expect(off["state"] as? String == "off")
        let on = try await place.object("features", "set", "generic", "on")
        #expect(on["state"] as? String == "on")
        let unknown = try await place.run("features", "set", "generics", "on")
        #expect(unknown.status == 1)
        #expect(unknown.output.contains("did you mean 'generic'?"))
    }

    @Test(arguments: DatabaseKind.allCases)
    func everyChangeIsInTheAudit(kind: DatabaseKind) async throws {
        let place = try await Place(kind)
        _ = try await place.list("migrate")
        _ = try await place.object("user", "create", "alice")
        _ = try await place.object("project", "create", "alice/web")
        _ = try await place.object("token", "create", "personal", "alice", "--name", "x")
        _ = try await place.object("features", "set", "generic", "on")
        _ = try await place.object("project", "revoke", "alice/web")
        _ = try await place.object("user", "revoke", "alice")
        let engine = try place.engine()
        let events = try await engine.read { session in
            try session.query("SELECT action, principal FROM audit_events ORDER BY id").map { row in
                var row = row
                return [try row.text(), try row.text()]
            }
        }
        await engine.close()
        #expect(
            events
                == [
                    "user.create", "project.create", "token.create", "feature.set",
                    "project.remove",
                    "user.block",
                ].map { [$0, "cli"] })
    }
}
