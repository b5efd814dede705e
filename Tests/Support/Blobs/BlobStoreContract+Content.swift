import NIOCore
import Registry
import Testing

extension BlobStoreContract {
    /// Sizes at the edges of hash blocks, of network chunks and of write buffers.
    private static let sizes = [
        0, 1, 63, 64, 65, 127, 128, 129, 32_768, 32_769, 65_535, 65_536, 65_537, 524_287, 524_288,
        524_289, 1_048_576, 20 << 20,
    ]

    static let contentChecks: [Check] = [
        Check("what goes in comes out, for sizes at every edge") { contract in
            let store = try await contract.makeStore()
            for size in sizes {
                let bytes = makeBytes(size, seed: UInt64(size))
                let blob = try await store.store(bytes)
                #expect(blob.size == Int64(size))
                #expect(blob.digest == referenceDigests(of: bytes).sha256, "\(size) bytes")
                #expect(try await store.size(of: blob.key) == Int64(size))
                #expect(try await store.contents(of: blob.key) == bytes, "\(size) bytes")
            }
        },
        Check("chunks of any size make the same blob") { contract in
            let store = try await contract.makeStore()
            let bytes = makeBytes(1_200_000)
            for chunkBytes in [313, 4096, 65_536, 524_288, 1_200_000] {
                let blob = try await store.store(bytes, chunkBytes: chunkBytes)
                #expect(blob.digest == referenceDigests(of: bytes).sha256)
                #expect(try await store.contents(of: blob.key) == bytes, "\(chunkBytes)")
            }
        },
        Check("the digests that were asked for, and no others") { contract in
            let store = try await contract.makeStore()
            let bytes = makeBytes(700_001)
            let subsets: [ExtraHashes] = [[], .md5, .sha1, .sha512, [.md5, .sha1], .all]
            for hashes in subsets {
                let blob = try await store.store(bytes, hashes: hashes)
                #expect(blob.digests == referenceDigests(of: bytes, hashes))
            }
        },
        Check("any range can be read, and nothing behind the end") { contract in
            let store = try await contract.makeStore()
            for size in [0, 1, 1000, 300_000] {
                let bytes = makeBytes(size)
                let reader = try await store.open(try await store.store(bytes).key)
                for offset in [0, 1, size / 3, size - 1, size, size + 1, size + 70_000]
                where offset >= 0 {
                    for limit in [0, 1, 999, 65_536, size, size + 1] {
                        let start = min(offset, size)
                        let expected = bytes.getSlice(at: start, length: min(limit, size - start))
                        let read = try await reader.read(at: Int64(offset), limitBytes: limit)
                        #expect(read == expected, "\(size) bytes, \(limit) at \(offset)")
                    }
                }
            }
        },
        Check("a key without bytes is not found") { contract in
            let store = try await contract.makeStore()
            let blob = try await store.store(makeBytes(10))
            try await store.remove(blob.key)
            let failure = await #expect(throws: RegistryError.self) {
                try await store.open(blob.key)
            }
            #expect(failure?.code == .notFound)
            #expect(try await store.size(of: blob.key) == nil)
        },
        Check("removing twice is removing once") { contract in
            let store = try await contract.makeStore()
            let blob = try await store.store(makeBytes(10))
            try await store.remove(blob.key)
            try await store.remove(blob.key)
            #expect(try await store.allEntries().isEmpty)
        },
        Check("an open reader survives the removal of its blob") { contract in
            let store = try await contract.makeStore()
            let bytes = makeBytes(2 << 20)
            let blob = try await store.store(bytes)
            let reader = try await store.open(blob.key)
            try await store.remove(blob.key)
            #expect(try await reader.read(at: 0, limitBytes: bytes.readableBytes) == bytes)
        },
        Check("I2: the same content again gets another key, and each has its own bytes") {
            contract in
            let store = try await contract.makeStore()
            let bytes = makeBytes(5000)
            let (first, second) = (try await store.store(bytes), try await store.store(bytes))
            #expect(first.key != second.key)
            try await store.remove(first.key)
            #expect(try await store.contents(of: second.key) == bytes)
        },
    ]
}
