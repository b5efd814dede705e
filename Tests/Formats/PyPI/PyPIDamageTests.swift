import HTTPTypes
import PyPIFormat
import Registry
import TestSupport
import Testing

@Suite("Whatever is sent to the PyPI format")
struct PyPIDamageTests {
    /// Every address is read, refused in words, or none of the format's; and a redirect ends.
    @Test func anyAddressIsReadOrRefused() throws {
        var random = SeededGenerator.announced()
        let pieces = [
            "simple", "files", "pypi", "json", "integrity", "provenance", "status", "legacy",
            "tool",
            "Foo.Bar_baz", "1.0", "1.0rc1+x", "%2e%2e", "%", "a%2Fb", "..", ".", "-", "é", "%00",
            "tool-1.0.tar.gz", "tool-1.0-py3-none-any.whl.metadata", ".metadata", "",
            String(repeating: "ab", count: 32), String(repeating: "a", count: 300),
        ]
        let methods: [HTTPRequest.Method] = [.get, .head, .post, .put, .delete, .options]
        var readCount = 0
        for _ in 0..<20_000 {
            let target = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                "/" + (pieces.randomElement(using: &random) ?? "")
            }.joined()
            let method = methods.randomElement(using: &random) ?? .get
            do throws(RegistryError) {
                let head = try PyPIPathTests.head(method, target)
                guard let operation = try PyPIFormat().parse(head) else { continue }
                readCount += 1
                guard case .redirect(let path) = operation else { continue }
                let next = try PyPIFormat().parse(PyPIPathTests.head(method, path))
                if case .redirect? = next { Issue.record("\(target) is led on from \(path)") }
            } catch {
                #expect(
                    [.malformed, .methodNotAllowed].contains(error.code), "\(target): \(error)")
                #expect(!error.message.isEmpty)
            }
        }
        #expect(readCount > 100)
    }

    /// An upload that is damaged anywhere, in the form or in the file, is taken or refused in words;
    /// what was refused leaves nothing behind.
    @Test func anyDamagedUploadIsTakenOrRefused() async throws {
        var random = SeededGenerator.announced()
        try await PyPIBench.run { bench in
            var refusedCount = 0
            for number in 0..<300 {
                let file = TestDistribution("tool", "1.\(number)", isWheel: number % 2 == 0)
                // Without digests most damage would be found by them alone.
                let fields = file.fields.filter { !$0.0.hasSuffix("_digest") }
                var body = TestForm(
                    fields: fields, file: (file.filename, file.bytes),
                    fieldsFirst: Bool.random(using: &random)
                ).bytes
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let index = Int.random(in: 0..<body.count, using: &random)
                    switch Int.random(in: 0...3, using: &random) {
                    case 0: body.remove(at: index)
                    case 1: body.insert(.random(in: 0...255, using: &random), at: index)
                    case 2: body.removeLast(Int.random(in: 0...20, using: &random))
                    default: body[index] = .random(in: 0...255, using: &random)
                    }
                }
                let answer = try await bench.send(
                    .post, "/", [("Content-Type", TestForm.contentType)], body: body)
                let status = answer.status.code
                if status != 201, status != 200 {
                    refusedCount += 1
                    #expect([400, 409, 415, 422].contains(status), "\(answer.text)")
                    #expect(answer.text.hasPrefix("\(status) "))
                }
            }
            #expect(refusedCount > 50)
            // What was taken is all there, and nothing else is stored.
            let files = try await bench.files(of: "tool")
            for (name, file) in files {
                let url = try #require(file["url"] as? String)
                let stored = try await bench.send(.get, String(url.dropFirst(5)))
                #expect(stored.status == 200)
                let hashes = file["hashes"] as? [String: String]
                #expect(
                    hashes?["sha256"] == InMemoryBlobs.digests(of: stored.body).sha256.hex,
                    "\(name)")
            }
            let stored = try await bench.blobCount()
            #expect(stored <= files.count * 2 && stored >= files.count)
        }
    }
}
