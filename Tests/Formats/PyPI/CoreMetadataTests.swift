import NIOCore
import Registry
import TestSupport
import Testing

@testable import PyPIFormat

@Suite("Core metadata, digests and attestations")
struct CoreMetadataTests {
    private func read(_ text: String) -> CoreMetadata { CoreMetadata(parsing: Array(text.utf8)) }

    @Test func readsFieldsAndBody() {
        let metadata = read(
            "Metadata-Version: 2.4\r\nName: Foo\nVERSION:1.0\nSummary:  A thing \n"
                + "Classifier: A\nClassifier: B\nKeywords:\nLicense: line one\n        line two\n"
                + "Home-page: UNKNOWN\nnonsense\n\n# Title\n\ntext: more\n")
        #expect(metadata["name"] == "Foo")
        #expect(metadata["version"] == "1.0")
        #expect(metadata["summary"] == "A thing")
        #expect(metadata["keywords"] == nil)
        #expect(metadata["home-page"] == nil)
        #expect(metadata.values("classifier") == ["A", "B"])
        #expect(metadata["license"] == "line one\n        line two")
        #expect(metadata.description == "# Title\n\ntext: more\n")
    }

    @Test func readsADescriptionAmongTheFields() {
        #expect(
            read("Name: foo\nDescription: one\n        two\n       |  three\n").description
                == "one\ntwo\n  three")
        #expect(read("Name: foo\n").description == nil)
        #expect(read("")["name"] == nil)
    }

    @Test(arguments: [
        ("2.1", [], false), ("2.2", [], true), ("2.4", ["Version"], true), ("3.0", [], true),
        ("2.2", ["Requires-Dist"], false), ("2.5", ["License", "requires-python"], false),
        ("2", [], false), ("x.y", [], false), ("2.10", [], true),
    ])
    func knowsWhatHoldsForABuild(_ version: String, _ dynamic: [String], _ isStatic: Bool) {
        let fields = dynamic.map { "Dynamic: \($0)\n" }.joined()
        #expect(read("Metadata-Version: \(version)\n\(fields)").isStatic == isStatic)
    }

    @Test func survivesAnything() {
        var random = SeededGenerator.announced()
        for _ in 0..<5_000 {
            let bytes = (0..<Int.random(in: 0...120, using: &random)).map { _ in
                "N:\n\r \tä\u{0}".utf8.randomElement(using: &random) ?? 0
            }
            let metadata = CoreMetadata(parsing: bytes)
            #expect(metadata == CoreMetadata(parsing: bytes))
            #expect(metadata.body.utf8.count <= bytes.count * 3)
        }
    }

    /// Of Python's `hashlib.blake2b(bytes(i*7%251 for i in range(n)), digest_size=32)`.
    @Test(arguments: [
        (0, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"),
        (1, "03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314"),
        (127, "1bb3d24376d0b5840955e640c6a8a4830cd69af0b7ad71a409d2a30c6a374abb"),
        (128, "9101ed0a248b57efc0c6070cfbf9cf316c182d125ad6191c1f7783c3d32b6346"),
        (129, "60f5e954d1a1775362ffd0762ed37bbe101ed5e88896dd793f1a889786fb3132"),
        (255, "9399bcd4acec0cc0e9dec7267671a6f2e65568dc917afb54791da24523a71b32"),
        (256, "45d503f4fc344944eeff959e1e2234c47884011023598cadbd934f08d4265016"),
        (257, "4ad285edc2490602fd02d61df8008d95887039bade83dae8a1e207ae1cac33ac"),
        (1000, "a494537cc57474059ebe7a7f7a76c03306551355abebb1967408ed04e7564fa9"),
        (100_000, "4e4726e4e63ae22b5e82dc60f1ed4fce7b996b30ab80d687e392cf3ee22be8bc"),
    ])
    func hashesWithBLAKE2(_ count: Int, _ digest: String) {
        var random = SeededGenerator.announced()
        let bytes = (0..<count).map { UInt8($0 * 7 % 251) }
        for most in [1, 128, 300, 100_000] where count < 2_000 || most > 1 {
            var hash = BLAKE2b()
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...most, using: &random))
                hash.update(ByteBuffer(bytes: piece))
                rest = rest.dropFirst(piece.count)
            }
            #expect(hash.finish() == digest)
        }
    }

    /// *Source*: RFC 7693, appendix A.
    @Test func hashesTheExampleOfTheSpecification() {
        var hash = BLAKE2b(digestBytes: 64)
        hash.update(ByteBuffer(string: "abc"))
        #expect(
            hash.finish()
                == "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
                + "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923")
    }
}
