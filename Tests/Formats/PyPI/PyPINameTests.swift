import Registry
import TestSupport
import Testing

@testable import PyPIFormat

@Suite("Names of projects and files")
struct PyPINameTests {
    @Test(arguments: [
        ("foo", "foo"), ("Foo.Bar_baz", "foo-bar-baz"), ("friendly--._.bard", "friendly-bard"),
        ("FRIENDLY-BARD", "friendly-bard"), ("a", "a"), ("9", "9"), ("A_B", "a-b"),
    ])
    func normalizes(_ name: String, _ normalized: String) throws {
        #expect(try PyPIName(parsing: name).normalized == normalized)
        #expect(try PyPIName(parsing: normalized).normalized == normalized)
        #expect(try PyPIName(parsing: name).description == name)
    }

    @Test(arguments: [
        "", "-a", "a-", "_", ".a", "a.", "a b", "a/b", "é", "a\n", "a!", "<a>",
        String(repeating: "a", count: 129),
    ])
    func refusesNames(_ name: String) {
        let error = #expect(throws: RegistryError.self) { try PyPIName(parsing: name) }
        #expect(error?.code == .malformed && error?.reason == "name_invalid")
    }

    @Test(arguments: [
        ("foo-1.0-py3-none-any.whl", "foo", "1.0"),
        ("Foo_Bar-1.0-py3-none-any.whl", "foo.bar", "1.0.0"),
        ("foo-1.0-1build-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "foo", "1"),
        ("foo-1.0+local.1-py2.py3-none-any.whl", "foo", "1.0+local-1"),
        ("foo-1.0_post1-py3-none-any.WHL", "foo", "1.0.post1"),
        ("foo-1.0.tar.gz", "foo", "1.0"), ("foo_bar-1.0.tar.gz", "Foo-Bar", "1"),
        ("foo-bar-1.0.zip", "foo.bar", "1.0"), ("foo-1.0-1.tar.gz", "foo", "1.0.post1"),
        ("foo-1-1.0.tar.gz", "foo-1", "1.0"), ("foo-1.0rc1.tar.bz2", "foo", "1.0-rc.1"),
        ("foo-1!2.0.tar.xz", "foo", "1!2"), ("foo-1.0.tgz", "foo", "1.0"),
    ])
    func readsFilenames(_ text: String, _ name: String, _ version: String) throws {
        let filename = try DistributionFilename(parsing: text)
        try filename.check(PyPIName(parsing: name), PythonVersion(parsing: version))
        #expect(filename.kind == (text.lowercased().hasSuffix(".whl") ? .wheel : .sdist))
        for (name, version) in [("other", version), (name, "99.0")] {
            #expect(throws: RegistryError.self) {
                try filename.check(PyPIName(parsing: name), PythonVersion(parsing: version))
            }
        }
    }

    @Test(arguments: [
        ("", "has 1 to"), ("foo 1.0.tar.gz", "has 1 to"), ("../foo-1.0.tar.gz", "has 1 to"),
        ("foo\\foo-1.0.tar.gz", "has 1 to"), (".foo-1.0.tar.gz", "has 1 to"),
        ("foo-1.0.exe", "ends in .whl"), ("foo-1.0-py3.egg", "ends in .whl"),
        ("foo-1.0.tar", "ends in .whl"), ("foo-1.0.whl", "name-version[-build]"),
        ("foo-1.0-py3-none-any-x-y.whl", "name-version[-build]"),
        ("foo--py3-none-any.whl", "name-version[-build]"),
        ("foo-1.0-build-py3-none-any.whl", "begins with a digit"),
        (String(repeating: "a", count: 255) + ".whl", "has 1 to"),
    ])
    func refusesFilenames(_ text: String, _ words: String) {
        let error = #expect(throws: RegistryError.self) {
            try DistributionFilename(parsing: text)
        }
        #expect(error?.reason == "filename_invalid")
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test func anythingIsReadOrRefused() {
        var random = SeededGenerator.announced()
        let pieces = ["foo", "-", "1.0", ".whl", ".tar.gz", "py3", "none", "any", "_", "+x", "ü"]
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0...9, using: &random)).map { _ in
                pieces.randomElement(using: &random) ?? ""
            }.joined()
            if let filename = try? DistributionFilename(parsing: text) {
                #expect(filename.text == text && text.hasPrefix(filename.stem))
            }
        }
    }
}
