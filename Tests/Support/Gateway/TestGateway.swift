import BlobStorage
import Foundation
import GarbageCollection
public import GatewayServer
public import HTTPTypes
import Logging
import MetadataStorage
import NIOPosix
public import Registry

/// A whole gateway on one database and a folder, without sockets: requests are values, answers too.
public struct TestGateway: Sendable {
    public let gateway: Gateway
    public let services: RegistryServices
    /// The database itself, where `services.metadata` may be a wrapping of it.
    public let store: any MetadataStore
    /// Where the blobs lie.
    public let blobFolder: String
    /// A token of the administrator `root`, with the scope `api`.
    public let rootToken: String

    /// Runs `body` with a gateway in front of `formats`, all of them switched on, on a fresh database of `kind`. Afterwards no
    /// upload may be left over.
    public static func run(
        on kind: DatabaseKind, formats: [any PackageFormat],
        clock: any RegistryClock = SystemClock(),
        wrapping wrap: @escaping @Sendable (any MetadataStore) -> any MetadataStore = { $0 },
        metricsAllowed: [CIDRBlock] = [],
        _ body: (TestGateway) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        let database = try await kind.makeDatabase()
        try await database.withStore(clock: clock) { store in
            let blobs = try FileBlobStore(
                root: folder.path("blobs"), threadPool: .singleton, clock: clock)
            let test = await assemble(
                formats: formats,
                services: RegistryServices(metadata: wrap(store), blobs: blobs, clock: clock),
                store: store, blobFolder: folder.path("blobs"), metricsAllowed: metricsAllowed)
            try await test.insertRoot()
            try await test.switchOn(formats)
            try await body(test)
            try await test.checkNothingIsLeft()
        }
    }

    /// A gateway on parts that the caller made.
    ///
    /// - Parameters:
    ///   - store: the database itself, where `services.metadata` may be a wrapping of it.
    ///   - key: what tokens are signed with; one of its own unless it has to share it.
    ///   - metricsAllowed: addresses that may read metrics without a credential.
    public static func assemble(
        formats: [any PackageFormat], services: RegistryServices, store: any MetadataStore,
        blobFolder: String, key: SigningKey = SigningKey(), metricsAllowed: [CIDRBlock] = []
    ) async -> TestGateway {
        let gateway = Gateway(
            formats: formats, version: "test", services: services, hasher: PasswordHasher(),
            signer: await TokenSigner(key: key),
            origins: OriginResolver(externalOrigin: nil, trustedProxies: []),
            collector: Collector(
                metadata: services.metadata, blobs: services.blobs, clock: services.clock),
            metricsAllowed: metricsAllowed,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        return TestGateway(
            gateway: gateway, services: services, store: store, blobFolder: blobFolder,
            rootToken: "root-token-of-this-test-gateway")
    }

    /// Something that a test left behind.
    public struct Leftover: Error, CustomStringConvertible {
        public let description: String
    }

    /// Inserts the administrator whose token is `rootToken`.
    public func insertRoot() async throws {
        let now = services.clock.now()
        let hash = SecretToken.hash(rootToken)
        try await store.write { tx in
            let root = try tx.insertUser(
                UserDraft(username: "root", name: "Root", email: "root@example.com", isAdmin: true),
                at: now)
            _ = try tx.insertToken(
                TokenDraft(
                    kind: .personal, name: "test", userID: root.id, scopes: [.api],
                    secretHash: hash),
                at: now)
        }
    }

    /// Switches on those formats that are not on by themselves.
    private func switchOn(_ formats: [any PackageFormat]) async throws {
        let gates = formats.map { type(of: $0) }.filter { !$0.stage.isOnByDefault }
            .map { FeatureGate(feature: $0.id.name, condition: .everyone(true)) }
        guard !gates.isEmpty else { return }
        try await store.write { tx in for gate in gates { try tx.upsertGate(gate) } }
    }

    private func checkNothingIsLeft() async throws {
        let found = SendableBox<[BlobStoreEntry]>([])
        // A discarded upload goes away on a thread of its own.
        let deadline = ContinuousClock.now + .seconds(5)
        repeat {
            found.withValue { $0 = [] }
            try await services.blobs.listEntries(
                writtenBefore: services.clock.now().advanced(bySeconds: 86_400)
            ) { page throws(RegistryError) in
                found.withValue { entries in
                    entries += page.filter { if case .upload = $0 { true } else { false } }
                }
            }
            if found.withValue(\.isEmpty) { return }
            await Task.yield()
        } while ContinuousClock.now < deadline
        throw Leftover(description: "uploads were left: \(found.withValue { $0 })")
    }
}

/// An answer of a `TestGateway`, with all of its body.
public struct TestResponse: Sendable {
    public let status: HTTPResponse.Status
    public let headers: HTTPFields
    public let body: [UInt8]
    public let facts: RequestTrace.Facts

    /// The body as text.
    public var text: String { String(decoding: body, as: UTF8.self) }

    /// The body as JSON.
    public func json() throws -> Any {
        try JSONSerialization.jsonObject(with: Data(body), options: [.fragmentsAllowed])
    }

    /// The body as a JSON object.
    public func object() throws -> [String: Any] {
        guard let object = try json() as? [String: Any] else {
            throw TestGateway.Leftover(description: "no JSON object: \(text)")
        }
        return object
    }
}

extension TestGateway {
    /// Sends a request and reads the whole answer.
    ///
    /// - Parameters:
    ///   - token: sent as `Private-Token`; `nil` for none.
    ///   - peerAddress: where the request comes from.
    public func send(
        _ method: HTTPRequest.Method, _ target: String, token: String? = nil,
        headers: [(String, String)] = [], body: [UInt8] = [], from peerAddress: String = "127.0.0.1"
    ) async throws -> TestResponse {
        var fields = HTTPFields()
        for (name, value) in headers {
            guard let name = HTTPField.Name(name) else { continue }
            fields.append(HTTPField(name: name, value: value))
        }
        if let token, let name = HTTPField.Name("Private-Token") { fields[name] = token }
        if !body.isEmpty { fields[.contentLength] = String(body.count) }
        let trace = RequestTrace(requestID: "test")
        let response = await gateway.respond(
            to: IncomingRequest(
                method: method, target: target, authority: "packages.example.com",
                headers: fields, isSecure: false, peerAddress: peerAddress),
            body: ScriptedBody(body, chunkBytes: 65_536), trace: trace)
        return TestResponse(
            status: response.status, headers: response.headers,
            body: try await response.body.collect(), facts: trace.facts)
    }

    /// Sends a JSON body.
    public func send(
        _ method: HTTPRequest.Method, _ target: String, token: String? = nil,
        json: [String: any Sendable]
    ) async throws -> TestResponse {
        try await send(
            method, target, token: token, headers: [("Content-Type", "application/json")],
            body: Array(try JSONSerialization.data(withJSONObject: json)))
    }
}
