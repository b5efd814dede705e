import Crypto
import Foundation
import Registry
import TestSupport
import Testing

@testable import NPMFormat

/// Reading the body of a publish as it arrives.
@Suite struct NPMBodyTests {
    /// What was found in a body, whole.
    private struct Found: Hashable {
        var document: String
        var contents: [String: [UInt8]] = [:]
    }

    private func read(_ body: [UInt8], chunkBytes: Int) throws -> Found {
        var splitter = NPMBodySplitter()
        var contents: [String: [UInt8]] = [:]
        var current = ""
        for start in stride(from: 0, to: body.count, by: chunkBytes) {
            let chunk = Array(body[start..<min(start + chunkBytes, body.count)])
            for event in try splitter.read(chunk) {
                switch event {
                case .begin(let name):
                    current = name
                    contents[name] = []
                case .content(let bytes): contents[current]?.append(contentsOf: bytes)
                case .end: current = ""
                }
            }
        }
        try splitter.finish()
        return Found(
            document: String(decoding: splitter.document, as: UTF8.self), contents: contents)
    }

    @Test(arguments: [1, 2, 3, 5, 64, 4096])
    func attachmentsAreTakenOutWhereverTheyStand(_ chunkBytes: Int) throws {
        let body = #"""
            { "_attachments" : {"a-1.0.0.tgz":{"data":"aGVs\/bG8","length":6, "x":{"data":"k"}},
            "a-1.0.0.sigstore":{"data":"{\"a\":\"\u00e9\ud83d\ude00\n\"}"}},
            "name":"a","note":"{\"_attachments\":{\"b\":{\"data\":\"c\"}}}",
            "versions":{"1.0.0":{"_attachments":{"b":{"data":"kept"}}}}, "l":[[{"data":"kept"}]]}
            """#
        let found = try read(Array(body.utf8), chunkBytes: chunkBytes)
        #expect(Set(found.contents.keys) == ["a-1.0.0.tgz", "a-1.0.0.sigstore"])
        #expect(found.contents["a-1.0.0.tgz"] == [0x68, 0x65, 0x6c, 0xfd, 0xb1, 0xbc])
        #expect(
            found.contents["a-1.0.0.sigstore"].map { String(decoding: $0, as: UTF8.self) }
                == "{\"a\":\"é😀\n\"}")
        let publication = try NPMPublication(parsing: Array(found.document.utf8))
        #expect(publication.name == "a")
        #expect(publication.attachments["a-1.0.0.tgz"]?.length == 6)
        #expect(found.document.contains(#"{"b":{"data":"kept"}}"#))
    }

    @Test(arguments: [
        #"{"_attachments":{"a.tgz":{"data":"a"}}}"#,
        #"{"_attachments":{"a.tgz":{"data":"aG=lbG8="}}}"#,
        #"{"_attachments":{"a.tgz":{"data":"aGVsbG8=="}}}"#,
        #"{"_attachments":{"a.tgz":{"data":"aGVsbG9="}}}"#,
        #"{"_attachments":{"a.tgz":{"data":"aGVs bG8="}}}"#,
        #"{"_attachments":{"a.tgz":{"data":"aGVs","data":"aGVs"}}}"#,
        #"{"_attachments":{"a.tgz":{"data":"aGVs"#, "", "{", "}", "]}", #"{"a":1"#,
        #"{"_attachments":{"a.sigstore":{"data":"\ud83d"}}}"#,
        String(repeating: "[", count: 200),
    ])
    func brokenBodiesAreRefused(_ body: String) {
        for chunkBytes in [1, 7, 4096] {
            let error = #expect(throws: RegistryError.self) {
                try read(Array(body.utf8), chunkBytes: chunkBytes)
            }
            #expect(error?.code == .malformed)
        }
    }

    /// Random documents: what is found does not depend on how the body was cut, and is what a reader
    /// of whole documents finds.
    @Test func anyDocumentIsReadTheSame() throws {
        var generator = SeededGenerator.announced()
        for _ in 0..<400 {
            let document = RandomDocument.make(using: &generator)
            let body = Array(try JSONSerialization.data(withJSONObject: document))
            let found = try read(body, chunkBytes: body.count)
            for _ in 0..<3 {
                let size = Int.random(in: 1...max(2, body.count), using: &generator)
                #expect(try read(body, chunkBytes: size) == found)
            }
            let attachments = document["_attachments"] as? [String: [String: Any]] ?? [:]
            for (name, attachment) in attachments {
                let text = try #require(attachment["data"] as? String)
                let expected =
                    name.hasSuffix(".sigstore")
                    ? Data(text.utf8) : try #require(Data(base64Encoded: text))
                #expect(found.contents[name].map { Data($0) } == expected)
            }
            let publication = try NPMPublication(parsing: Array(found.document.utf8))
            #expect(publication.tags == document["dist-tags"] as? [String: String])
            #expect(
                Set(publication.versions?.keys.map(\.self) ?? [])
                    == Set((document["versions"] as? [String: Any])?.keys.map(\.self) ?? []))
        }
    }

    /// Damaged documents are read or refused, the same however they are cut; nothing else happens.
    @Test func anyDamageIsFound() throws {
        var generator = SeededGenerator.announced()
        let letters = Array("{}[]\",:\\u0aé=\u{0}".utf8)
        for _ in 0..<2_000 {
            let document = RandomDocument.make(using: &generator)
            var body = Array(try JSONSerialization.data(withJSONObject: document))
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: 0..<body.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: body.remove(at: index)
                case 1: body[index] = letters.randomElement(using: &generator) ?? 0
                default: body.insert(letters.randomElement(using: &generator) ?? 0, at: index)
                }
            }
            let whole = Result { try outcome(body, chunkBytes: max(1, body.count)) }
            let pieces = Result { try outcome(body, chunkBytes: 3) }
            #expect((try? whole.get()) == (try? pieces.get()))
            for result in [whole, pieces] {
                if case .failure(let error) = result {
                    #expect((error as? RegistryError)?.code == .malformed)
                }
            }
        }
    }

    private func outcome(_ body: [UInt8], chunkBytes: Int) throws -> Found {
        let found = try read(body, chunkBytes: chunkBytes)
        let publication = try NPMPublication(parsing: Array(found.document.utf8))
        for (_, text) in publication.versions ?? [:] {
            let manifest = try NPMManifest(parsing: text)
            // What is stored can be read again, and is an object in each of its parts.
            let attributes = NPMVersionAttributes(
                install: manifest.install[...], manifest: manifest.other[...], fileCount: 1,
                unpackedSize: 1, reason: manifest.deprecated)
            _ = try NPMVersionAttributes(decoding: attributes.encode())
        }
        return found
    }

    @Test func base64OfAnyLengthInAnyPieces() throws {
        var generator = SeededGenerator.announced()
        for length in Array(0..<70) + [4095, 4096, 4097, 100_000] {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let text = Array(Data(bytes).base64EncodedString().utf8)
            var stream = NPMBase64Stream()
            var decoded: [UInt8] = []
            var index = 0
            while index < text.count {
                let end = min(text.count, index + Int.random(in: 1...50, using: &generator))
                let (part, stop) = try stream.decode(Array(text[index..<end]), from: 0)
                decoded += part
                #expect(stop == end - index)
                index = end
            }
            try stream.finish()
            #expect(decoded == bytes)
            #expect(stream.decodedCount == Int64(length))
        }
    }

    /// I7: a large tarball leaves nothing in memory but a small document.
    @Test func theDocumentStaysSmallWhateverTheTarball() throws {
        var splitter = NPMBodySplitter()
        let start = #"{"name":"a","_attachments":{"a-1.0.0.tgz":{"data":""#
        _ = try splitter.read(Array(start.utf8))
        let piece = [UInt8](repeating: UInt8(ascii: "A"), count: 1 << 20)
        var hash = SHA256()
        var count = 0
        for _ in 0..<64 {
            for event in try splitter.read(piece) {
                if case .content(let bytes) = event {
                    hash.update(data: bytes)
                    count += bytes.count
                }
            }
        }
        _ = try splitter.read(Array(#""}}}"#.utf8))
        try splitter.finish()
        #expect(count == (64 << 20) / 4 * 3)
        #expect(splitter.document.count == start.utf8.count + 4)
    }

    @Test func aDocumentBeyondItsLimitIsRefused() {
        var splitter = NPMBodySplitter()
        let piece = [UInt8](repeating: UInt8(ascii: "a"), count: 8 << 20)
        let error = #expect(throws: RegistryError.self) {
            _ = try splitter.read(Array(#"{"readme":""#.utf8))
            for _ in 0..<9 { _ = try splitter.read(piece) }
        }
        #expect(error?.code == .bodyTooLarge)
    }
}

/// Documents like those of a publish, with everything in them that JSON allows.
enum RandomDocument {
    static func make(using generator: inout SeededGenerator) -> [String: Any] {
        var document: [String: Any] = ["name": text(&generator), "other": value(3, &generator)]
        document["dist-tags"] = ["latest": text(&generator), "next": "1.0.0"]
        var versions: [String: Any] = [:]
        for number in 0..<Int.random(in: 0...3, using: &generator) {
            var manifest: [String: Any] = [text(&generator): value(2, &generator)]
            manifest["version"] = "\(number).0.0"
            manifest["keywords"] = [text(&generator), text(&generator)]
            manifest["dependencies"] = [text(&generator): "^1.0.0"]
            versions["\(number).0.0"] = manifest
        }
        document["versions"] = versions
        var attachments: [String: Any] = [:]
        for number in 0..<Int.random(in: 0...3, using: &generator) {
            let bytes = (0..<Int.random(in: 0...200, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            attachments["a\(number).tgz"] = [
                "data": Data(bytes).base64EncodedString(), "length": bytes.count,
            ]
        }
        if Bool.random(using: &generator) {
            attachments["a.sigstore"] = ["data": text(&generator)]
        }
        document["_attachments"] = attachments
        return document
    }

    private static func text(_ generator: inout SeededGenerator) -> String {
        let letters = Array("ab\"\\/{}[]:,é😀\n\t\u{1}%_")
        return String(
            (0..<Int.random(in: 0...12, using: &generator)).map { _ in
                letters.randomElement(using: &generator) ?? "x"
            })
    }

    private static func value(_ depth: Int, _ generator: inout SeededGenerator) -> Any {
        switch Int.random(in: 0...(depth > 0 ? 6 : 4), using: &generator) {
        case 0: return NSNull()
        case 1: return Bool.random(using: &generator)
        case 2: return Int.random(in: -9_000...9_000, using: &generator)
        case 3: return 1.5
        case 4: return text(&generator)
        case 5:
            return (0..<Int.random(in: 0...3, using: &generator)).map { _ in
                value(depth - 1, &generator)
            }
        default:
            var object: [String: Any] = [:]
            for key in ["data", "_attachments", "a", text(&generator)] {
                object[key] = value(depth - 1, &generator)
            }
            return object
        }
    }
}
