import Foundation
import Registry
import TestSupport
import Testing

@testable import NPMFormat

/// The rules for names, versions and tags, which are those of npm.
@Suite struct NPMNameTests {
    @Test(arguments: [
        "tool", "t", "some-tool_2.x", "@acme/tool", "@acme/_private", "JSONStream", "a~b!c*'()",
        String(repeating: "a", count: 214),
    ])
    func namesThatMayBeAskedFor(_ text: String) throws {
        #expect(try NPMPackageName(parsing: text).description == text)
    }

    @Test(arguments: [
        "", ".tool", "_tool", "@acme", "@/tool", "@acme/", "acme/tool", "@acme/a/b", "a b", "a%b",
        "ä", "@acme/.tool", "a:b", "a@b", "a\\b", String(repeating: "a", count: 215),
    ])
    func namesThatAreNone(_ text: String) {
        let error = #expect(throws: RegistryError.self) { try NPMPackageName(parsing: text) }
        #expect(error?.code == .malformed)
        #expect(error?.reason == "name_invalid")
    }

    @Test(arguments: ["Tool", "@Acme/tool", "a~b", "a!", "node_modules", "favicon.ico"])
    func namesThatMayNotBePublished(_ text: String) throws {
        let name = try NPMPackageName(parsing: text)
        #expect(throws: RegistryError.self) { try name.requirePublishable() }
    }

    @Test func tarballsAreNamedAfterTheBase() throws {
        let name = try NPMPackageName(parsing: "@acme/tool")
        #expect(name.tarball("1.0.0") == "tool-1.0.0.tgz")
        #expect(name.base == "tool")
        #expect(name.scope == "acme")
        // A version of a package whose own name contains a hyphen.
        #expect(NPMTarball(name, file: "tool-1.0.0-beta.1.tgz")?.version == "1.0.0-beta.1")
        #expect(NPMTarball(name, file: "tools-1.0.0.tgz") == nil)
        #expect(NPMTarball(name, file: "tool-.tgz") == nil)
    }

    @Test(arguments: [
        "0.0.0", "1.2.3", "10.20.30", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-0.3.7",
        "1.0.0-x.7.z.92", "1.0.0--", "1.0.0-01a", "9007199254740991.0.0",
    ])
    func versions(_ text: String) throws {
        #expect(try NPMVersion(parsing: text).description == text)
    }

    @Test(arguments: [
        "", "1", "1.2", "1.2.3.4", "v1.2.3", "01.2.3", "1.02.3", "1.2.03", "1.2.3-", "1.2.3-01",
        "1.2.3-a..b", "1.2.3+build", "1.2.3-a+b", "a.b.c", "1.2.3 ", " 1.2.3", "-1.2.3",
        "9007199254740992.0.0", "1.2.3-é", "1.0.0-" + String(repeating: "a", count: 251),
    ])
    func noVersions(_ text: String) {
        let error = #expect(throws: RegistryError.self) { try NPMVersion(parsing: text) }
        #expect(error?.reason == "version_invalid")
    }

    @Test func versionsAreInOrderOfPrecedence() throws {
        let ordered = try [
            "0.0.1", "0.1.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta",
            "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.9.0", "1.10.0",
            "2.0.0", "10.0.0",
        ].map(NPMVersion.init(parsing:))
        var generator = SeededGenerator.announced()
        #expect(ordered.shuffled(using: &generator).sorted() == ordered)
    }

    @Test(arguments: [
        ("1.0.0", "1.0.0"), ("v1.0.0", "1.0.0"), (" =v1.2.3 ", "1.2.3"), ("1.0.0+b5", "1.0.0"),
        ("1.0.0-rc.1+b5", "1.0.0-rc.1"),
    ])
    func clientsCleanVersions(_ text: String, _ clean: String) {
        #expect(NPMVersion.clean(text) == clean)
    }

    @Test(arguments: [
        "latest", "next", "beta", "v", "stable-2", "2-stable", "x86", "dev.1", "1.2-beta",
        "canary_1", "1.2.3.4",
    ])
    func tags(_ text: String) throws {
        try NPMTag.check(text)
    }

    @Test(arguments: [
        "", "1", "1.0", "1.0.0", "v1", "v1.0.0", "1.x", "x", "X", "*", "~1", "1.0.0-beta", "a b",
        "a/b", "ä", "a%", String(repeating: "a", count: 215),
    ])
    func noTags(_ text: String) {
        let error = #expect(throws: RegistryError.self) { try NPMTag.check(text) }
        #expect(error?.reason == "tag_invalid")
    }

    /// Whatever the text, reading ends and what is accepted is written as it was read.
    @Test func anyTextIsReadOrRefused() throws {
        var generator = SeededGenerator.announced()
        let letters = Array("0129.-+xXvaZ_~@/%*!'() é\u{0}")
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...12, using: &generator)
            let text = String(
                (0..<count).map { _ in letters.randomElement(using: &generator) ?? "x" })
            if let version = try? NPMVersion(parsing: text) {
                #expect(version.description == text)
                #expect(!(version < version))
                #expect(NPMTag.isRange(text), "\(text)")
                #expect(NPMVersion.clean("v\(text)+x") == text)
            }
            if let name = try? NPMPackageName(parsing: text) {
                #expect(name.description == text)
                let path = try NPMPath(parsing: text.split(separator: "/").map(String.init))
                #expect(path == .package(name) || text == "-", "\(text)")
            }
            _ = try? NPMTag.check(text)
        }
    }
}
