import BlobStorage
import Foundation
import GarbageCollection
import Registry
import TestSupport
import Testing

/// What a check of everything that is stored finds, and what a repair does about it: `docs/fsck.md`.
@Suite struct StoreVerificationTests {
    @Test("what is in order is no finding", arguments: DatabaseKind.allCases)
    func clean(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.upload("layer")
            try await bench.upload("only leased")
            try await bench.publish("m1", layers: ["layer"], tags: ["latest"])
            try await bench.publish("m2", layers: ["layer"])
            try await bench.publish("part")
            try await bench.publish("index", children: ["part"], tags: ["i"])
            try await bench.publish("note", subject: "index")
            let package = try bench.package()
            _ = try await package.trashVersion(CollectorBench.digest("m2").description)
            let upload = try await package.beginUpload(hashes: [])
            _ = try await package.append(
                to: upload.id, startingAt: nil, body: CollectorBench.body("half"))
            // Left by a crash a moment ago.
            try await bench.storeOrphan("young")
            let (summary, findings, readBytes) = try await bench.verify()
            #expect(findings == [])
            #expect(summary.blobCount == 7 && summary.packageCount == 1)
            #expect(readBytes == summary.blobBytes && readBytes > 0)
            // Every review that was due has been, and all is in order still.
            for _ in 0..<4 {
                bench.clock.advance(bySeconds: 8 * CollectorBench.day)
                _ = try await bench.collector().runUntilIdle()
                let later = try await bench.verify()
                #expect(later.findings.map(\.kind) == [.orphanBlob])
            }
        }
    }

    @Test(
        "every harm is found, with what it means",
        arguments: DatabaseKind.allCases, CollectorBench.Harm.allCases)
    func harms(kind: DatabaseKind, harm: CollectorBench.Harm) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.upload("good layer")
            try await bench.upload("bad layer")
            try await bench.publish(
                "m1", layers: ["good layer", "bad layer"], tags: ["latest"])
            try await bench.publish("m2", layers: ["bad layer"])
            _ = try await bench.package().trashVersion(
                CollectorBench.digest("m2").description)
            try await bench.harm("bad layer", harm)
            let row = try await bench.row("bad layer")
            let (summary, findings, _) = try await bench.verify()
            let finding = try #require(findings.first)
            #expect(findings.count == 1 && summary.remainingCount == 1)
            #expect(finding.kind == harm.kind && finding.repair == nil)
            #expect(finding.digest == row.digests.sha256.description)
            #expect(finding.storageKey == row.storageKey.description)
            #expect(finding.uses.map(\.project) == ["acme/web", "acme/web"])
            #expect(finding.uses.map(\.package) == ["api", "api"])
            #expect(finding.uses.map(\.isDeleted) == [false, true])
            #expect(
                finding.uses.first?.version == CollectorBench.digest("m1").description)
            // Sizes alone do not tell bits.
            let quick = try await bench.verify { $0.reads = false }
            #expect(quick.findings.count == (harm == .flipped ? 0 : 1))
            #expect(quick.readBytes == 0)
            let digests = [row.digests.sha256]
            let chosen = try await bench.verify { $0.digests = digests }
            #expect(chosen.findings == findings && chosen.summary.blobCount == 1)
            let other = [CollectorBench.digest("good layer")]
            #expect(try await bench.verify { $0.digests = other }.findings == [])
        }
    }

    @Test("a blob that is not there cannot be chosen")
    func unknownDigest() async throws {
        try await CollectorBench.run(on: .sqlite) { bench in
            let failure = await #expect(throws: RegistryError.self) {
                try await bench.verify { $0.digests = [CollectorBench.digest("nothing")] }
            }
            #expect(failure?.code == .notFound)
        }
    }

    @Test("only what a project names is looked at", arguments: DatabaseKind.allCases)
    func oneProject(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.upload("named")
            try await bench.publish("m1", layers: ["named"], tags: ["latest"])
            try await bench.upload("not named")
            try await bench.harm("named", .lost)
            try await bench.harm("not named", .lost)
            let id = try bench.package().project.id
            let own = try await bench.verify { $0.projectID = id }
            #expect(own.findings.map(\.digest) == [CollectorBench.digest("named").description])
            #expect(own.summary.blobCount == 2 && own.summary.packageCount == 1)
            let other = try await bench.verify { $0.projectID = id + 1 }
            #expect(other.findings == [] && other.summary.blobCount == 0)
        }
    }

    @Test(
        "a copy that lost a race, or lies in quarantine, heals",
        arguments: DatabaseKind.allCases, CollectorBench.Harm.allCases)
    func heal(kind: DatabaseKind, harm: CollectorBench.Harm) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.publish("m1", tags: ["latest"])
            let orphan = try await bench.storeOrphan("m1")
            let old = try await bench.row("m1").storageKey
            try await bench.harm("m1", harm)
            let (summary, findings, _) = try await bench.verify { $0.repairs = true }
            #expect(findings.map(\.kind) == [harm.kind])
            #expect(findings.map(\.repair) == [.healed] && summary.remainingCount == 0)
            #expect(try await bench.row("m1").storageKey != old)
            #expect(try await bench.served("m1") == "m1")
            #expect(bench.isInQuarantine(old) == (harm != .lost))
            // The copy itself is an orphan that goes its way; what came of it stays.
            bench.clock.advance(bySeconds: 2 * CollectorBench.day)
            let later = try await bench.verify { $0.repairs = true }
            #expect(later.findings.map(\.repair) == [.putAside])
            #expect(bench.isInQuarantine(orphan.key))
            #expect(try await bench.verify().findings == [])
        }
    }

    @Test(
        "what has no copy is put aside, and healed by a push",
        arguments: DatabaseKind.allCases, CollectorBench.Harm.allCases)
    func push(kind: DatabaseKind, harm: CollectorBench.Harm) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.upload("layer")
            try await bench.publish("m1", layers: ["layer"], tags: ["latest"])
            let old = try await bench.row("layer").storageKey
            try await bench.harm("layer", harm)
            let first = try await bench.verify { $0.repairs = true }
            #expect(first.findings.map(\.repair) == [harm == .lost ? nil : .quarantined])
            #expect(first.summary.remainingCount == 1)
            #expect(bench.isInQuarantine(old) == (harm != .lost))
            // It counts as lost from here on, for whoever asks.
            let second = try await bench.verify { $0.repairs = true }
            #expect(second.findings.map(\.kind) == [.missingBytes])
            #expect(second.findings.map(\.repair) == [nil])
            let package = try bench.package()
            #expect(try await package.holdBlob(CollectorBench.digest("layer")) == nil)
            let source = try bench.package("other")
            #expect(
                try await source.mountBlob(CollectorBench.digest("layer"), from: package) == nil)
            try await bench.upload("layer", to: source)
            #expect(try await bench.served("layer") == "layer")
            #expect(try await package.holdBlob(CollectorBench.digest("layer")) != nil)
            #expect(try await bench.verify().findings == [])
        }
    }

    @Test("wrong digests beside sha256 are put right in the row", arguments: DatabaseKind.allCases)
    func extraDigests(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.publish("m1", tags: ["latest"])
            let row = try await bench.row("m1")
            let right = InMemoryBlobs.digests(of: Array("m1".utf8))
            let wrong = BlobDigests(
                sha256: right.sha256, md5: right.md5, sha1: String(repeating: "0", count: 40))
            try await bench.metadata.write { try $0.correctExtraDigests(wrong) }
            #expect(try await bench.verify().findings.map(\.kind) == [.wrongExtraDigests])
            let repaired = try await bench.verify { $0.repairs = true }
            #expect(repaired.findings.map(\.repair) == [.corrected])
            let now = try await bench.row("m1")
            #expect(now.storageKey == row.storageKey && now.digests.sha1 == right.sha1)
            #expect(now.digests.md5 == right.md5 && now.digests.sha512 == nil)
        }
    }

    @Test("orphans are left alone while they are young", arguments: DatabaseKind.allCases)
    func orphans(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.publish("m1", tags: ["latest"])
            let orphan = try await bench.storeOrphan("orphan")
            let pending = try await bench.storeOrphan("pending")
            try await bench.metadata.write { tx in
                // A blob whose file is to be removed.
                _ = try tx.upsertBlob(pending, at: Sample.now)
                _ = try tx.collectBlobs([pending.digest], at: Sample.now)
            }
            var upload = try await bench.scopes.blobs.beginUpload(hashes: [])
            try await upload.append(body: CollectorBench.body("half"))
            let state = try await upload.suspend()
            #expect(try await bench.verify { $0.repairs = true }.findings == [])
            bench.clock.advance(bySeconds: CollectorBench.day + 1)
            let found = try await bench.verify().findings
            #expect(Set(found.map(\.kind)) == [.orphanBlob, .orphanUpload])
            #expect(found.compactMap(\.storageKey) == [orphan.key.description])
            #expect(found.compactMap(\.subject) == [state.uploadID])
            let repaired = try await bench.verify { $0.repairs = true }
            #expect(Set(repaired.findings.map(\.repair)) == [.putAside, .removed])
            #expect(repaired.summary.remainingCount == 0)
            #expect(bench.isInQuarantine(orphan.key) && !bench.isInQuarantine(pending.key))
            #expect(try await bench.makeStore().allEntries().count == 2)
            #expect(try await bench.verify().findings == [])
            #expect(try await bench.served("m1") == "m1")
        }
    }

    @Test("what is collected or healed meanwhile is no finding", arguments: DatabaseKind.allCases)
    func meanwhile(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.upload("garbage")
            try await bench.upload("healed")
            try await bench.upload("hiccup")
            try await bench.publish("m1", layers: ["healed", "hiccup"], tags: ["latest"])
            try await bench.harm("healed", .truncated)
            bench.clock.advance(bySeconds: 3 * CollectorBench.day)
            let keys = [
                "garbage": try await bench.row("garbage").storageKey,
                "healed": try await bench.row("healed").storageKey,
                "hiccup": try await bench.row("hiccup").storageKey,
            ]
            let looks = SendableBox<[StorageKey: Int]>([:])
            let store = MeddlingBlobStore(base: try bench.makeStore()) {
                key throws(RegistryError) in
                let look = looks.withValue { looks -> Int in
                    looks[key, default: 0] += 1
                    return looks[key] ?? 0
                }
                do {
                    if key == keys["garbage"], look == 1 {
                        _ = try await bench.collector().runUntilIdle()
                    }
                    if key == keys["healed"], look == 2 { try await bench.upload("healed") }
                } catch {
                    throw RegistryError.wrapping(error)
                }
                if key == keys["hiccup"], look == 1 {
                    throw RegistryError(.notFound, "only this once")
                }
            }
            let found = try await bench.verify(in: store) { $0.parallelCount = 1 }
            #expect(found.findings == [])
            #expect(looks.withValue { $0[keys["garbage"] ?? StorageKey(stored: "")] } == 1)
            // The second time it is opened twice, to be read from the disk.
            #expect(looks.withValue { $0[keys["hiccup"] ?? StorageKey(stored: "")] } == 3)
            #expect(try await bench.served("healed") == "healed")
            // And a store that is away says nothing about blobs.
            let away = MeddlingBlobStore(base: try bench.makeStore()) { _ throws(RegistryError) in
                throw RegistryError(.unavailable, "the disk is away")
            }
            let failure = await #expect(throws: RegistryError.self) {
                try await bench.verify(in: away) { $0.repairs = true }
            }
            #expect(failure?.code == .unavailable)
        }
    }

    @Test("a disk that cannot read one blob, and the budget of bytes a second")
    func unreadableAndSlow() async throws {
        try await CollectorBench.run(on: .sqlite) { bench in
            try await bench.publish("m1", tags: ["latest"])
            let broken = MeddlingBlobStore(base: try bench.makeStore()) { _ throws(RegistryError) in
                throw RegistryError(.internalError, "the registry's storage failed")
            }
            let found = try await bench.verify(in: broken) { $0.repairs = true }
            #expect(found.findings.map(\.kind) == [.unreadable])
            #expect(found.findings.map(\.repair) == [.quarantined])
            let text = String(repeating: "x", count: 4000)
            try await bench.upload(text)
            let begin = ContinuousClock.now
            let digests = [CollectorBench.digest(text)]
            let slow = try await bench.verify {
                $0.digests = digests
                $0.bytesPerSecond = 10_000
            }
            #expect(slow.findings == [])
            #expect(ContinuousClock.now - begin >= .milliseconds(250))
        }
    }

    @Test("many blobs come in pages, each once", arguments: DatabaseKind.allCases)
    func pages(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            let blobs = (0..<1203).map { number in
                InMemoryBlobs.digests(of: Array("blob \(number)".utf8), []).sha256
            }
            try await bench.metadata.write { tx in
                for (number, digest) in blobs.enumerated() {
                    let hex = digest.hex
                    let key = StorageKey(
                        stored: "sha256/\(hex.prefix(2))/\(hex.dropFirst(2).prefix(2))/\(hex)-"
                            + "0123456789abcdef")
                    _ = try tx.upsertBlob(
                        CommittedBlob(
                            digests: BlobDigests(sha256: digest), size: Int64(number), key: key),
                        at: Sample.now)
                    try tx.upsertReview(.blob(digest), event: "test", after: Sample.now)
                }
            }
            let (summary, findings, _) = try await bench.verify { $0.reads = false }
            #expect(summary.blobCount == 1203)
            #expect(findings.allSatisfy { $0.kind == .missingBytes })
            #expect(Set(findings.compactMap(\.digest)) == Set(blobs.map(\.description)))
            #expect(findings.count == 1203)
        }
    }
}
