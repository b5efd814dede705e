import Database
import FormatKit
import Foundation
import GarbageCollection
import GenericFormat
import HTTPTypes
import Logging
import MetadataStorage
import NIOCore
import Registry
import TestSupport
import Testing

@testable import GatewayServer

/// A gateway with the management API on a database of its own, and three users: `root`, who
/// administers, `alice` and `bob`.
///
/// Every answer is compared with what the OpenAPI document says of its call.
struct ManagementServer: Sendable {
    /// Who sends a request.
    enum Caller: Sendable {
        case nobody
        case root
        case alice
        case bob
        /// Somebody with this secret in `PRIVATE-TOKEN`.
        case personal(String)
        /// Somebody with this secret in any header.
        case header(HTTPField.Name, String)
    }

    /// An answer with its body read.
    struct Answer: Sendable {
        let status: Int
        let headers: HTTPFields
        let text: String
        let json: JSONValue

        subscript(name: String) -> JSONValue? { json[name] }

        /// The value of the integer member of this name.
        func integer(_ name: String) throws -> Int64 {
            guard case .integer(let number)? = json[name] else {
                throw Failure("'\(name)' is no number in \(text)")
            }
            return number
        }

        /// The value of the string member of this name.
        func string(_ name: String) throws -> String {
            guard let string = json[name]?.stringValue else {
                throw Failure("'\(name)' is no string in \(text)")
            }
            return string
        }

        /// The values of the member of this name in each element of a list.
        func list(_ name: String) -> [String] {
            guard case .array(let elements) = json else { return [] }
            return elements.compactMap { $0[name]?.text.filter { $0 != "\"" } }
        }
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String

        init(_ description: String) { self.description = description }
    }

    let store: SQLMetadataStore
    let clock: ManualClock
    let gateway: Gateway
    let ids: [String: Int64]
    private let database: TestDatabase
    private let document: OpenAPICheck

    /// Runs `body` with a new server.
    static func run(
        _ body: (ManagementServer) async throws -> Void
    ) async throws {
        let database = try await DatabaseKind.sqlite.makeDatabase()
        let clock = ManualClock()
        try await database.withStore(clock: clock) { store in
            try await body(try await ManagementServer(database, store, clock))
        }
    }

    private init(
        _ database: TestDatabase, _ store: SQLMetadataStore, _ clock: ManualClock
    ) async throws {
        self.database = database
        self.store = store
        self.clock = clock
        gateway = Gateway(
            formats: [GenericFormat()], version: "1.2.3",
            services: RegistryServices(metadata: store, blobs: NoBlobs(), clock: clock),
            hasher: PasswordHasher(), signer: await TokenSigner(key: SigningKey()),
            origins: OriginResolver(
                externalOrigin: PublicOrigin(scheme: "https", authority: "packages.test"),
                trustedProxies: []),
            collector: Collector(metadata: store, blobs: NoBlobs(), clock: clock),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        ids = try await store.write { tx in
            var ids: [String: Int64] = [:]
            for name in ["root", "alice", "bob"] {
                let user = try tx.insertUser(
                    UserDraft(
                        username: name, name: name.capitalized, email: "\(name)@packages.test",
                        isAdmin: name == "root"), at: clock.now())
                _ = try tx.insertToken(
                    TokenDraft(
                        kind: .personal, name: "all", userID: user.id, scopes: [.api],
                        secretHash: SecretToken.hash(Self.secret(of: name))), at: clock.now())
                ids[name] = user.id
            }
            return ids
        }
        document = OpenAPICheck(
            OpenAPIDocument.json(
                version: "1", origin: PublicOrigin(scheme: "https", authority: "packages.test")))
    }

    /// The secret of a user's token.
    static func secret(of name: String) -> String { "phpat-\(name)-0123456789abcdef" }

    func id(_ name: String) throws -> Int64 { try #require(ids[name]) }

    /// The actions in the audit, the first one first.
    func listAuditActions() async throws -> [String] {
        try await database.withEngine { engine in
            try await engine.read { session in
                try session.query("SELECT action FROM audit_events ORDER BY id").map { row in
                    var row = row
                    return try row.text()
                }
            }
        }
    }

    // MARK: Requests

    func get(_ path: String, as caller: Caller = .root) async throws -> Answer {
        try await send(.get, path, as: caller)
    }

    func delete(_ path: String, as caller: Caller = .root) async throws -> Answer {
        try await send(.delete, path, as: caller)
    }

    func post(
        _ path: String, _ body: JSONValue = .object([]), as caller: Caller = .root
    ) async throws -> Answer {
        try await send(.post, path, as: caller, body: body.text, type: "application/json")
    }

    func put(
        _ path: String, _ body: JSONValue, as caller: Caller = .root
    ) async throws -> Answer {
        try await send(.put, path, as: caller, body: body.text, type: "application/json")
    }

    func patch(
        _ path: String, _ body: JSONValue, as caller: Caller = .root
    ) async throws -> Answer {
        try await send(.patch, path, as: caller, body: body.text, type: "application/json")
    }

    func send(
        _ method: HTTPRequest.Method, _ path: String, as caller: Caller = .root,
        body: String = "", type: String? = nil
    ) async throws -> Answer {
        var headers = HTTPFields()
        if let type { headers[.contentType] = type }
        if !body.isEmpty { headers[.contentLength] = String(body.utf8.count) }
        let privateToken = HTTPField.Name(known: "PRIVATE-TOKEN")
        switch caller {
        case .nobody: break
        case .root: headers[privateToken] = Self.secret(of: "root")
        case .alice: headers[privateToken] = Self.secret(of: "alice")
        case .bob: headers[privateToken] = Self.secret(of: "bob")
        case .personal(let secret): headers[privateToken] = secret
        case .header(let name, let value): headers[name] = value
        }
        let response = await gateway.respond(
            to: IncomingRequest(
                method: method, target: "/api/v4/\(path)", authority: "packages.test",
                headers: headers, isSecure: true, peerAddress: "192.0.2.1"),
            body: ScriptedBody(Array(body.utf8), chunkBytes: 64),
            trace: RequestTrace(requestID: "test"))
        let bytes = try await response.body.collect()
        let answer = Answer(
            status: response.status.code, headers: response.headers,
            text: String(decoding: bytes, as: UTF8.self),
            json: bytes.isEmpty ? .null : try #require(JSONValue(parsing: bytes)))
        check(answer, method, path)
        return answer
    }

    /// Holds the answer to what the document says.
    private func check(_ answer: Answer, _ method: HTTPRequest.Method, _ path: String) {
        guard
            let raw = path.split(separator: "?").first,
            let parsed = try? RequestPath(parsing: "/\(raw)"),
            let found = try? ManagementAPI.router.find(method, parsed.segments)
        else { return }
        let problem = document.problem(
            with: answer.json, status: answer.status,
            of: OpenAPIDocument.address(of: found.endpoint), method.rawValue.lowercased())
        if let problem {
            Issue.record("\(method) \(path): \(problem) in \(answer.status) \(answer.text)")
        }
    }

    // MARK: Things to test with

    /// Makes a group of `caller`'s, and gives its number.
    func makeGroup(
        _ path: String, parent: Int64? = nil, visibility: Visibility = .private,
        as caller: Caller = .alice
    ) async throws -> Int64 {
        let answer = try await post(
            "groups",
            [
                "name": .string(path.capitalized), "path": .string(path),
                "parent_id": .optional(parent), "visibility": .string(visibility.rawValue),
            ], as: caller)
        try #require(answer.status == 201, "\(answer.text)")
        return try answer.integer("id")
    }

    /// Makes a project of `caller`'s, and gives its number.
    func makeProject(
        _ path: String, in namespace: Int64? = nil, visibility: Visibility = .private,
        as caller: Caller = .alice
    ) async throws -> Int64 {
        let answer = try await post(
            "projects",
            [
                "path": .string(path), "namespace_id": .optional(namespace),
                "visibility": .string(visibility.rawValue),
            ], as: caller)
        try #require(answer.status == 201, "\(answer.text)")
        return try answer.integer("id")
    }

    /// Makes a user a member.
    func addMember(_ name: String, _ role: Role, to address: String) async throws {
        let answer = try await post(
            "\(address)/members",
            [
                "user_id": .integer(try id(name)),
                "access_level": .integer(Int64(role.rawValue)),
            ])
        try #require(answer.status == 201, "\(answer.text)")
    }

    /// Publishes a version with files, and gives its number.
    func publish(
        _ package: String, _ version: String, in project: Int64, files: [String] = ["a.txt"],
        status: VersionStatus = .default, format: FormatID = "generic", build: BuildRecord? = nil
    ) async throws -> Int64 {
        let now = clock.now()
        let principal: Principal =
            build.map {
                .job(
                    JobPrincipal(
                        id: 1, jobID: 1, projectID: project, userID: ids["alice"] ?? 0,
                        username: "alice", build: $0))
            }
            ?? .user(
                UserPrincipal(
                    id: ids["alice"] ?? 0, username: "alice", isAdmin: false, scopes: nil))
        let actor = Actor(principal: principal, requestID: "r", remoteAddress: "192.0.2.1")
        return try await store.write { tx in
            let record = try tx.upsertPackage(
                projectID: project, format: format, name: package, at: now)
            let inserted = try tx.insertVersion(
                package: record, name: version, status: status, lifetime: .explicit,
                attributes: "{}", actor: actor,
                at: now)
            for path in files {
                let bytes = Array("\(package) \(version) \(path)".utf8)
                let blob = CommittedBlob(
                    digests: InMemoryBlobs.digests(of: bytes), size: Int64(bytes.count),
                    key: StorageKey(stored: "key-\(package)-\(version)-\(path)"))
                _ = try tx.upsertBlob(blob, at: now)
                _ = try tx.insertFile(
                    FileDraft(path: path, blob: blob), version: inserted.version, at: now)
            }
            return inserted.version.id
        }
    }
}

/// A blob store for an API that never touches bytes: every call fails.
private struct NoBlobs: BlobStore {
    private static let failure = RegistryError(.internalError, "the test has no blobs")

    func beginUpload(hashes: ExtraHashes) async throws(RegistryError) -> BlobUpload {
        throw Self.failure
    }

    func resumeUpload(
        _ uploadID: String,
        readState: @Sendable () async throws(RegistryError) -> UploadState
    ) async throws(RegistryError) -> BlobUpload {
        throw Self.failure
    }

    func discardUpload(_ uploadID: String) async throws(RegistryError) { throw Self.failure }

    func open(_ key: StorageKey) async throws(RegistryError) -> any BlobReader {
        throw Self.failure
    }

    func size(of key: StorageKey) async throws(RegistryError) -> Int64? { throw Self.failure }

    func remove(_ key: StorageKey) async throws(RegistryError) { throw Self.failure }

    func listEntries(
        writtenBefore moment: Timestamp,
        _ visit: @Sendable ([BlobStoreEntry]) async throws(RegistryError) -> Void
    ) async throws(RegistryError) { throw Self.failure }

    func checkHealth() async throws(RegistryError) { throw Self.failure }
}
