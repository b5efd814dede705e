import NIOCore
import Registry
import TestSupport
import Testing

@testable import BlobStorage

@Suite("Hashes that can be saved")
struct RunningHashesTests {
    @Test("I8: a saved state goes on at every offset of two of the longest blocks")
    func everyOffset() throws {
        let bytes = makeBytes(600)
        let expected = referenceDigests(of: bytes)
        for offset in 0...300 {
            var hashes = RunningHashes(.all)
            hashes.update(try #require(bytes.getSlice(at: 0, length: offset)))
            var resumed = try #require(
                RunningHashes(state: hashes.savedState(), hashes: .all, offset: Int64(offset)))
            resumed.update(try #require(bytes.getSlice(at: offset, length: 600 - offset)))
            #expect(resumed.digests() == expected, "cut at \(offset)")
            #expect(resumed.countBytes == 600)
        }
    }

    /// The length that the algorithms count is in bits, and overflows 32 of them at 512 MiB.
    @Test("Saving and going on changes nothing above 512 MiB")
    func longInput() throws {
        let chunk = makeBytes(8 << 20)
        var straight = RunningHashes(.all)
        for _ in 0..<65 { straight.update(chunk) }
        let state = straight.savedState()
        var resumed = try #require(
            RunningHashes(state: state, hashes: .all, offset: straight.countBytes))
        straight.update(chunk)
        resumed.update(chunk)
        #expect(straight.countBytes > 512 << 20)
        #expect(resumed.digests() == straight.digests())
    }

    /// Written down once, so that a state of yesterday's version is still read tomorrow.
    @Test("The layout of version 1")
    func layout() throws {
        var hashes = RunningHashes(.md5)
        hashes.update(ByteBuffer(string: "abc"))
        let expected =
            "01" + "01" + "0000000000000003"
            + "6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19" + "616263"
            + "67452301efcdab8998badcfe10325476" + "616263"
        #expect(Hex.encode(hashes.savedState()) == expected)
    }

    @Test("States of another version, length, offset or set of hashes are refused")
    func damaged() {
        var hashes = RunningHashes(.sha1)
        hashes.update(makeBytes(100))
        let state = hashes.savedState()
        #expect(RunningHashes(state: state, hashes: .sha1, offset: 100) != nil)
        #expect(RunningHashes(state: state, hashes: .sha1, offset: 101) == nil)
        #expect(RunningHashes(state: state, hashes: .sha1, offset: -1) == nil)
        #expect(RunningHashes(state: state, hashes: .md5, offset: 100) == nil)
        let unknown = ExtraHashes(rawValue: 128)
        #expect(RunningHashes(state: state, hashes: unknown, offset: 100) == nil)
        for length in 0..<state.count {
            let cut = Array(state.prefix(length))
            #expect(RunningHashes(state: cut, hashes: .sha1, offset: 100) == nil)
        }
        #expect(RunningHashes(state: state + [0], hashes: .sha1, offset: 100) == nil)
        #expect(RunningHashes(state: [2] + state.dropFirst(), hashes: .sha1, offset: 100) == nil)
    }
}
