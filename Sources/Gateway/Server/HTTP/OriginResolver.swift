import HTTPTypes
public import Registry

/// Works out under which address a client reached the gateway, and from where it came.
///
/// The forwarding fields are believed only from a trusted proxy; from anybody else, and where they
/// hold anything but a plain host, port, scheme, path or address, they are as good as not sent.
public struct OriginResolver: Sendable {
    /// The address under which the operator says that clients come, whatever they send.
    public let externalOrigin: PublicOrigin?
    /// The proxies whose word counts.
    public let trustedProxies: [CIDRBlock]

    public init(externalOrigin: PublicOrigin?, trustedProxies: [CIDRBlock]) {
        self.externalOrigin = externalOrigin
        self.trustedProxies = trustedProxies
    }

    /// What URLs in the answer to `request` begin with.
    public func origin(of request: IncomingRequest) -> PublicOrigin {
        if let externalOrigin { return externalOrigin }
        let authority = request.authority.flatMap(Self.checkedAuthority) ?? "localhost"
        var said = ForwardedElement()
        var port: String?
        var prefix = ""
        if isTrusted(request.peerAddress) {
            let fields = request.headers
            said = lastBelieved(fields)
            port = Self.last(fields, Self.forwardedPort).flatMap(Self.checkedPort)
            prefix = Self.last(fields, Self.forwardedPrefix).flatMap(Self.checkedPrefix) ?? ""
        }
        let scheme = said.proto ?? (request.isSecure ? "https" : "http")
        return PublicOrigin(
            scheme: scheme,
            authority: Self.normalized(said.host ?? authority, port: port, scheme: scheme),
            pathPrefix: prefix)
    }

    /// The client's own address: the nearest one that is not a trusted proxy's.
    public func clientAddress(of request: IncomingRequest) -> String {
        guard isTrusted(request.peerAddress) else { return request.peerAddress }
        var nearest = request.peerAddress
        for node in forwardedNodes(request.headers).reversed() {
            guard let address = Self.address(ofNode: node) else { break }
            nearest = address.description
            if !trustedProxies.contains(where: { $0.contains(address) }) { break }
        }
        return nearest
    }

    // MARK: Reading the fields

    private static let forwarded = HTTPField.Name("Forwarded")
    private static let forwardedFor = HTTPField.Name("X-Forwarded-For")
    private static let forwardedProto = HTTPField.Name("X-Forwarded-Proto")
    private static let forwardedHost = HTTPField.Name("X-Forwarded-Host")
    private static let forwardedPort = HTTPField.Name("X-Forwarded-Port")
    private static let forwardedPrefix = HTTPField.Name("X-Forwarded-Prefix")

    private func isTrusted(_ peer: String) -> Bool {
        guard !trustedProxies.isEmpty, let address = NetworkAddress(parsing: peer) else {
            return false
        }
        return trustedProxies.contains { $0.contains(address) }
    }

    /// Scheme and host as the outermost trusted proxy saw them. The elements of `Forwarded` are in
    /// the order of travel: behind the last one that an untrusted client could have written itself
    /// stand those of the trusted proxies.
    private func lastBelieved(_ fields: HTTPFields) -> ForwardedElement {
        var said = ForwardedElement()
        for element in Self.elements(fields).reversed() {
            said.proto = element.proto.flatMap(Self.checkedScheme) ?? said.proto
            said.host = element.host.flatMap(Self.checkedAuthority) ?? said.host
            guard let node = element.node.flatMap(Self.address(ofNode:)),
                trustedProxies.contains(where: { $0.contains(node) })
            else { break }
        }
        if let proto = Self.last(fields, Self.forwardedProto).flatMap(Self.checkedScheme) {
            said.proto = said.proto ?? proto
        }
        if let host = Self.last(fields, Self.forwardedHost).flatMap(Self.checkedAuthority) {
            said.host = said.host ?? host
        }
        return said
    }

    private func forwardedNodes(_ fields: HTTPFields) -> [String] {
        let nodes = Self.elements(fields).compactMap(\.node)
        if !nodes.isEmpty { return nodes }
        guard let name = Self.forwardedFor, let list = fields[name] else { return [] }
        return list.split(separator: ",").map { String(Self.trim($0)) }
    }

    private static func elements(_ fields: HTTPFields) -> [ForwardedElement] {
        guard let name = forwarded, let field = fields[name] else { return [] }
        return ForwardedElement.parse(field) ?? []
    }

    /// The last value of a list: what the proxy that is believed wrote itself. Those before it may be
    /// the client's.
    private static func last(_ fields: HTTPFields, _ name: HTTPField.Name?) -> String? {
        guard let name, let list = fields[name] else { return nil }
        let start = list.lastIndex(of: ",").map { list.index(after: $0) } ?? list.startIndex
        return String(trim(list[start...]))
    }

    private static func trim(_ text: Substring) -> Substring {
        var rest = text
        while rest.first == " " || rest.first == "\t" { rest.removeFirst() }
        while rest.last == " " || rest.last == "\t" { rest.removeLast() }
        return rest
    }

    /// The address of `10.0.0.1`, `10.0.0.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`.
    private static func address(ofNode node: String) -> NetworkAddress? {
        if node.hasPrefix("[") {
            return NetworkAddress(parsing: node.dropFirst().prefix { $0 != "]" })
        }
        if node.filter({ $0 == ":" }).count == 1 {
            return NetworkAddress(parsing: node.prefix { $0 != ":" })
        }
        return NetworkAddress(parsing: node)
    }

    // MARK: Checking values

    private static func checkedScheme(_ text: String) -> String? {
        let scheme = text.lowercased()
        return scheme == "http" || scheme == "https" ? scheme : nil
    }

    private static func checkedPort(_ text: String) -> String? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(text),
            port > 0
        else { return nil }
        return String(port)
    }

    /// A host name, an IPv4 address or an IPv6 address in brackets, perhaps with a port.
    private static func checkedAuthority(_ text: String) -> String? {
        guard (1...255).contains(text.utf8.count) else { return nil }
        let bytes = text.utf8
        let hostEnd: String.Index
        if bytes.first == UInt8(ascii: "[") {
            guard let close = bytes.firstIndex(of: UInt8(ascii: "]")),
                NetworkAddress(parsing: text[..<close].dropFirst())?.bytes.count == 16
            else { return nil }
            hostEnd = bytes.index(after: close)
        } else {
            hostEnd = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
            guard hostEnd != bytes.startIndex, bytes[..<hostEnd].allSatisfy(isHostByte) else {
                return nil
            }
        }
        if hostEnd != bytes.endIndex {
            guard bytes[hostEnd] == UInt8(ascii: ":"),
                checkedPort(String(text[bytes.index(after: hostEnd)...])) != nil
            else { return nil }
        }
        return text.lowercased()
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// A path of plain segments without a slash at its end, or empty.
    private static func checkedPrefix(_ text: String) -> String? {
        var path = Substring(text)
        while path.hasSuffix("/") { path.removeLast() }
        guard !path.isEmpty else { return "" }
        guard path.hasPrefix("/"), path.utf8.count <= 255 else { return nil }
        let segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        let isPlain = segments.allSatisfy { segment in
            !segment.isEmpty && segment != "." && segment != ".."
                && segment.utf8.allSatisfy { isHostByte($0) || $0 == UInt8(ascii: "~") }
        }
        return isPlain ? String(path) : nil
    }

    /// `authority` with the port that a proxy named, and without the scheme's own port.
    private static func normalized(
        _ authority: String, port: String?, scheme: String
    ) -> String {
        let ownPort = scheme == "https" ? ":443" : ":80"
        var whole = authority
        if let port {
            let hostEnd = authority.utf8.lastIndex(of: UInt8(ascii: "]")) ?? authority.startIndex
            let hasPort = authority.utf8[hostEnd...].contains(UInt8(ascii: ":"))
            if !hasPort { whole = "\(authority):\(port)" }
        }
        return whole.hasSuffix(ownPort) && !whole.hasSuffix("]")
            ? String(whole.dropLast(ownPort.count)) : whole
    }
}
