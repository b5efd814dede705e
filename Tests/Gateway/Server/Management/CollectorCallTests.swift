import FormatKit
import Foundation
import HTTPTypes
import MetadataStorage
import Registry
import TestSupport
import Testing

@testable import GatewayServer

@Suite struct CollectorCallTests {
    /// Blobs that nothing names, and that are due; the store of the test removes nothing.
    private func leaveGarbage(_ count: Int, _ server: ManagementServer) async throws {
        let now = server.clock.now()
        try await server.store.write { tx in
            for number in 0..<count {
                let bytes = Array("garbage \(number)".utf8)
                let blob = CommittedBlob(
                    digests: InMemoryBlobs.digests(of: bytes), size: Int64(bytes.count),
                    key: StorageKey(stored: "garbage-\(number)"))
                _ = try tx.upsertBlob(blob, at: now)
                try tx.upsertReview(.blob(blob.digest), event: "test", after: now)
            }
        }
    }

    @Test func theScrubIsSeen() async throws {
        try await ManagementServer.run { server in
            let idle = try #require(try await server.get("admin/gc")["scrub"]?.text)
            #expect(idle.contains(#""running":false"#) && idle.contains(#""began_at":null"#))
            let now = server.clock.now()
            try await server.store.write { tx in
                let end = now.advanced(bySeconds: 60)
                _ = try tx.claimScrub(owner: "test", at: now, until: end)
                let state = ScrubState(
                    cursor: StorageKey(stored: "sha256/3f/a0/x"), beganAt: now, checkedCount: 12,
                    checkedBytes: 3456, findingCount: 1)
                _ = try tx.saveScrub(state, owner: "test", until: end)
            }
            let scrub = try #require(try await server.get("admin/gc")["scrub"]?.text)
            for part in [
                #""running":true"#, #""began_at":"\#(now.iso8601)""#, #""ended_at":null"#,
                #""position":"sha256/3f/a0/x""#, #""checked_count":12"#,
                #""checked_bytes":3456"#, #""damaged_count":1"#,
            ] { #expect(scrub.contains(part), "\(scrub)") }
        }
    }

    @Test func itIsSeenAndRun() async throws {
        try await ManagementServer.run { server in
            try await leaveGarbage(3, server)
            let status = try await server.get("admin/gc")
            #expect(status.status == 200)
            #expect(try status.integer("due_count") == 3)
            #expect(try status.integer("blocked_count") == 0)

            let dry = try await server.post("admin/gc/run", ["dry_run": true])
            #expect(dry.status == 200, "\(dry.text)")
            #expect(try dry.integer("blob_count") == 3 && dry.integer("bytes") == 27)
            #expect(dry["dry_run"]?.text == "true")
            #expect(try await server.get("admin/gc").integer("due_count") == 3)

            let run = try await server.post("admin/gc/run", ["limit_seconds": 5])
            #expect(try run.integer("blob_count") == 3, "\(run.text)")
            // The store of the test has nothing, and fails to remove it.
            #expect(try run.integer("file_count") == 0 && run.integer("failed_count") == 3)
            #expect(run["finished"]?.text == "true")
            let blocked = try await server.get("admin/gc")
            #expect(try blocked.integer("blocked_count") == 3)
            #expect(try blocked.integer("unlink_bytes") == 27)
            guard case .array(let failures)? = blocked["blocked"], let first = failures.first
            else {
                Issue.record("no failures: \(blocked.text)")
                return
            }
            #expect(first["reason"]?.stringValue == "the test has no blobs")
            #expect(first["kind"]?.stringValue == "file")
            #expect(first["attempts"]?.text == "1")
        }
    }

    @Test func itIsPausedAndResumed() async throws {
        try await ManagementServer.run { server in
            try await leaveGarbage(1, server)
            let paused = try await server.post("admin/gc/pause")
            #expect(paused.status == 200)
            #expect(paused["paused_at"]?.stringValue == server.clock.now().iso8601)
            #expect(try await server.post("admin/gc/run").status == 409)
            #expect(try await server.get("admin/gc").integer("due_count") == 1)
            // What would go can be seen meanwhile.
            let dry = try await server.post("admin/gc/run", ["dry_run": true])
            #expect(try dry.integer("blob_count") == 1)
            _ = try await server.post("admin/gc/pause")
            let resumed = try await server.post("admin/gc/resume")
            #expect(resumed["paused_at"]?.text == "null")
            _ = try await server.post("admin/gc/resume")
            #expect(try await server.post("admin/gc/run").status == 200)
            // What changed nothing is not in the audit.
            #expect(try await server.listAuditActions() == ["gc.pause", "gc.resume", "gc.run"])
        }
    }

    @Test func itIsForAdministrators() async throws {
        try await ManagementServer.run { server in
            for (method, path) in [
                (HTTPRequest.Method.get, "admin/gc"), (.post, "admin/gc/run"),
                (.post, "admin/gc/pause"), (.post, "admin/gc/resume"),
            ] {
                #expect(try await server.send(method, path, as: .nobody).status == 401)
                #expect(try await server.send(method, path, as: .alice).status == 403)
            }
            // A token that only reads sees, and does nothing.
            let secret = "phpat-readonly-0123456789abcdef"
            let (root, now) = (try server.id("root"), server.clock.now())
            try await server.store.write { tx in
                _ = try tx.insertToken(
                    TokenDraft(
                        kind: .personal, name: "reader", userID: root, scopes: [.readAPI],
                        secretHash: SecretToken.hash(secret)), at: now)
            }
            #expect(try await server.get("admin/gc", as: .personal(secret)).status == 200)
            let refused = try await server.post("admin/gc/pause", as: .personal(secret))
            #expect(refused.status == 403)
        }
    }
}
