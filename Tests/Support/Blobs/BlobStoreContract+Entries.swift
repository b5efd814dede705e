import NIOCore
import Registry
import Synchronization
import Testing

extension BlobStoreContract {
    static let entryChecks: [Check] = [
        Check("a list has all blobs and unfinished uploads, with their sizes") { contract in
            let store = try await contract.makeStore()
            var expected: Set<BlobStoreEntry> = []
            for size in [0, 10, 100_000] {
                let blob = try await store.store(makeBytes(size))
                expected.insert(.blob(blob.key, size: Int64(size)))
                var upload = try await store.beginUpload(hashes: [])
                try await upload.append(makeBytes(size))
                let state = try await upload.suspend()
                expected.insert(.upload(id: state.uploadID, size: Int64(size)))
            }
            let entries = try await contract.makeStore().allEntries()
            #expect(entries.count == expected.count)
            #expect(Set(entries) == expected)
        },
        Check("a list has only what was written before the moment") { contract in
            let store = try await contract.makeStore()
            let clock = SystemClock()
            _ = try await store.store(makeBytes(10))
            _ = try await store.beginUpload(hashes: []).suspend()
            let now = clock.now()
            #expect(try await store.entries(writtenBefore: now.advanced(bySeconds: -60)).isEmpty)
            #expect(
                try await store.entries(writtenBefore: now.advanced(bySeconds: 60)).count == 2)
        },
        Check("what a list's visitor throws ends the list") { contract in
            let store = try await contract.makeStore()
            _ = try await store.store(makeBytes(10))
            let failure = await #expect(throws: RegistryError.self) {
                try await store.listEntries(writtenBefore: .distantFuture) {
                    _ throws(RegistryError) in
                    throw RegistryError(.requestTimeout, "enough")
                }
            }
            #expect(failure?.code == .requestTimeout)
        },
        Check("what a list shows can be removed while it is walked") { contract in
            let store = try await contract.makeStore()
            for seed in 0..<20 {
                _ = try await store.store(makeBytes(100, seed: UInt64(seed)))
            }
            try await store.listEntries(writtenBefore: .distantFuture) {
                page throws(RegistryError) in
                for case .blob(let key, _) in page {
                    try await store.remove(key)
                }
            }
            #expect(try await store.allEntries().isEmpty)
        },
        Check("a healthy store says so, and its list does not show how") { contract in
            let store = try await contract.makeStore()
            try await store.checkHealth()
            #expect(try await store.allEntries().isEmpty)
        },
    ]
}
