import Foundation
import TestSupport
import Testing

@testable import ClientSupport

/// Where a client finds a registry, whom it says to be, and whom it trusts.
struct Entrance: Sendable {
    /// `127.0.0.1:40123`
    let host: String
    /// `nil` for nobody.
    var credential: Credential?
    /// The folder with the authority of the registry's certificate; `nil` for plain HTTP.
    var trust: String?

    /// The name of an image, as skopeo has it.
    func image(_ name: String) -> String { "docker://\(host)/\(name)" }
}

extension Site {
    /// The site as one who presents `credential` enters it; root unless said otherwise.
    func entrance(as credential: Credential?) -> Entrance {
        Entrance(host: host, credential: credential, trust: certificate?.trust)
    }

    var entrance: Entrance { entrance(as: root) }
}

/// Calls of skopeo.
enum Skopeo {
    /// Copies images into the registry.
    static func push(
        _ layout: ImageLayout, to name: String, at entrance: Entrance, all: Bool = false,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await Program.skopeo.run(
            pushing(layout, to: name, at: entrance, all: all), sourceLocation: sourceLocation)
    }

    /// The arguments that copy images into the registry.
    static func pushing(
        _ layout: ImageLayout, to name: String, at entrance: Entrance, all: Bool = false
    ) -> [String] {
        ["copy", "--quiet"] + (all ? ["--all"] : [])
            + flags(entrance, prefix: "dest-") + [layout.reference, entrance.image(name)]
    }

    /// Copies images out of the registry into a folder, and gives the digest of what it then holds.
    static func pull(
        _ name: String, from entrance: Entrance, all: Bool = false,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> String {
        // skopeo checks the digest of every blob as it writes it.
        let folder = try TemporaryFolder()
        try await Program.skopeo.run(
            ["copy", "--quiet"] + (all ? ["--all"] : [])
                + flags(entrance, prefix: "src-")
                + [entrance.image(name), "oci:\(folder.path("back")):back"],
            sourceLocation: sourceLocation)
        struct Index: Decodable {
            struct Descriptor: Decodable { let digest: String }
            let manifests: [Descriptor]
        }
        let index = try JSONDecoder().decode(
            Index.self, from: Data(contentsOf: URL(fileURLWithPath: folder.path("back/index.json")))
        )
        return try #require(index.manifests.first?.digest, sourceLocation: sourceLocation)
    }

    /// The digest of what a name stands for.
    static func digest(
        of name: String, at entrance: Entrance, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> String {
        let raw = try await Program.skopeo.run(
            ["inspect", "--raw"] + flags(entrance) + [entrance.image(name)],
            sourceLocation: sourceLocation)
        return RegistryClient.digest(Data(raw.utf8))
    }

    /// The tags of a repository.
    static func tags(of name: String, at entrance: Entrance) async throws -> [String] {
        let output = try await Program.skopeo.run(
            ["list-tags"] + flags(entrance) + [entrance.image(name)])
        struct List: Decodable {
            let tags: [String]
            enum CodingKeys: String, CodingKey { case tags = "Tags" }
        }
        return try JSONDecoder().decode(List.self, from: Data(output.utf8)).tags
    }

    /// How skopeo is told about an entrance.
    static func flags(_ entrance: Entrance, prefix: String = "") -> [String] {
        let credential =
            entrance.credential.map { ["--\(prefix)creds", $0.text] } ?? ["--\(prefix)no-creds"]
        let trust =
            entrance.trust.map { ["--\(prefix)cert-dir", $0] }
            ?? ["--\(prefix)tls-verify=false"]
        return credential + trust
    }
}
