public import NIOCore
public import Registry

/// Cuts a form of several parts out of bytes that arrive in any pieces. Holds no more than a header
/// or a boundary that is not whole yet, whatever the size of the parts. Pure.
///
/// Bytes go in by `append`; `next` hands out what they amount to until it has nothing left to say.
///
/// *Source*: RFC 2046, section 5.1.1; RFC 7578.
public struct MultipartParser: Sendable {
    /// What follows in the form.
    public enum Event: Hashable, Sendable {
        /// A part begins.
        case part(MultipartPart)
        /// Bytes of the part, never empty.
        case bytes(ByteBuffer)
        /// The part is complete.
        case partEnd
    }

    private enum State {
        /// In front of the first boundary.
        case preamble
        /// Behind a boundary, where a line ends or `--` ends the form.
        case boundary
        case header
        case body
        /// Behind the last boundary.
        case epilogue
    }

    private let limits: MultipartLimits
    /// `\r\n--` and the boundary.
    private let delimiter: [UInt8]
    private var state = State.preamble
    private var pending: ByteBuffer
    /// Bytes of `pending` in which no end was found.
    private var searched = 0
    private var partCount = 0

    /// A parser for a form with this boundary.
    public init(boundary: String, limits: MultipartLimits = MultipartLimits()) {
        self.limits = limits
        delimiter = Array("\r\n--\(boundary)".utf8)
        // The first boundary stands at the beginning of a line that nothing comes before.
        pending = ByteBuffer(string: "\r\n")
    }

    /// The boundary that a `Content-Type` names.
    ///
    /// - Throws: `unsupportedMediaType` for another type, `malformed` for a boundary that is none.
    public static func boundary(of contentType: String?) throws(RegistryError) -> String {
        let parameters = try contentType.map { (text) throws(RegistryError) in
            try HeaderParameters(parsing: text)
        }
        guard let parameters, parameters.essence == "multipart/form-data" else {
            throw RegistryError(
                .unsupportedMediaType, "the body has to be a form: multipart/form-data")
        }
        guard let boundary = parameters["boundary"],
            (1...MultipartLimits.boundaryBytes).contains(boundary.utf8.count),
            boundary.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }), boundary.last != " "
        else { throw RegistryError.multipart("the Content-Type names no boundary") }
        return boundary
    }

    /// Whether the last boundary was seen.
    public var isComplete: Bool {
        if case .epilogue = state { true } else { false }
    }

    /// Takes the bytes that follow.
    public mutating func append(_ bytes: ByteBuffer) {
        if case .epilogue = state { return }
        if pending.readableBytes == 0 {
            pending = bytes
        } else {
            pending.writeImmutableBuffer(bytes)
        }
    }

    /// What follows, or `nil` until more bytes arrive.
    ///
    /// - Throws: `malformed` with reason `multipart_invalid` or `multipart_limit`.
    public mutating func next() throws(RegistryError) -> Event? {
        while true {
            switch state {
            case .preamble:
                guard try skipPreamble() else { return nil }
            case .boundary:
                guard try endBoundary() else { return nil }
            case .header:
                return try takeHeader().map(Event.part)
            case .body:
                return takeBody()
            case .epilogue:
                pending.clear()
                return nil
            }
        }
    }

    /// - Throws: `malformed` unless the form came to its end.
    public func finish() throws(RegistryError) {
        guard isComplete else {
            throw RegistryError.multipart("it ends before its last boundary")
        }
    }

    private mutating func skipPreamble() throws(RegistryError) -> Bool {
        let (found, held) = search()
        guard found != nil || held <= limits.headerBytes else {
            throw RegistryError.multipart("it does not begin with its boundary")
        }
        guard let found else { return false }
        pending.moveReaderIndex(forwardBy: found + delimiter.count)
        state = .boundary
        return true
    }

    /// Reads the end of the line of a boundary, which may be padded.
    private mutating func endBoundary() throws(RegistryError) -> Bool {
        let view = pending.readableBytesView
        guard view.count >= 2 else { return false }
        if view.prefix(2).elementsEqual("--".utf8) {
            state = .epilogue
            return true
        }
        guard let end = view.firstIndex(where: { $0 != 0x20 && $0 != 0x09 }) else {
            guard view.count <= limits.headerBytes else {
                throw RegistryError.multipart("the line of a boundary does not end")
            }
            return false
        }
        let rest = view[end...]
        guard rest.count >= 2 else { return false }
        guard rest.prefix(2).elementsEqual("\r\n".utf8) else {
            throw RegistryError.multipart("something follows a boundary on its line")
        }
        partCount += 1
        guard partCount <= limits.partCount else {
            throw RegistryError(
                .malformed, "the form has more than \(limits.partCount) parts",
                reason: "multipart_limit")
        }
        // The line break stays: a header that is empty is two of them in a row.
        pending.moveReaderIndex(forwardBy: end - view.startIndex)
        searched = 0
        state = .header
        return true
    }

    private mutating func takeHeader() throws(RegistryError) -> MultipartPart? {
        let view = pending.readableBytesView
        let end = Self.find("\r\n\r\n".utf8, in: view, from: max(0, searched - 3))
        guard let end else {
            searched = view.count
            guard view.count <= limits.headerBytes else { throw headerLimit }
            return nil
        }
        guard end <= limits.headerBytes else { throw headerLimit }
        let header = Array(view.prefix(end))
        pending.moveReaderIndex(forwardBy: end + 4)
        state = .body
        return try MultipartPart(parsing: header)
    }

    private var headerLimit: RegistryError {
        RegistryError(
            .malformed, "the header of a part has more than \(limits.headerBytes) bytes",
            reason: "multipart_limit")
    }

    private mutating func takeBody() -> Event? {
        let (found, held) = search()
        if found == 0 {
            pending.moveReaderIndex(forwardBy: delimiter.count)
            state = .boundary
            return .partEnd
        }
        let count = found ?? held - keptCount(held)
        guard count > 0 else { return nil }
        return pending.readSlice(length: count).map(Event.bytes)
    }

    /// Bytes at the end of what is held that may be the beginning of a delimiter.
    private func keptCount(_ held: Int) -> Int {
        let view = pending.readableBytesView
        let tail = view.suffix(min(held, delimiter.count - 1))
        var start = tail.startIndex
        while start < tail.endIndex {
            guard let candidate = tail[start...].firstIndex(of: UInt8(ascii: "\r")) else {
                return 0
            }
            if delimiter.starts(with: tail[candidate...]) { return tail.endIndex - candidate }
            start = candidate + 1
        }
        return 0
    }

    /// Where the delimiter is, counted from the first byte that is held, and how many are.
    private func search() -> (found: Int?, held: Int) {
        let view = pending.readableBytesView
        return (Self.find(delimiter, in: view, from: 0), view.count)
    }

    /// Where `pattern`, which begins with a carriage return, is in `view`, counted from its start.
    private static func find(
        _ pattern: some Collection<UInt8>, in view: ByteBufferView, from offset: Int
    ) -> Int? {
        var start = view.startIndex + offset
        while start < view.endIndex,
            let candidate = view[start...].firstIndex(of: UInt8(ascii: "\r"))
        {
            let rest = view[candidate...]
            guard rest.count >= pattern.count else { return nil }
            if rest.starts(with: pattern) { return candidate - view.startIndex }
            start = candidate + 1
        }
        return nil
    }
}
