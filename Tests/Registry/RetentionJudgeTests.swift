import Registry
import TestSupport
import Testing

/// What rules decide, without a database.
@Suite struct RetentionJudgeTests {
    private static let now = Timestamp(seconds: 1_800_000_000)
    private static let day: Int64 = 86_400

    private static func package(_ name: String = "tool", format: FormatID = "generic")
        -> PackageRecord
    {
        PackageRecord(
            id: 1, projectID: 1, format: format, name: name, revision: 1, createdAt: now,
            updatedAt: now)
    }

    private static func protection(_ pattern: String?) throws -> TagProtection {
        let rules = try pattern.map { text in
            [
                TagRule(
                    id: 1, projectID: 1, format: "generic", pattern: try NamePattern(text),
                    pushRole: nil, deleteRole: .owner, isImmutable: false, createdAt: now)
            ]
        }
        return TagProtection(rules ?? [], role: .guest)
    }

    /// A version of an age in days, or a tag.
    private static func unit(
        _ name: String, _ age: Int64, pulled: Int64? = nil, tags: [String] = [],
        kind: RetentionUnit.Kind = .version
    ) -> RetentionUnit {
        RetentionUnit(
            kind: kind, versionID: 1, name: name, version: name, tags: tags,
            pushedAt: now.advanced(bySeconds: -age * day),
            pulledAt: pulled.map { now.advanced(bySeconds: -$0 * day) })
    }

    private static func judge(
        _ rules: [RetentionRule], _ package: PackageRecord = package(), protects: String? = nil
    ) throws -> RetentionJudge {
        try RetentionJudge(
            rules, of: package, isPrerelease: FormatRules.isPrerelease,
            protection: protection(protects), at: now)
    }

    private static func verdicts(
        _ rules: String, _ units: [RetentionUnit], in package: PackageRecord = package(),
        protects: String? = nil
    ) throws -> [String] {
        let policy = try RetentionPolicy(parsing: "{\"rules\": [\(rules)]}")
        var judge = try judge(policy.rules, package, protects: protects)
        return units.map { unit in
            let verdict = judge.judge(unit)
            return [unit.name, verdict.reason.rawValue, verdict.rule.map(String.init)]
                .compactMap(\.self).joined(separator: " ")
        }
    }

    private static let units = [
        unit("2.1.0-rc.2", 0), unit("2.1.0-rc.1", 1, pulled: 1), unit("2.0.0", 2),
        unit("1.9.0-rc.1", 40), unit("1.8.0", 41, pulled: 3), unit("1.7.0", 400, tags: ["lts"]),
    ]

    @Test(
        arguments: [
            // Nothing said, nothing removed.
            ("", Array(repeating: "not_covered", count: 6)),
            (
                #"{"keep": "newest", "count": 2}"#,
                ["rule 1", "rule 1", "not_kept", "not_kept", "not_kept", "not_kept"]
            ),
            // What is not spoken of stays.
            (
                #"{"keep": "newest", "count": 1, "stage": "prerelease"}"#,
                ["rule 1", "not_kept", "not_covered", "not_kept", "not_covered", "not_covered"]
            ),
            (
                #"{"keep": "newest", "count": 1, "stage": "release"}"#,
                ["not_covered", "not_covered", "rule 1", "not_covered", "not_kept", "not_kept"]
            ),
            (
                #"{"keep": "pushed_within", "period": "2d"}, {"keep": "pulled_within", "period": "7d"}"#,
                ["rule 1", "rule 1", "not_kept", "not_kept", "rule 2", "not_kept"]
            ),
            // A tag of a version is a name of it.
            (
                #"{"keep": "matching", "pattern": "lts|2\\.0\\.0"}"#,
                ["not_kept", "not_kept", "rule 1", "not_kept", "not_kept", "rule 1"]
            ),
            // The newest are counted among those that no rule before keeps.
            (
                #"{"keep": "matching", "pattern": "2.*"}, {"keep": "newest", "count": 1}"#,
                ["rule 1", "rule 1", "rule 1", "rule 2", "not_kept", "not_kept"]
            ),
            (
                #"{"keep": "newest", "count": 1, "names": "1.*"}"#,
                ["not_covered", "not_covered", "not_covered", "rule 1", "not_kept", "not_kept"]
            ),
            (
                #"{"keep": "newest", "count": 1, "packages": "to"}"#,
                Array(repeating: "not_covered", count: 6)
            ),
            (
                #"{"keep": "newest", "count": 1, "format": "oci"}"#,
                Array(repeating: "not_covered", count: 6)
            ),
            (
                #"{"keep": "newest", "count": 3, "packages": "to.l", "format": "generic"}"#,
                ["rule 1", "rule 1", "rule 1", "not_kept", "not_kept", "not_kept"]
            ),
        ] as [(String, [String])])
    func rules(_ rules: String, _ expected: [String]) throws {
        let found = try Self.verdicts(rules, Self.units)
        #expect(found == zip(Self.units, expected).map { "\($0.name) \($1)" }, "\(rules)")
    }

    @Test func whatIsProtectedStays() throws {
        let tags = ["v3", "v2", "pin", "v1"].enumerated().map {
            Self.unit($1, Int64($0), kind: .tag)
        }
        #expect(
            try Self.verdicts(#"{"keep": "newest", "count": 1}"#, tags, protects: "pin")
                == ["v3 rule 1", "v2 not_kept", "pin protected", "v1 not_kept"])
        // A version is protected by its tags.
        let version = Self.unit("1.0", 5, tags: ["pin"])
        #expect(
            try Self.verdicts(
                #"{"keep": "matching", "pattern": "x"}"#, [version], protects: "pin")
                == ["1.0 protected"])
        // As a rule, it comes before the newest are counted.
        #expect(
            try Self.verdicts(
                #"{"keep": "protected"}, {"keep": "newest", "count": 2}"#,
                Array(tags.reversed()), protects: "v.")
                == ["v1 rule 1", "pin rule 2", "v2 rule 1", "v3 rule 1"])
    }

    @Test func whereAPatternHasNoAnswerNothingGoes() throws {
        let evil = String(repeating: "a", count: 60) + "b"
        for rules in [
            #"{"keep": "matching", "pattern": "(a+)+"}"#,
            #"{"keep": "newest", "count": 1, "names": "(a+)+"}"#,
        ] {
            #expect(
                try Self.verdicts(
                    rules, [Self.unit("aa", 1), Self.unit(evil, 2), Self.unit("b", 3)])[1]
                    == "\(evil) undecided")
        }
        #expect(
            try Self.verdicts(
                #"{"keep": "newest", "count": 1}"#,
                [Self.unit("x", 0, kind: .tag), Self.unit(evil, 2, kind: .tag)], protects: "(a+)+")
                == ["x rule 1", "\(evil) undecided"])
    }

    // MARK: Properties

    /// Random policies and packages hold to what is true of all of them.
    @Test func properties() throws {
        var generator = SeededGenerator.announced()
        for _ in 0..<3000 {
            let units = Self.randomUnits(&generator)
            let rules = try (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                try Self.randomRule(&generator)
            }
            let protects = Bool.random(using: &generator) ? "[ab].*" : nil
            let verdicts = try Self.judgeAll(rules, units, protects)
            #expect(verdicts == (try Self.model(rules, units, protects)), "\(rules)")
            for (unit, verdict) in zip(units, verdicts) where verdict == .notKept {
                #expect(!rules.isEmpty)
                let tags = unit.kind == .tag ? [unit.name] : unit.tags
                for tag in tags where protects != nil {
                    #expect(try !NamePattern("[ab].*").matches(tag))
                }
            }
            // One more rule about the same versions never removes more.
            guard let scope = rules.randomElement(using: &generator)?.scope else { continue }
            var more = rules
            var extra = try Self.randomRule(&generator)
            extra.scope = scope
            more.insert(extra, at: Int.random(in: 0...rules.count, using: &generator))
            for (before, after) in zip(verdicts, try Self.judgeAll(more, units, protects))
            where before != .notKept {
                #expect(after != .notKept, "\(rules) and \(extra)")
            }
        }
    }

    private static func judgeAll(
        _ rules: [RetentionRule], _ units: [RetentionUnit], _ protects: String?
    ) throws -> [RetentionVerdict.Reason] {
        var judge = try judge(rules, protects: protects)
        return units.map { judge.judge($0).reason }
    }

    /// The same decision, rule by rule over all units at once.
    private static func model(
        _ rules: [RetentionRule], _ units: [RetentionUnit], _ protects: String?
    ) throws -> [RetentionVerdict.Reason] {
        var kept: Set<Int> = []
        var covered: Set<Int> = []
        for rule in rules where try rule.scope.packages?.matches("tool") ?? true {
            let spokenOf = try units.indices.filter { index in
                let name = units[index].name
                let isPrerelease = FormatRules.isPrerelease(name)
                return try rule.scope.names?.matches(name) ?? true
                    && rule.scope.stage.map { ($0 == .prerelease) == isPrerelease } ?? true
            }
            covered.formUnion(spokenOf)
            let open = spokenOf.filter { !kept.contains($0) }
            switch rule.condition {
            case .newest(let count): kept.formUnion(open.prefix(count))
            case .pushedWithin(let period):
                kept.formUnion(
                    open.filter { units[$0].pushedAt.seconds > now.seconds - period.seconds })
            case .pulledWithin(let period):
                kept.formUnion(
                    open.filter { index in
                        (units[index].pulledAt?.seconds ?? 0) > now.seconds - period.seconds
                    })
            case .matching(let pattern):
                kept.formUnion(
                    try open.filter { index in
                        try ([units[index].name] + units[index].tags).contains {
                            try pattern.matches($0)
                        }
                    })
            case .protected:
                kept.formUnion(try open.filter { try isProtected(units[$0], protects) })
            }
        }
        return try units.indices.map { index in
            if kept.contains(index) { return .rule }
            if !covered.contains(index) { return .notCovered }
            return try isProtected(units[index], protects) ? .protected : .notKept
        }
    }

    private static func isProtected(_ unit: RetentionUnit, _ pattern: String?) throws -> Bool {
        guard let pattern = try pattern.map({ try NamePattern($0) }) else { return false }
        return try (unit.kind == .tag ? [unit.name] : unit.tags).contains {
            try pattern.matches($0)
        }
    }

    private static let names = ["1.0.0", "1.0.0-rc.1", "2.0", "2.0-SNAPSHOT", "a", "b", "latest"]

    private static func randomUnits(_ generator: inout SeededGenerator) -> [RetentionUnit] {
        (0..<Int.random(in: 0...12, using: &generator)).map { _ in
            let isTag = Bool.random(using: &generator)
            return unit(
                names[Int.random(in: 0..<names.count, using: &generator)],
                Int64.random(in: 0...9, using: &generator),
                pulled: Bool.random(using: &generator)
                    ? Int64.random(in: 0...9, using: &generator) : nil,
                tags: isTag || Bool.random(using: &generator)
                    ? [] : [names[Int.random(in: 4..<names.count, using: &generator)]],
                kind: isTag ? .tag : .version)
        }.sorted { $0.pushedAt > $1.pushedAt }
    }

    private static func randomRule(
        _ generator: inout SeededGenerator
    ) throws -> RetentionRule {
        let days = try NamedPeriod(parsing: "\(Int.random(in: 0...9, using: &generator))d")
        let pattern = try NamePattern(
            ["1.*", "[ab]", ".*0", "latest"].randomElement(using: &generator) ?? "a")
        let condition: RetentionRule.Condition =
            switch Int.random(in: 0..<5, using: &generator) {
            case 0: .newest(Int.random(in: 1...4, using: &generator))
            case 1: .pushedWithin(days)
            case 2: .pulledWithin(days)
            case 3: .matching(pattern)
            default: .protected
            }
        var scope = RetentionRule.Scope()
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: scope.stage = .prerelease
        case 1: scope.stage = .release
        case 2: scope.names = try NamePattern("[12].*")
        case 3: scope.packages = try NamePattern("other")
        default: break
        }
        return RetentionRule(condition, of: scope)
    }
}
