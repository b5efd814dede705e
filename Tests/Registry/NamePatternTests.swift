import Registry
import Testing

@Suite("NamePattern")
struct NamePatternTests {
    @Test(
        "matches whole names",
        arguments: [
            ("v.+", "v1", true), ("v.+", "xv1", false), ("v.+", "v", false),
            (#"\d+\.\d+"#, "1.20", true), (#"\d+\.\d+"#, "1.20-rc", false),
            ("(?:main|release-.*)", "release-1", true), ("(?i)latest", "LATEST", true),
            ("latest", "latest\n", false), (".*", "", true),
        ])
    func wholeNames(pattern: String, name: String, isMatch: Bool) throws {
        #expect(try NamePattern(pattern).matches(name) == isMatch)
    }

    @Test("names what cannot be read", arguments: ["(", "a{2,1}", "[z-a]", "", "*"])
    func refusesBadPatterns(text: String) throws {
        let error = #expect(throws: RegistryError.self) { try NamePattern(text) }
        #expect(error?.reason == "pattern_invalid")
    }

    @Test("gives up on a match that takes too long")
    func boundedMatch() throws {
        let pattern = try NamePattern("(a|aa)+[cd]")
        let name = String(repeating: "a", count: 128)
        let error = #expect(throws: RegistryError.self) { try pattern.matches(name) }
        #expect(error?.reason == "pattern_too_costly")
    }
}
