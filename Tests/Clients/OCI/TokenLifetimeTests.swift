import Foundation
import HTTPTypes
import OCIFormat
import Registry
import TestSupport
import Testing

@testable import ClientSupport

/// C-14: a token that ends during a long upload costs a new token, and nothing else.
@Suite struct TokenLifetimeTests {
    private static let chunkBytes = 10_000
    private static let chunkCount = 5
    /// Between two chunks: longer than a token counts.
    private static let pauseSeconds: Int64 = 400

    @Test(arguments: DatabaseKind.allCases)
    func anUploadOutlivesItsTokens(_ kind: DatabaseKind) async throws {
        let clock = ManualClock(Timestamp(microseconds: 1_800_000_000_000_000))
        try await TestGateway.run(on: kind, formats: [OCIFormat()], clock: clock) { test in
            let made = try await test.send(
                .post, "/api/v4/projects", token: test.rootToken, json: ["name": "slow"])
            try #require(made.status == .created, "\(made.text)")
            let bytes = (0..<Self.chunkBytes * Self.chunkCount).map {
                UInt8(truncatingIfNeeded: $0 &* 31)
            }
            var token = try await fetchToken(test)
            let begun = try await test.send(
                .post, "/v2/root/slow/app/blobs/uploads/", headers: bearer(token))
            try #require(begun.status == .accepted, "\(begun.text)")
            var location = try #require(begun.headers[.location])
            for number in 0..<Self.chunkCount {
                clock.advance(bySeconds: Self.pauseSeconds)
                let range = number * Self.chunkBytes..<(number + 1) * Self.chunkBytes
                let refused = try await append(bytes, range, location, token, test)
                #expect(refused.status == .unauthorized, "\(refused.text)")
                let challenge = try #require(refused.headers[.wwwAuthenticate])
                #expect(challenge.contains("/jwt/auth"), "\(challenge)")
                #expect(challenge.contains("repository:root/slow/app:"), "\(challenge)")
                token = try await fetchToken(test)
                // Nothing of the refused chunk was taken.
                let status = try await test.send(.get, location, headers: bearer(token))
                #expect(status.status == .noContent, "\(status.text)")
                #expect(
                    status.headers[.range]
                        == (number == 0 ? "0-0" : "0-\(range.lowerBound - 1)"))
                let taken = try await append(bytes, range, location, token, test)
                try #require(taken.status == .accepted, "\(taken.text)")
                location = try #require(taken.headers[.location])
            }
            clock.advance(bySeconds: Self.pauseSeconds)
            let digest = RegistryClient.digest(Data(bytes))
            let last = location + (location.contains("?") ? "&" : "?") + "digest=\(digest)"
            let refused = try await test.send(.put, last, headers: bearer(token))
            #expect(refused.status == .unauthorized, "\(refused.text)")
            token = try await fetchToken(test)
            let done = try await test.send(.put, last, headers: bearer(token))
            #expect(done.status == .created, "\(done.text)")
            let blob = try await test.send(
                .get, "/v2/root/slow/app/blobs/\(digest)", headers: bearer(token))
            #expect(blob.body == bytes)
        }
    }

    private func append(
        _ bytes: [UInt8], _ range: Range<Int>, _ location: String, _ token: String,
        _ test: TestGateway
    ) async throws -> TestResponse {
        try await test.send(
            .patch, location,
            headers: bearer(token) + [
                ("Content-Range", "\(range.lowerBound)-\(range.upperBound - 1)"),
                ("Content-Type", "application/octet-stream"),
            ], body: Array(bytes[range]))
    }

    private func bearer(_ token: String) -> [(String, String)] {
        [("Authorization", "Bearer \(token)")]
    }

    private func fetchToken(_ test: TestGateway) async throws -> String {
        let basic = Data("root:\(test.rootToken)".utf8).base64EncodedString()
        let answer = try await test.send(
            .get, "/jwt/auth?service=container_registry&scope=repository:root/slow/app:pull,push",
            headers: [("Authorization", "Basic \(basic)")])
        try #require(answer.status == .ok, "\(answer.text)")
        return try #require(try answer.object()["token"] as? String)
    }
}
