import Foundation
import TestSupport
import Testing

@testable import GatewayServer

@Suite struct SigningKeyTests {
    private func path(_ folder: TemporaryFolder) -> String {
        folder.path(SigningKey.fileName)
    }

    @Test func isMadeOnceAndForItsOwnerOnly() throws {
        let folder = try TemporaryFolder()
        let first = try SigningKey.load(fromFolder: folder.url.path)
        let attributes = try FileManager.default.attributesOfItem(atPath: path(folder))
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        let content = try Data(contentsOf: URL(fileURLWithPath: path(folder)))
        let second = try SigningKey.load(fromFolder: folder.url.path)
        #expect(second.id == first.id)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path(folder))) == content)
        // Nothing is left beside it.
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
                == [SigningKey.fileName])
        #expect(first.id != SigningKey().id)
    }

    @Test func whoeverMakesItAtTheSameTimeGetsTheSame() async throws {
        let folder = try TemporaryFolder()
        let ids = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<16 {
                group.addTask { try SigningKey.load(fromFolder: folder.url.path).id }
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(ids.count == 1)
    }

    @Test(arguments: [
        "", "no key at all", "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n",
    ])
    func aDamagedOneIsSaidToBe(content: String) throws {
        let folder = try TemporaryFolder()
        try Data(content.utf8).write(to: URL(fileURLWithPath: path(folder)))
        let error = #expect(throws: SigningKeyError.self) {
            try SigningKey.load(fromFolder: folder.url.path)
        }
        #expect(error?.description.contains(path(folder)) == true)
        #expect(error?.description.contains("damaged") == true)
        // It is not replaced: somebody may have a good copy.
        #expect(try Data(contentsOf: URL(fileURLWithPath: path(folder))) == Data(content.utf8))
    }

    @Test func whereNothingCanBeWrittenIsSaid() throws {
        let folder = try TemporaryFolder()
        let error = #expect(throws: SigningKeyError.self) {
            try SigningKey.load(fromFolder: folder.path("missing"))
        }
        #expect(error?.description.contains("cannot write the signing key") == true)
    }
}
