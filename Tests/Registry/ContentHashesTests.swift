import NIOCore
import Registry
import TestSupport
import Testing

@Suite struct ContentHashesTests {
    @Test("The digests do not depend on the pieces", arguments: [0, 1, 63, 64, 65, 10_000])
    func pieces(size: Int) {
        let bytes = makeBytes(size)
        for hashes in [[], .all, .md5, [.sha1, .sha512]] as [ExtraHashes] {
            var running = ContentHashes(hashes)
            var rest = bytes
            while let piece = rest.readSlice(length: min(777, rest.readableBytes)),
                piece.readableBytes > 0
            {
                running.update(piece)
            }
            #expect(running.countBytes == Int64(size))
            #expect(running.digests() == referenceDigests(of: bytes, hashes))
            #expect(running.digests().extraHashes == hashes)
        }
    }
}
