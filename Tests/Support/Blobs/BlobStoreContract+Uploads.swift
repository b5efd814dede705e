import NIOCore
import Registry
import Testing

extension BlobStoreContract {
    static let uploadChecks: [Check] = [
        Check("what was announced rightly is accepted") { contract in
            let store = try await contract.makeStore()
            let bytes = makeBytes(100_000)
            let digests = referenceDigests(of: bytes)
            let expectation = BlobExpectation(
                size: 100_000, md5: digests.md5, sha1: digests.sha1, sha256: digests.sha256.hex,
                sha512: digests.sha512)
            let blob = try await store.store(
                bytes, hashes: expectation.neededHashes, expecting: expectation)
            #expect(blob.digests == digests)
        },
        Check("what was announced wrongly is refused, and nothing is left") { contract in
            let store = try await contract.makeStore()
            let other = referenceDigests(of: makeBytes(1, seed: 9))
            let cases: [(BlobExpectation, String)] = [
                (BlobExpectation(size: 99_999), "size_mismatch"),
                (BlobExpectation(md5: other.md5), "digest_mismatch"),
                (BlobExpectation(sha1: other.sha1), "digest_mismatch"),
                (BlobExpectation(sha256: other.sha256.hex), "digest_mismatch"),
                (BlobExpectation(sha512: other.sha512), "digest_mismatch"),
            ]
            for (expectation, reason) in cases {
                let failure = await #expect(throws: RegistryError.self) {
                    try await store.store(
                        makeBytes(100_000), hashes: expectation.neededHashes,
                        expecting: expectation)
                }
                #expect(failure?.code == .unprocessable)
                #expect(failure?.reason == reason)
            }
            #expect(try await eventually { try await store.allEntries().isEmpty })
        },
        Check("I8: a suspended upload goes on in another store, wherever it was cut") { contract in
            let bytes = makeBytes(1_300_000)
            let (one, two) = (try await contract.makeStore(), try await contract.makeStore())
            let cuts = [0, 1, 55, 64, 100, 127, 128, 65_537, 524_288, 900_000, 1_300_000]
            for (number, cut) in cuts.enumerated() {
                var upload = try await one.beginUpload(hashes: .all)
                try await upload.append(try #require(bytes.getSlice(at: 0, length: cut)))
                #expect(upload.offset == Int64(cut))
                let state = try await upload.suspend()
                #expect(state.offset == Int64(cut))
                #expect(state.hashes == .all)
                let store = number.isMultiple(of: 2) ? two : one
                var resumed = try await store.resumeUpload(state)
                #expect(resumed.offset == Int64(cut))
                let rest = try #require(bytes.getSlice(at: cut, length: 1_300_000 - cut))
                try await resumed.append(rest, chunkBytes: 70_001)
                let blob = try await resumed.commit(BlobExpectation(size: 1_300_000))
                #expect(blob.digests == referenceDigests(of: bytes), "cut at \(cut)")
                #expect(try await one.contents(of: blob.key) == bytes, "cut at \(cut)")
            }
        },
        Check("an upload may be suspended many times") { contract in
            let bytes = makeBytes(5000)
            var state = try await contract.makeStore().beginUpload(hashes: .all).suspend()
            for start in stride(from: 0, to: 5000, by: 250) {
                var upload = try await contract.makeStore().resumeUpload(state)
                try await upload.append(try #require(bytes.getSlice(at: start, length: 250)))
                state = try await upload.suspend()
            }
            let store = try await contract.makeStore()
            let blob = try await store.resumeUpload(state).commit()
            #expect(blob.digests == referenceDigests(of: bytes))
            #expect(try await store.contents(of: blob.key) == bytes)
        },
        Check("an upload that has ended cannot go on") { contract in
            let store = try await contract.makeStore()
            var upload = try await store.beginUpload(hashes: [])
            try await upload.append(makeBytes(1000))
            let state = try await upload.suspend()
            let blob = try await store.resumeUpload(state).commit()
            let committed = await #expect(throws: RegistryError.self) {
                _ = try await store.resumeUpload(state)
            }
            #expect(committed?.code == .conflict)
            #expect(try await store.contents(of: blob.key) == makeBytes(1000))

            let second = try await store.beginUpload(hashes: []).suspend()
            try await store.discardUpload(second.uploadID)
            try await store.discardUpload(second.uploadID)
            let discarded = await #expect(throws: RegistryError.self) {
                _ = try await store.resumeUpload(second)
            }
            #expect(discarded?.code == .conflict)
        },
        Check("a state that was damaged is refused") { contract in
            let store = try await contract.makeStore()
            var upload = try await store.beginUpload(hashes: .sha1)
            try await upload.append(makeBytes(1000))
            let state = try await upload.suspend()
            let cases = [
                UploadState(
                    uploadID: state.uploadID, offset: 999, hashes: .sha1,
                    hashState: state.hashState),
                UploadState(
                    uploadID: state.uploadID, offset: 1000, hashes: .all,
                    hashState: state.hashState),
                UploadState(
                    uploadID: state.uploadID, offset: 1000, hashes: .sha1,
                    hashState: state.hashState.dropLast()),
                UploadState(
                    uploadID: state.uploadID, offset: 1000, hashes: .sha1, hashState: []),
                UploadState(
                    uploadID: "../" + state.uploadID, offset: 1000, hashes: .sha1,
                    hashState: state.hashState),
            ]
            for damaged in cases {
                let failure = await #expect(throws: RegistryError.self) {
                    _ = try await store.resumeUpload(damaged)
                }
                #expect(failure?.code == .conflict)
            }
        },
        Check("dropping an upload leaves nothing") { contract in
            let store = try await contract.makeStore()
            try await drop(try await store.beginUpload(hashes: []), after: makeBytes(100))
            try await drop(try await store.beginUpload(hashes: .all), after: makeBytes(3_000_000))
            let state = try await store.beginUpload(hashes: []).suspend()
            try await drop(try await store.resumeUpload(state), after: makeBytes(100))
            #expect(try await eventually { try await store.allEntries().isEmpty })
        },
        Check("uploads at once do not touch each other") { contract in
            let stores = [try await contract.makeStore(), try await contract.makeStore()]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<32 {
                    group.addTask {
                        let store = stores[number % 2]
                        // Every fourth has the same content.
                        let seed = UInt64(number.isMultiple(of: 4) ? 1 : number + 2)
                        let bytes = makeBytes(600_000 + Int(seed) * 1111, seed: seed)
                        let blob = try await store.store(bytes, chunkBytes: 10_007, hashes: .md5)
                        #expect(blob.digests == referenceDigests(of: bytes, .md5))
                        #expect(try await stores[(number + 1) % 2].contents(of: blob.key) == bytes)
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await stores[0].allEntries().count == 32)
        },
    ]

    /// Appends to an upload and lets it go.
    private static func drop(
        _ upload: consuming BlobUpload, after bytes: ByteBuffer
    ) async throws(RegistryError) {
        var upload = upload
        try await upload.append(bytes, chunkBytes: 65_536)
    }
}
