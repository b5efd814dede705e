import GatewayServer
import HTTPTypes
import Registry
import Testing

@Suite struct OriginResolverTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var peer = "10.0.0.1"
        var isSecure = false
        var authority: String? = "inner:8080"
        var fields: [(String, String)] = []
        var origin: String
        var client: String

        var testDescription: String { "\(peer) \(fields) \(origin)" }
    }

    static let cases: [Case] = [
        Case(origin: "http://inner:8080", client: "10.0.0.1"),
        Case(isSecure: true, authority: "inner:443", origin: "https://inner", client: "10.0.0.1"),
        Case(authority: "INNER:80", origin: "http://inner", client: "10.0.0.1"),
        Case(authority: "[::1]:80", origin: "http://[::1]", client: "10.0.0.1"),
        Case(authority: "[::1]", origin: "http://[::1]", client: "10.0.0.1"),
        Case(authority: nil, origin: "http://localhost", client: "10.0.0.1"),
        Case(authority: "a b", origin: "http://localhost", client: "10.0.0.1"),
        Case(authority: "a/b", origin: "http://localhost", client: "10.0.0.1"),
        Case(authority: "user@host", origin: "http://localhost", client: "10.0.0.1"),
        // A stranger's word counts for nothing.
        Case(
            peer: "192.0.2.7",
            fields: [
                ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil"),
                ("X-Forwarded-For", "1.2.3.4"), ("Forwarded", "for=1.2.3.4;host=evil"),
            ], origin: "http://inner:8080", client: "192.0.2.7"),
        // A proxy's word counts.
        Case(
            fields: [
                ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "pkgs.example.com"),
                ("X-Forwarded-For", "203.0.113.5"),
            ], origin: "https://pkgs.example.com", client: "203.0.113.5"),
        Case(
            fields: [
                ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "h"),
                ("X-Forwarded-Port", "8443"), ("X-Forwarded-Prefix", "/pkgs/"),
            ], origin: "https://h:8443/pkgs", client: "10.0.0.1"),
        Case(
            fields: [("X-Forwarded-Host", "h:9"), ("X-Forwarded-Port", "8443")],
            origin: "http://h:9", client: "10.0.0.1"),
        Case(
            fields: [("Forwarded", "for=\"[2001:db8::7]:4711\";proto=https;host=\"h:8\"")],
            origin: "https://h:8", client: "2001:db8::7"),
        Case(
            fields: [("Forwarded", "for=6.6.6.6;host=evil, for=203.0.113.5;proto=https;host=good")],
            origin: "https://good", client: "203.0.113.5"),
        Case(
            fields: [("Forwarded", "for=203.0.113.5;proto=https;host=good, for=10.0.0.2")],
            origin: "https://good", client: "203.0.113.5"),
        // The nearest address that is not a proxy's; what stands before it, the client may have made up.
        Case(
            fields: [("X-Forwarded-For", "6.6.6.6, 203.0.113.5, 10.0.0.9")],
            origin: "http://inner:8080", client: "203.0.113.5"),
        Case(
            fields: [("X-Forwarded-For", "10.0.0.3, 10.0.0.9")], origin: "http://inner:8080",
            client: "10.0.0.3"),
        Case(
            fields: [("X-Forwarded-For", "6.6.6.6, <script>, 10.0.0.9")],
            origin: "http://inner:8080", client: "10.0.0.9"),
        Case(
            peer: "fd00::1", fields: [("X-Forwarded-For", "203.0.113.5:1234")],
            origin: "http://inner:8080", client: "203.0.113.5"),
        Case(
            fields: [("X-Forwarded-Host", "evil, good"), ("X-Forwarded-Proto", "http,https")],
            origin: "https://good", client: "10.0.0.1"),
        // Malice through a proxy that passes everything on.
        Case(
            fields: [("X-Forwarded-Host", "a b"), ("X-Forwarded-Proto", "javascript")],
            origin: "http://inner:8080", client: "10.0.0.1"),
        Case(
            fields: [("X-Forwarded-Host", "h\"><x"), ("X-Forwarded-Port", "8443x")],
            origin: "http://inner:8080", client: "10.0.0.1"),
        Case(
            fields: [("X-Forwarded-Host", "user@h"), ("X-Forwarded-Prefix", "//evil")],
            origin: "http://inner:8080", client: "10.0.0.1"),
        Case(
            fields: [("X-Forwarded-Prefix", "/a/../b")], origin: "http://inner:8080",
            client: "10.0.0.1"),
        Case(
            fields: [("X-Forwarded-Prefix", "/a%0d%0ab")], origin: "http://inner:8080",
            client: "10.0.0.1"),
        Case(
            fields: [("X-Forwarded-Prefix", "pkgs")], origin: "http://inner:8080",
            client: "10.0.0.1"),
        Case(
            fields: [("Forwarded", "for=\"1.2.3.4;host=evil")], origin: "http://inner:8080",
            client: "10.0.0.1"),
        Case(
            fields: [("X-Forwarded-Host", "h:99999")], origin: "http://inner:8080",
            client: "10.0.0.1"),
    ]

    @Test(arguments: cases) func originAndClient(one: Case) throws {
        let proxies = ["10.0.0.0/8", "fd00::/8"].compactMap { CIDRBlock(parsing: $0) }
        let resolver = OriginResolver(externalOrigin: nil, trustedProxies: proxies)
        var fields = HTTPFields()
        for (name, value) in one.fields {
            fields.append(HTTPField(name: try #require(HTTPField.Name(name)), value: value))
        }
        let request = IncomingRequest(
            method: .get, target: "/", authority: one.authority, headers: fields,
            isSecure: one.isSecure, peerAddress: one.peer)
        #expect(resolver.origin(of: request).description == one.origin)
        #expect(resolver.clientAddress(of: request) == one.client)
    }

    @Test func settingWins() {
        let external = PublicOrigin(scheme: "https", authority: "e.example", pathPrefix: "/p")
        let resolver = OriginResolver(
            externalOrigin: external, trustedProxies: [])
        let request = IncomingRequest(
            method: .get, target: "/", authority: "other", headers: [:], isSecure: false,
            peerAddress: "10.0.0.1")
        #expect(resolver.origin(of: request) == external)
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.0", false),
        ("10.1.2.3", "10.1.2.3", true), ("10.1.2.3", "10.1.2.4", false),
        ("192.168.16.0/20", "192.168.31.255", true), ("192.168.16.0/20", "192.168.32.0", false),
        ("0.0.0.0/0", "255.255.255.255", true), ("0.0.0.0/0", "::1", false),
        ("::/0", "2001:db8::1", true), ("2001:db8::/33", "2001:db8:7fff::1", true),
        ("2001:db8::/33", "2001:db8:8000::1", false), ("10.0.0.0/8", "::ffff:10.2.3.4", true),
    ])
    func blocks(block: String, address: String, isInside: Bool) throws {
        let block = try #require(CIDRBlock(parsing: block))
        #expect(block.contains(try #require(NetworkAddress(parsing: address))) == isInside)
    }

    @Test(arguments: [
        "", "10.0.0", "10.0.0.0.0", "10.0.0.256", "10.0.0.01", "10.0.0.0/33", "10.0.0.0/", "::/129",
        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "::g", "10.0.0.0/-1",
        "1.2.3.4 ",
        "+1.2.3.4", "::+1", "10.0.0.0/8/8",
    ])
    func whatIsNoBlock(text: String) {
        #expect(CIDRBlock(parsing: text) == nil)
    }

    @Test(arguments: [
        ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("::ffff:1.2.3.4", "1.2.3.4"), ("64:ff9b::1.2.3.4", "64:ff9b::102:304"),
        ("fe80::1%eth0", "fe80::1"), ("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"),
    ])
    func addressesHaveOneForm(text: String, form: String) {
        #expect(NetworkAddress(parsing: text)?.description == form)
    }
}
