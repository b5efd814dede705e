import NIOCore

@testable import PyPIFormat

/// The digest that clients send, by the code whose results `CoreMetadataTests` compares with those of
/// Python.
enum TestBLAKE2 {
    static func hash(_ bytes: [UInt8]) -> String {
        var hash = BLAKE2b()
        hash.update(ByteBuffer(bytes: bytes))
        return hash.finish()
    }
}
