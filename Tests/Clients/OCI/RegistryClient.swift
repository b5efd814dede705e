import AsyncHTTPClient
import Crypto
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import TestSupport
import Testing

@testable import ClientSupport

/// The distribution protocol as a small client speaks it, which fetches its tokens where the challenge
/// says and follows every `Location` by the rules of URLs.
///
/// *Source*: OCI distribution specification 1.1; distribution, "Token Authentication Specification".
struct RegistryClient: Sendable {
    /// An answer with all of its body.
    struct Answer: Sendable {
        let status: Int
        let headers: HTTPHeaders
        let body: Data
        /// The address that answered.
        let url: URL

        var text: String { String(decoding: body, as: UTF8.self) }

        /// Where `Location` leads from here.
        func location(sourceLocation: SourceLocation = #_sourceLocation) throws -> URL {
            let text = try #require(
                headers.first(name: "location"), "\(url): no Location",
                sourceLocation: sourceLocation)
            return try #require(
                URL(string: text, relativeTo: url)?.absoluteURL, sourceLocation: sourceLocation)
        }

        /// Fails the test unless the status is this one.
        @discardableResult
        func expecting(
            _ status: Int, sourceLocation: SourceLocation = #_sourceLocation
        ) throws -> Answer {
            try #require(
                self.status == status, "\(url): \(self.status) \(text)",
                sourceLocation: sourceLocation)
            return self
        }
    }

    /// The largest answer that is read, in bytes.
    static let answerLimitBytes = 1 << 28
    /// How long one request may take, in seconds.
    static let limitSeconds: Int64 = 60

    /// Without a slash at its end; it may have a path.
    let origin: String
    let credential: Credential?
    let http: HTTPClient
    /// Tokens that were fetched, by the scope that they were fetched for.
    private let tokens = SendableBox<[String: String]>([:])

    init(origin: String, credential: Credential?, http: HTTPClient = .shared) {
        self.origin = origin
        self.credential = credential
        self.http = http
    }

    /// The address of `path` at this registry.
    func url(_ path: String) throws -> URL {
        try #require(URL(string: origin + path))
    }

    // MARK: Requests

    /// Sends a request, and once more with a token when it is answered with a challenge.
    func send(
        _ method: HTTPMethod, _ url: URL, headers: [(String, String)] = [],
        body: ByteBuffer? = nil
    ) async throws -> Answer {
        let scope = Self.scope(of: url, method)
        let known = tokens.withValue { $0[scope] }
        let first = try await sendOnce(method, url, headers, body, token: known)
        guard first.status == 401,
            let challenge = first.headers.first(name: "www-authenticate")
        else { return first }
        let token = try await fetchToken(challenge)
        tokens.withValue { $0[scope] = token }
        return try await sendOnce(method, url, headers, body, token: token)
    }

    /// Sends a request as it is.
    func sendOnce(
        _ method: HTTPMethod, _ url: URL, _ headers: [(String, String)], _ body: ByteBuffer?,
        token: String?
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url.absoluteString)
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if let body { request.body = .bytes(body) }
        let response = try await http.execute(request, timeout: .seconds(Self.limitSeconds))
        let content = try await response.body.collect(upTo: Self.answerLimitBytes)
        return Answer(
            status: Int(response.status.code), headers: response.headers,
            body: Data(buffer: content), url: url)
    }

    /// A token from where a challenge says, for what it says.
    func fetchToken(_ challenge: String) async throws -> String {
        let pairs = challenge.matches(of: /([a-z]+)="([^"]*)"/)
        func parameter(_ name: String) -> String? {
            pairs.first { $0.output.1 == name }.map { String($0.output.2) }
        }
        let realm = try #require(parameter("realm"), "\(challenge)")
        var address = try #require(URLComponents(string: realm))
        address.queryItems = ["service", "scope"].compactMap { name in
            parameter(name).map { URLQueryItem(name: name, value: $0) }
        }
        var headers: [(String, String)] = []
        if let credential {
            let basic = Data(credential.text.utf8).base64EncodedString()
            headers.append(("Authorization", "Basic \(basic)"))
        }
        let answer = try await sendOnce(
            .GET, try #require(address.url), headers, nil, token: nil
        ).expecting(200)
        struct Token: Decodable { let token: String }
        return try JSONDecoder().decode(Token.self, from: answer.body).token
    }

    /// Tokens for the same repository and as much power are the same.
    private static func scope(of url: URL, _ method: HTTPMethod) -> String {
        let name = url.path.firstMatch(of: /\/v2\/(.*)\/(manifests|blobs|tags|referrers)\//)
        let power =
            switch method {
            case .GET, .HEAD: "pull"
            case .DELETE: "delete"
            default: "push"
            }
        return "\(name?.output.1 ?? ""):\(power)"
    }
}

// MARK: - What clients do

extension RegistryClient {
    static func digest(_ bytes: Data) -> String {
        "sha256:" + SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined()
    }

    /// Pushes a blob in chunks: POST, a PATCH for each chunk, PUT. One that is there is left alone, and
    /// one that `source` has is mounted from there.
    func pushBlob(
        _ bytes: Data, to repository: String, chunks: Int = 1, mountingFrom source: String? = nil
    ) async throws {
        let digest = Self.digest(bytes)
        let known = try await send(.HEAD, url("/v2/\(repository)/blobs/\(digest)"))
        if known.status == 200 { return }
        try known.expecting(404)
        let mount = source.map { "?mount=\(digest)&from=\($0)" } ?? ""
        let begun = try await send(.POST, url("/v2/\(repository)/blobs/uploads/\(mount)"))
        if source != nil, begun.status == 201 { return }
        try begun.expecting(202)
        var location = try begun.location()
        let size = (bytes.count + chunks - 1) / chunks
        for start in stride(from: 0, to: bytes.count, by: max(1, size)) {
            let end = min(start + size, bytes.count)
            let answer = try await appendChunk(bytes, start..<end, at: location).expecting(202)
            #expect(answer.headers.first(name: "range") == "0-\(end - 1)")
            location = try answer.location()
        }
        try await finishUpload(at: location, digest).expecting(201)
    }

    /// Sends one chunk of an upload.
    func appendChunk(_ bytes: Data, _ range: Range<Int>, at location: URL) async throws -> Answer {
        try await send(
            .PATCH, location,
            headers: [
                ("Content-Type", "application/octet-stream"),
                ("Content-Range", "\(range.lowerBound)-\(range.upperBound - 1)"),
            ],
            body: ByteBuffer(data: bytes.subdata(in: range)))
    }

    /// Ends an upload.
    func finishUpload(at location: URL, _ digest: String) async throws -> Answer {
        var address = try #require(URLComponents(url: location, resolvingAgainstBaseURL: true))
        address.queryItems =
            (address.queryItems ?? []) + [URLQueryItem(name: "digest", value: digest)]
        return try await send(.PUT, try #require(address.url))
    }

    /// Pushes a manifest, and gives its digest.
    @discardableResult
    func pushManifest(
        _ bytes: Data, to repository: String, as reference: String
    ) async throws -> String {
        let answer = try await send(
            .PUT, url("/v2/\(repository)/manifests/\(reference)"),
            headers: [("Content-Type", "application/vnd.oci.image.manifest.v1+json")],
            body: ByteBuffer(data: bytes)
        ).expecting(201)
        let digest = Self.digest(bytes)
        #expect(answer.headers.first(name: "docker-content-digest") == digest)
        return digest
    }

    /// Pulls an image completely and checks every byte of it; gives the digest of its manifest.
    func pullImage(_ repository: String, _ reference: String) async throws -> String {
        let manifest = try await send(
            .GET, url("/v2/\(repository)/manifests/\(reference)"),
            headers: [("Accept", "application/vnd.oci.image.manifest.v1+json")]
        ).expecting(200)
        let digest = Self.digest(manifest.body)
        #expect(manifest.headers.first(name: "docker-content-digest") == digest)
        let image = try JSONDecoder().decode(Image.self, from: manifest.body)
        for blob in [image.config] + image.layers {
            let answer = try await send(.GET, url("/v2/\(repository)/blobs/\(blob.digest)"))
                .expecting(200)
            #expect(Self.digest(answer.body) == blob.digest)
            #expect(answer.body.count == blob.size)
        }
        return digest
    }

    /// What a manifest names.
    struct Image: Codable {
        struct Descriptor: Codable {
            let mediaType: String
            let digest: String
            let size: Int
        }

        var schemaVersion = 2
        var mediaType = "application/vnd.oci.image.manifest.v1+json"
        let config: Descriptor
        let layers: [Descriptor]

        /// The image of these layers.
        init(config: Data, layers: [Data]) {
            self.config = Descriptor(
                mediaType: "application/vnd.oci.image.config.v1+json",
                digest: RegistryClient.digest(config), size: config.count)
            self.layers = layers.map { layer in
                Descriptor(
                    mediaType: "application/vnd.oci.image.layer.v1.tar",
                    digest: RegistryClient.digest(layer), size: layer.count)
            }
        }
    }
}
