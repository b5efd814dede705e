import Registry
import TestSupport
import Testing

@testable import PyPIFormat

@Suite("Versions (PEP 440)")
struct PythonVersionTests {
    /// In their order, as the specification's own tests have them.
    static let ordered = [
        "1.0.dev456", "1.0a1", "1.0a2.dev456", "1.0a12.dev456", "1.0a12", "1.0b1.dev456", "1.0b2",
        "1.0b2.post345.dev456", "1.0b2.post345", "1.0rc1.dev456", "1.0rc1", "1.0",
        "1.0+abc.5", "1.0+abc.7", "1.0+5", "1.0.post456.dev34", "1.0.post456", "1.1.dev1",
        "1.2+123abc", "1.2+123abc456", "1.2+abc", "1.2+abc123", "1.2+abc123def", "1.2+1234.abc",
        "1.2+123456", "1.2.r32+123456", "1.2.rev33+123456", "1!1.0.dev456", "1!1.0a1",
        "1!1.0", "1!1.1.dev1", "10!0.1", "99999999999999999999!1",
    ]

    @Test func orders() throws {
        let versions = try Self.ordered.map { try PythonVersion(parsing: $0) }
        for (left, right) in zip(versions, versions.dropFirst()) {
            #expect(left < right, "\(left) \(right)")
            #expect(!(right < left) && left != right)
        }
        var random = SeededGenerator.announced()
        #expect(versions.shuffled(using: &random).sorted() == versions)
    }

    @Test(arguments: [
        ("1.0", "1.0"), ("v1.0", "1.0"), (" 1.0\n", "1.0"), ("01.002", "1.2"), ("1.0.0", "1.0.0"),
        ("1.0-alpha.1", "1.0a1"), ("1.0ALPHA", "1.0a0"), ("1.0_beta_2", "1.0b2"),
        ("1.0c3", "1.0rc3"), ("1.0-pre2", "1.0rc2"), ("1.0.preview4", "1.0rc4"),
        ("1.0-1", "1.0.post1"), ("1.0-r4", "1.0.post4"), ("1.0rev", "1.0.post0"),
        ("1.0post", "1.0.post0"), ("1.0dev", "1.0.dev0"), ("1.0-dev-3", "1.0.dev3"),
        ("1.0+Ubuntu-1_2", "1.0+ubuntu.1.2"), ("1.0+001", "1.0+1"), ("0!1", "1"), ("2!1", "2!1"),
        ("1.0a1.post2.dev3+x", "1.0a1.post2.dev3+x"), ("0", "0"),
        ("20240102030405060708091011", "20240102030405060708091011"),
    ])
    func hasOneSpelling(_ text: String, _ spelling: String) throws {
        let version = try PythonVersion(parsing: text)
        #expect(version.description == spelling)
        #expect(try PythonVersion(parsing: spelling) == version)
    }

    @Test(arguments: [
        "", "a", "1.", ".1", "1..2", "1.0+", "1.0+a+b", "1.0+a..b", "1.0+ä", "french toast",
        "1.0-", "1.0a1a2", "1.0.post1.post2", "1.0 1", "!1", "1!", "1.0-dev-alpha", "1.0+a b",
        "1.0x", "٣", "1.0\0", String(repeating: "1", count: 201),
    ])
    func refusesWhatIsNone(_ text: String) {
        let error = #expect(throws: RegistryError.self) { try PythonVersion(parsing: text) }
        #expect(error?.code == .malformed && error?.reason == "version_invalid")
    }

    @Test func zerosAtTheEndDoNotCount() throws {
        #expect(try PythonVersion(parsing: "1") == PythonVersion(parsing: "1.0.0"))
        #expect(try PythonVersion(parsing: "1.0") < PythonVersion(parsing: "1.0.1"))
        #expect(try PythonVersion(parsing: "1.0").isPrerelease == false)
        #expect(try PythonVersion(parsing: "1.0rc1").isPrerelease)
        #expect(try PythonVersion(parsing: "1.0.post1.dev1").isPrerelease)
    }

    @Test(arguments: [
        ("1.0", ["1.0", "1"] + (3...8).map { "1" + String(repeating: ".0", count: $0 - 1) }),
        ("0", (1...8).map { Array(repeating: "0", count: $0).joined(separator: ".") }),
        (
            "2!1.2.3.4.5.6.7.0rc1+a",
            ["2!1.2.3.4.5.6.7.0rc1+a", "2!1.2.3.4.5.6.7rc1+a"]
        ),
        (
            "1.0.0.0.0.0.0.0.0",
            ["1.0.0.0.0.0.0.0.0"]
                + (1...8).map { "1" + String(repeating: ".0", count: $0 - 1) }
        ),
    ])
    func spellsWhatIsEqual(_ text: String, _ spellings: [String]) throws {
        let version = try PythonVersion(parsing: text)
        #expect(version.spellings == spellings)
        for spelling in version.spellings {
            #expect(try PythonVersion(parsing: spelling) == version)
        }
    }

    /// Whatever is read has one spelling that reads the same, and the order is one.
    @Test func whatIsReadIsReadAgain() {
        var random = SeededGenerator.announced()
        let pieces = [
            "1", "0", "12", ".", "-", "_", "a", "b", "rc", "post", "dev", "+", "!", "v", "x", " ",
            "alpha", "r", "007",
        ]
        var versions: [PythonVersion] = []
        for _ in 0..<60_000 {
            let text = (0..<Int.random(in: 1...9, using: &random)).map { _ in
                pieces.randomElement(using: &random) ?? ""
            }.joined()
            guard let version = try? PythonVersion(parsing: text) else { continue }
            let again = try? PythonVersion(parsing: version.description)
            #expect(again == version && again?.description == version.description, "\(text)")
            if versions.count < 300 { versions.append(version) }
        }
        #expect(versions.count == 300)
        for _ in 0..<20_000 {
            guard let a = versions.randomElement(using: &random),
                let b = versions.randomElement(using: &random),
                let c = versions.randomElement(using: &random)
            else { continue }
            #expect([a < b, a == b, b < a].count { $0 } == 1, "\(a) \(b)")
            if a < b, b < c { #expect(a < c, "\(a) \(b) \(c)") }
        }
    }
}
