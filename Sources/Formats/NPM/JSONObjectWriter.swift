import FormatKit
import NIOCore

/// Writes a JSON object member by member, of parts that are JSON already.
struct JSONObjectWriter {
    private(set) var buffer: ByteBuffer
    private var isEmpty = true

    init(reservingBytes capacity: Int = 1024) {
        buffer = ByteBuffer()
        buffer.reserveCapacity(capacity)
        buffer.writeInteger(UInt8(ascii: "{"))
    }

    /// The whole object, in UTF-8.
    consuming func finish() -> ByteBuffer {
        buffer.writeInteger(UInt8(ascii: "}"))
        return buffer
    }

    mutating func write(_ name: String, _ value: JSONValue) {
        begin(name)
        var bytes = value.bytes
        buffer.writeBuffer(&bytes)
    }

    /// A member whose value is this JSON text.
    mutating func write(_ name: String, text: ArraySlice<UInt8>) {
        begin(name)
        buffer.writeBytes(text)
    }

    /// A member whose value is an object that `body` writes into the same buffer.
    mutating func writeObject<Failure: Error>(
        _ name: String, _ body: (inout JSONObjectWriter) throws(Failure) -> Void
    ) throws(Failure) {
        begin(name)
        isEmpty = true
        buffer.writeInteger(UInt8(ascii: "{"))
        try body(&self)
        buffer.writeInteger(UInt8(ascii: "}"))
        isEmpty = false
    }

    /// All members of an object that is written without white space around it.
    mutating func writeMembers(of object: ArraySlice<UInt8>) {
        let members = object.dropFirst().dropLast()
        guard !members.isEmpty else { return }
        separate()
        buffer.writeBytes(members)
    }

    private mutating func begin(_ name: String) {
        separate()
        var bytes = JSONValue.string(name).bytes
        buffer.writeBuffer(&bytes)
        buffer.writeInteger(UInt8(ascii: ":"))
    }

    private mutating func separate() {
        if !isEmpty { buffer.writeInteger(UInt8(ascii: ",")) }
        isEmpty = false
    }
}
