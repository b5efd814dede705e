import FormatKit
import NIOCore
import Registry
import TestSupport
import Testing

@testable import PyPIFormat

@Suite("Attestations (PEP 740)")
struct AttestationTests {
    static let filename = "tool-1.0-py3-none-any.whl"
    static let digest = InMemoryBlobs.digests(of: Array("hello".utf8)).sha256

    /// An attestation as a signer makes it; what is wrong with it is what a test says.
    static func attestation(
        version: String = "1", type: String = "https://in-toto.io/Statement/v1",
        name: String = filename, sha256: String = digest.hex,
        predicate: String = "https://docs.pypi.org/attestations/publish/v1",
        subjects: Int = 1, signature: String = "c2ln"
    ) -> String {
        let subject = #"{"name":"\#(name)","digest":{"sha256":"\#(sha256)","sha1":"x"}}"#
        let list = [String](repeating: subject, count: subjects).joined(separator: ",")
        let statement =
            #"{"_type":"\#(type)","subject":[\#(list)],"predicateType":"\#(predicate)","#
            + #""predicate":null}"#
        return #"{"version":\#(version),"verification_material":{"certificate":"YQ==","#
            + #""transparency_entries":[{"logIndex":"1"}]},"envelope":{"statement":"#
            + #""\#(Base64.encode(Array(statement.utf8)))","signature":"\#(signature)"}}"#
    }

    private func provenance(_ list: String) throws(RegistryError) -> String {
        String(
            buffer: try Attestations.makeProvenance(
                Array(list.utf8), filename: Self.filename, digest: Self.digest))
    }

    @Test func keepsThemAsTheyCame() throws {
        let list = "[ \(Self.attestation()) ,\(Self.attestation(predicate: "https://slsa.dev/v1"))]"
        #expect(
            try provenance(list)
                == #"{"version":1,"attestation_bundles":[{"publisher":{"kind":"Packhouse","#
                + #""claims":null},"attestations":\#(list)}]}"#)
    }

    @Test(arguments: [
        ("", "not a JSON array"), ("{}", "not a JSON array"), ("[]", "1 to 16"),
        ("[1]", "not a JSON array"), ("[{}]", "version of one is not 1"),
        ("[\(attestation())] x", "not a JSON array"),
        ("[\(attestation(version: "2"))]", "version of one is not 1"),
        ("[\(attestation(signature: "!"))]", "no verification material"),
        ("[\(attestation(type: "https://in-toto.io/Statement/v0.1"))]", "no in-toto statement"),
        ("[\(attestation(subjects: 0))]", "no in-toto statement"),
        ("[\(attestation(subjects: 2))]", "no in-toto statement"),
        ("[\(attestation(name: "other-1.0-py3-none-any.whl"))]", "is about 'other-1.0"),
        ("[\(attestation(sha256: String(repeating: "0", count: 64)))]", "about other bytes"),
        ("[\(attestation()),\(attestation())]", "two of them are of the type"),
    ])
    func refusesOthers(_ list: String, _ words: String) {
        let error = #expect(throws: RegistryError.self) { try provenance(list) }
        #expect(error?.code == .malformed && error?.reason == "attestation_invalid")
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test func survivesDamage() {
        var random = SeededGenerator.announced()
        let good = Array("[\(Self.attestation())]".utf8)
        for _ in 0..<5_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(
                    in: 0...127, using: &random)
            }
            do throws(RegistryError) {
                _ = try Attestations.makeProvenance(
                    bytes, filename: Self.filename, digest: Self.digest)
            } catch {
                #expect(error.code == .malformed)
            }
        }
    }
}
