import FormatKit
import TestSupport
import Testing

@Suite("Derived documents in memory")
struct DocumentCacheTests {
    private typealias Key = DocumentCache<String>.Key

    @Test func aDocumentBelongsToARevision() {
        let cache = DocumentCache<String>(limitBytes: 1000)
        let key = Key(packageID: 1, variant: "tags")
        #expect(cache.find(key, revision: 1) == nil)
        cache.insert("one", for: key, revision: 1, sizeBytes: 3)
        #expect(cache.find(key, revision: 1) == "one")
        #expect(cache.find(key, revision: 2) == nil)
        #expect(cache.find(Key(packageID: 1, variant: "other"), revision: 1) == nil)
        #expect(cache.find(Key(packageID: 2, variant: "tags"), revision: 1) == nil)
        cache.insert("two", for: key, revision: 2, sizeBytes: 3)
        #expect(cache.find(key, revision: 2) == "two")
        // Somebody slow comes with what is out of date by now.
        cache.insert("one", for: key, revision: 1, sizeBytes: 3)
        #expect(cache.find(key, revision: 2) == "two")
        #expect(cache.find(key, revision: 1) == nil)
        #expect(cache.sizeBytes == 3)
    }

    @Test func whatIsUsedStays() {
        let cache = DocumentCache<String>(limitBytes: 100)
        let kept = Key(packageID: 0, variant: "kept")
        cache.insert("kept", for: kept, revision: 1, sizeBytes: 10)
        for index in 1...100 {
            cache.insert(
                "x", for: Key(packageID: Int64(index), variant: ""), revision: 1, sizeBytes: 10)
            #expect(cache.find(kept, revision: 1) == "kept")
            #expect(cache.sizeBytes <= 100)
        }
        #expect(cache.find(Key(packageID: 1, variant: ""), revision: 1) == nil)
        cache.insert("large", for: Key(packageID: 9, variant: "l"), revision: 1, sizeBytes: 51)
        #expect(cache.find(Key(packageID: 9, variant: "l"), revision: 1) == nil)
    }

    @Test func theLimitHoldsWhateverComes() {
        var generator = SeededGenerator.announced()
        let cache = DocumentCache<Int64>(limitBytes: 1000)
        var newest: [Int64: Int64] = [:]
        for step in 0..<20_000 as Range<Int64> {
            let id = Int64.random(in: 0..<40, using: &generator)
            let key = DocumentCache<Int64>.Key(packageID: id, variant: "")
            if Bool.random(using: &generator) {
                newest[id] = step
                cache.insert(
                    step, for: key, revision: step,
                    sizeBytes: Int.random(in: 0...600, using: &generator))
            } else if let revision = newest[id], let found = cache.find(key, revision: revision) {
                #expect(found == revision)
            }
            #expect(cache.sizeBytes <= 1000)
        }
    }
}
