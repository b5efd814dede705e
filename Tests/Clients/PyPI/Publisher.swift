import Foundation
import TestSupport

/// A client that uploads, and how it is told to.
enum Publisher: String, CaseIterable, Sendable {
    case twine
    case uv
    case flit
    case hatch
    case poetry
    case pdm

    /// What the client prints when its upload is refused, beside the words of the answer: not every
    /// client shows those.
    func showsWords(of status: Int) -> [String] {
        switch self {
        case .twine, .flit: ["\(status)"]
        case .uv: ["\(status)", "Server says"]
        case .poetry: ["HTTP Error \(status)"]
        case .hatch, .pdm: ["\(status)"]
        }
    }

    /// Uploads what lies in the `dist` of a project; flit builds it first.
    func publish(
        _ project: URL, to url: String, as credential: PythonCredential,
        with clients: PythonClients, _ home: PythonHome
    ) async throws -> PythonClients.Run {
        let files = try FileManager.default.contentsOfDirectory(
            atPath: project.appendingPathComponent("dist").path
        ).sorted().map { "dist/\($0)" }
        let (user, token) = (credential.username, credential.token)
        var environment: [String: String] = [:]
        let arguments: [String]
        switch self {
        case .twine:
            arguments =
                ["upload", "--disable-progress-bar", "--repository-url", url, "-u", user, "-p"]
                + [token] + files
        case .uv:
            arguments = ["publish", "--publish-url", url, "-u", user, "-p", token] + files
        case .flit:
            arguments = ["publish"]
            environment = [
                "FLIT_INDEX_URL": url, "FLIT_USERNAME": user, "FLIT_PASSWORD": token,
            ]
        case .hatch:
            arguments = ["publish", "-n", "-r", url, "-u", user, "-a", token] + files
        case .poetry:
            arguments = ["publish", "-n", "-r", "x", "-u", user, "-p", token]
            environment = ["POETRY_REPOSITORIES_X_URL": url]
        case .pdm:
            arguments = ["publish", "--no-build", "-r", url, "-u", user, "-P", token]
        }
        return try await clients.run(
            rawValue, arguments, in: home, folder: project, environment)
    }
}

/// A client that installs, and how it is told to.
enum Installer: String, CaseIterable, Sendable {
    case pip
    case uv
    case poetry
    case pdm
    case hatch

    /// Installs `name` from the index below `path`.
    func install(
        _ name: String, from site: PythonSite, _ path: String, as credential: PythonCredential,
        with clients: PythonClients, _ home: PythonHome
    ) async throws -> PythonClients.Run {
        let index = site.url("\(path)/simple", credential)
        let folder = home.folder.url.appendingPathComponent(
            "app-\(UUID().uuidString.lowercased())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        switch self {
        case .pip:
            return try await clients.run(
                "pip",
                [
                    "install", "--no-cache-dir", "--target", folder.path, "--index-url", index,
                    name,
                ], in: home, folder: folder)
        case .uv:
            return try await clients.run(
                "uv",
                [
                    "pip", "install", "--no-cache", "--target", folder.path, "--python",
                    clients.url(of: "python").path, "--index-url", index, name,
                ], in: home, folder: folder)
        case .poetry:
            try Self.project(
                """
                [tool.poetry]
                package-mode = false
                [[tool.poetry.source]]
                name = "packhouse"
                url = "\(site.url("\(path)/simple/"))"
                priority = "primary"
                """
            ).write(to: folder.appendingPathComponent("pyproject.toml"))
            return try await clients.run(
                "poetry", ["add", "-n", "--no-cache", name], in: home, folder: folder,
                [
                    "POETRY_HTTP_BASIC_PACKHOUSE_USERNAME": credential.username,
                    "POETRY_HTTP_BASIC_PACKHOUSE_PASSWORD": credential.token,
                ])
        case .pdm:
            try Self.project(
                """
                [[tool.pdm.source]]
                name = "pypi"
                url = "\(index)"
                verify_ssl = false
                """
            ).write(to: folder.appendingPathComponent("pyproject.toml"))
            return try await clients.run(
                "pdm", ["add", "--no-self", "-v", name], in: home, folder: folder)
        case .hatch:
            try Self.project(
                """
                [tool.hatch.envs.default]
                skip-install = true
                dependencies = ["\(name)"]
                """
            ).write(to: folder.appendingPathComponent("pyproject.toml"))
            return try await clients.run(
                "hatch", ["-v", "env", "create"], in: home, folder: folder,
                ["PIP_INDEX_URL": index, "PIP_NO_CACHE_DIR": "1"])
        }
    }

    private static func project(_ more: String) -> Data {
        Data(
            """
            [project]
            name = "app"
            version = "1"
            requires-python = ">=3.9"
            dependencies = []
            \(more)
            """.utf8)
    }
}
