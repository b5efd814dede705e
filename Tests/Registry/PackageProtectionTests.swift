import Registry
import Testing

@Suite struct PackageProtectionTests {
    @Test func patternsStandForNames() throws {
        let cases: [(pattern: String, names: [String], others: [String])] = [
            ("tool", ["tool", "TOOL"], ["tool2", "a-tool", ""]),
            ("*", ["", "a", "a/b"], []),
            ("@acme/*", ["@acme/", "@acme/web", "@ACME/x"], ["@acme", "x@acme/web"]),
            ("*-internal", ["a-internal", "-internal"], ["a-internal2", "internal"]),
            ("a*b*c", ["abc", "aXbYc", "abbcc", "abcbc"], ["ab", "acb", "abcd"]),
            ("a**b", ["ab", "axb"], ["a"]),
            ("ab*ba", ["abba", "abxba"], ["aba"]),
            ("a.c+[x]?", ["a.c+[x]?"], ["abc", "a.cc[x]"]),
            ("caf\u{E9}*", ["caf\u{C9}s"], ["cafe"]),
        ]
        for (text, names, others) in cases {
            let pattern = try WildcardPattern(text)
            for name in names { #expect(pattern.matches(name), "\(text) \(name)") }
            for name in others { #expect(!pattern.matches(name), "\(text) \(name)") }
        }
        for wrong in ["", String(repeating: "x", count: 256), "a\nb"] {
            #expect(throws: RegistryError.self) { try WildcardPattern(wrong) }
        }
    }

    @Test func periodsAreReadAndWritten() throws {
        let cases: [(text: String, seconds: Int64?, written: String)] = [
            ("7d", 604_800, "7d"), ("1w", 604_800, "7d"), ("0", 0, "0"), ("0d", 0, "0"),
            ("36h", 129_600, "36h"), ("48h", 172_800, "2d"), ("90m", 5400, "90m"),
            ("61s", 61, "61s"), ("never", nil, "never"), ("36500d", 3_153_600_000, "36500d"),
        ]
        for (text, seconds, written) in cases {
            let period = try KeepingPeriod(parsing: text)
            #expect(period.seconds == seconds, "\(text)")
            #expect(period.description == written)
            #expect(try KeepingPeriod(parsing: written) == period)
        }
        for wrong in ["", "7", "d", "-1d", "7 d", "1.5d", "7D", "36501d", "99999999999999999999d"] {
            #expect(throws: RegistryError.self, "\(wrong)") { try KeepingPeriod(parsing: wrong) }
        }
        let now = Timestamp(seconds: 1000)
        #expect(KeepingPeriod(seconds: 60).end(from: now) == Timestamp(seconds: 1060))
        #expect(KeepingPeriod(seconds: 60).latestStart(endedAt: now) == Timestamp(seconds: 940))
        #expect(KeepingPeriod.never.end(from: now) == nil)
        #expect(KeepingPeriod.never.latestStart(endedAt: now) < Timestamp(seconds: -1_000_000_000))
    }

    private static func project(isWriteOnce: Bool? = nil) throws -> NamespaceRecord {
        let settings = NamespaceSettings(
            allowsReplacing: ["generic": true], isWriteOnce: isWriteOnce)
        return NamespaceRecord(
            id: 1, kind: .project, path: try NamespacePath(parsing: "acme/web"), parentID: 2,
            lineage: [2], name: "Web", summary: "", visibility: .private,
            effectiveVisibility: .private, settings: settings, effectiveSettings: settings,
            creatorID: nil, createdAt: Timestamp(seconds: 0))
    }

    private static func deployToken(_ id: Int64, _ username: String) -> Authority {
        Authority(
            .deployToken(
                DeployTokenPrincipal(id: id, username: username, namespaceID: 1, scopes: [])),
            role: nil)
    }

    private static func user(_ role: Role, token: Int64? = nil) -> Authority {
        Authority(
            .user(
                UserPrincipal(
                    id: 1, username: "7", isAdmin: false, scopes: nil, tokenID: token)),
            role: role)
    }

    @Test func rolesAndTokensAreJudged() throws {
        let rule = PackageRule(
            id: 1, projectID: 1,
            terms: PackageRuleTerms(
                pattern: try WildcardPattern("core*"), format: "generic",
                publish: RuleRequirement(role: .maintainer, tokens: ["7", "ci"]),
                delete: RuleRequirement(tokens: ["9"])),
            createdAt: Timestamp(seconds: 0))
        let cases: [(who: Authority, mayPublish: Bool, mayDelete: Bool)] = [
            (Self.user(.developer), false, false), (Self.user(.maintainer), true, false),
            (Self.user(.owner), true, false), (Self.user(.developer, token: 7), true, false),
            (Self.user(.maintainer, token: 9), true, true),
            (Self.deployToken(8, "other"), false, false), (Self.deployToken(7, "x"), true, false),
            (Self.deployToken(8, "ci"), true, false),
            // A username of digits is no number.
            (Self.deployToken(8, "7"), false, false), (Self.deployToken(8, "9"), false, false),
            (Authority(.console, role: nil), true, true),
        ]
        for (who, mayPublish, mayDelete) in cases {
            let protection = PackageProtection([rule], project: try Self.project(), authority: who)
            #expect(allows { try protection.checkPublishing("generic", "core-x") } == mayPublish)
            #expect(allows { try protection.checkUntagging("generic", "Core") } == mayDelete)
            #expect(allows { try protection.checkRemoving("generic", "core") } == mayDelete)
            // Another name, and another format.
            #expect(allows { try protection.checkPublishing("generic", "score") })
            #expect(allows { try protection.checkRemoving("npm", "core") })
        }
    }

    @Test func everyRuleThatMatchesHasToBeMet() throws {
        let rules = try [("*", Role.maintainer), ("core", Role.owner)].map { pattern, role in
            PackageRule(
                id: 1, projectID: 1,
                terms: PackageRuleTerms(
                    pattern: try WildcardPattern(pattern), publish: RuleRequirement(role: role)),
                createdAt: Timestamp(seconds: 0))
        }
        let protection = PackageProtection(
            rules, project: try Self.project(), authority: Self.user(.maintainer))
        try protection.checkPublishing("npm", "other")
        let refusal = #expect(throws: RegistryError.self) {
            try protection.checkPublishing("npm", "core")
        }
        #expect(refusal?.code == .forbidden && refusal?.reason == "package_protected")
        #expect(refusal?.detail["rule"] == "core")
        #expect(
            refusal?.message
                == "the npm package 'core' is protected by the rule 'core': you need at least the "
                + "role 'owner' to publish it")
        try protection.checkRemoving("npm", "core")
    }

    @Test func repositoriesAreMatchedByTheirWholePath() throws {
        for (pattern, names) in [
            ("acme/web", [""]), ("acme/web*", ["", "api", "api/x"]), ("acme/web/api", ["api"]),
            ("Acme/Web/a*", ["api", "api/x"]), ("api", []),
        ] as [(String, [String])] {
            let terms = PackageRuleTerms(
                pattern: try WildcardPattern(pattern), subject: .address, format: "oci")
            for name in ["", "api", "api/x", "web"] {
                let covers = terms.covers("oci", name, in: try NamespacePath(parsing: "acme/web"))
                #expect(covers == (names.contains(name) || pattern == "acme/web*"), "\(pattern)")
            }
        }
    }

    @Test func whatIsWrittenOnceStays() throws {
        for (isWriteOnce, role, isAllowed) in [
            (true, Role.maintainer, false), (true, .owner, true), (false, .maintainer, true),
        ] {
            let project = try Self.project(isWriteOnce: isWriteOnce)
            let protection = PackageProtection(
                [], project: project, authority: Self.user(role))
            #expect(allows { try protection.checkRemoving("npm", "x") } == isAllowed)
            #expect(allows { try protection.checkUntagging("npm", "x") })
            #expect(project.effectiveSettings.allowsReplacing("generic") == !isWriteOnce)
        }
    }

    private func allows(_ check: () throws -> Void) -> Bool {
        do {
            try check()
            return true
        } catch {
            return false
        }
    }
}
