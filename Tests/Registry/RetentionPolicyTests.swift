import Registry
import TestSupport
import Testing

@Suite struct RetentionPolicyTests {
    @Test func whatIsWrittenIsReadAgain() throws {
        let text = """
            {"cadence":"6h","enabled":true,"rules":[{"count":5,"format":"generic","keep":"newest",\
            "packages":"tool|lib","stage":"prerelease"},{"keep":"pushed_within","period":"30d"},\
            {"keep":"pulled_within","names":"v.*","period":"1 week 2 days"},\
            {"keep":"matching","pattern":"release-.*"},{"keep":"protected"}]}
            """
        let policy = try RetentionPolicy(parsing: text)
        #expect(policy.isEnabled && policy.cadence.seconds == 6 * 3600)
        #expect(policy.rules.count == 5)
        #expect(try policy.encode() == text)
        #expect(
            policy.rules.map(\.description) == [
                "the 5 newest prereleases of generic in packages like 'tool|lib'",
                "versions pushed within 30d",
                "versions named like 'v.*' downloaded within 1 week 2 days",
                "versions that match 'release-.*'",
                "versions that a rule about tags protects",
            ])
        // What nobody says is off, once a day, and keeps everything.
        let empty = try RetentionPolicy(parsing: #"{"rules": []}"#)
        #expect(empty == RetentionPolicy(isEnabled: false, cadence: .daily, rules: []))
    }

    @Test func whatIsNotUnderstoodIsRefusedWithItsPlace() throws {
        let cases: [(String, String)] = [
            ("", "the policy is no JSON"), ("[]", "the policy is of the wrong kind"),
            ("{}", "rules is missing"), (#"{"rules": 1}"#, "rules is of the wrong kind"),
            (#"{"rule": []}"#, "rule is not known; there are enabled, cadence, rules"),
            (#"{"rules": [], "enabled": "yes"}"#, "enabled is of the wrong kind"),
            (#"{"rules": [], "cadence": "2d"}"#, "cadence is invalid: '2d' is no cadence"),
            (#"{"rules": [], "cadence": "0h"}"#, "cadence is invalid"),
            (#"{"rules": [], "cadence": "721h"}"#, "cadence is invalid"),
            (#"{"rules": [{}]}"#, "rules[0].keep is missing"),
            (#"{"rules": [{"keep": "all"}]}"#, "rules[0].keep is none of matching, newest"),
            (
                #"{"rules": [{"keep": "protected"}, {"keep": "newest"}]}"#,
                "rules[1].count is missing"
            ),
            (#"{"rules": [{"keep": "newest", "count": 0}]}"#, "rules[0].count is not between"),
            (
                #"{"rules": [{"keep": "newest", "count": "5"}]}"#,
                "rules[0].count is of the wrong kind"
            ),
            (
                #"{"rules": [{"keep": "newest", "count": 5, "period": "1d"}]}"#,
                "rules[0].period has no meaning with 'newest'"
            ),
            (
                #"{"rules": [{"keep": "newest", "count": 5, "patern": "x"}]}"#,
                "rules[0].patern is not known; there are keep, count"
            ),
            (
                #"{"rules": [{"keep": "pushed_within", "period": "soon"}]}"#,
                "rules[0].period is invalid: 'soon' is no time"
            ),
            (
                #"{"rules": [{"keep": "matching", "pattern": "(a"}]}"#,
                "rules[0].pattern is invalid: the pattern '(a' cannot be read"
            ),
            (
                #"{"rules": [{"keep": "protected", "names": "["}]}"#,
                "rules[0].names is invalid"
            ),
            (
                #"{"rules": [{"keep": "protected", "stage": "beta"}]}"#,
                "rules[0].stage is none of release, prerelease"
            ),
            (
                "{\"rules\": ["
                    + Array(repeating: #"{"keep":"protected"}"#, count: 51).joined(separator: ",")
                    + "]}", "rules are more than 50"
            ),
        ]
        for (text, message) in cases {
            let error = #expect(throws: RegistryError.self, "\(text)") {
                try RetentionPolicy(parsing: text)
            }
            #expect(error?.message.hasPrefix(message) == true, "\(text): \(error?.message ?? "")")
            #expect(error?.code == .malformed)
        }
    }

    @Test func aHyphenBehindANumberComesBeforeARelease() {
        for name in ["1.0.0-rc.1", "1.0-SNAPSHOT", "v2.0.0-beta", "1-a", "1.2.3-4+build"] {
            #expect(FormatRules.isPrerelease(name), "\(name)")
        }
        for name in ["1.0.0", "1.0.0+build-7", "v2", "nightly-2", "latest", "", "v", "-1", "a1-2"] {
            #expect(!FormatRules.isPrerelease(name), "\(name)")
        }
    }
}
