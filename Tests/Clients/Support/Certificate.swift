import Foundation
import TestSupport
import Testing

/// A certificate for 127.0.0.1 by an authority of its own.
struct Certificate: Sendable {
    private let folder: TemporaryFolder
    /// The files of the server.
    let chain: String
    let key: String
    /// The folder that clients are told to find the authority in.
    let trust: String

    /// The file of the authority.
    var authority: String { trust + "/ca.crt" }

    static func make() async throws -> Certificate {
        let folder = try TemporaryFolder()
        let trust = folder.path("trust")
        try FileManager.default.createDirectory(
            atPath: trust, withIntermediateDirectories: true)
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        let authority = ["-keyout", folder.path("ca.key"), "-out", trust + "/ca.crt"]
        try await Program.openssl.run(
            ["req", "-x509", "-days", "2", "-subj", "/CN=Authority of the tests"] + curve
                + authority)
        let server = ["-keyout", folder.path("server.key"), "-out", folder.path("server.crt")]
        try await Program.openssl.run(
            [
                "req", "-x509", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                "subjectAltName=IP:127.0.0.1,DNS:localhost", "-addext",
                "basicConstraints=critical,CA:FALSE", "-CA", trust + "/ca.crt", "-CAkey",
                folder.path("ca.key"),
            ] + curve + server)
        return Certificate(
            folder: folder, chain: folder.path("server.crt"), key: folder.path("server.key"),
            trust: trust)
    }
}
