import Foundation
import TestSupport
import Testing

/// The clients of Python in an environment of their own, which is made once in a folder of the build.
struct PythonClients: Sendable {
    /// How long one call may take, in seconds.
    static let limitSeconds = 180

    /// What is installed. pdm 2.22 is the last that works with these two.
    private static let packages = [
        "pip==26.3", "twine==7.0.0", "uv==0.13.9", "flit==4.2.0", "hatch==1.18.2",
        "poetry==2.5.1", "pdm==2.22.4", "hishel<0.1", "unearth<0.18",
    ]

    /// The clients, or `nil`, after saying why, when they cannot be installed.
    static let shared = Task<PythonClients?, any Error> {
        let folder = RepositoryRoot.url.appendingPathComponent(".build/clients/pypi")
        let mark = folder.appendingPathComponent("installed.txt")
        let wanted = packages.joined(separator: "\n")
        let clients = PythonClients(folder: folder)
        if (try? String(contentsOf: mark, encoding: .utf8)) != wanted {
            guard let python = find("python3") else {
                print("SKIPPED: python3 is missing; install it with: apt-get install python3-venv")
                return nil
            }
            _ = try await finish(URL(fileURLWithPath: python), ["-m", "venv", folder.path], [:])
            let pip = try await finish(
                clients.url(of: "python"),
                ["-m", "pip", "install", "--quiet", "--retries", "1"] + packages,
                ["PIP_DISABLE_PIP_VERSION_CHECK": "1"])
            guard pip.status == 0 else {
                let words = pip.output.split(separator: "\n").last ?? "pip wrote nothing"
                print("SKIPPED: twine and its kin cannot be installed from PyPI: \(words)")
                return nil
            }
            try Data(wanted.utf8).write(to: mark)
        }
        for package in packages.prefix(7) { print("client: \(package)") }
        return clients
    }

    private let folder: URL

    /// Where a client is.
    func url(of name: String) -> URL { folder.appendingPathComponent("bin/\(name)") }

    /// How a run ended, with all that it wrote.
    struct Run: Sendable {
        let status: CInt
        /// Both streams, in one line without the spaces that break lines.
        let output: String

        /// The text of both streams with each run of white space as one space: clients break lines
        /// where the terminal ends.
        var words: String {
            output.split { $0.isWhitespace }.joined(separator: " ")
        }
    }

    /// Runs a client in a folder.
    func run(
        _ client: String, _ arguments: [String], in home: PythonHome, folder: URL? = nil,
        _ environment: [String: String] = [:]
    ) async throws -> Run {
        try await Self.finish(
            url(of: client), arguments, home.environment.merging(environment) { $1 },
            folder: folder ?? home.folder.url)
    }

    /// Writes a project with its wheel and its source distribution.
    func makeProject(
        _ name: String, _ version: String, text: String = "1", in home: PythonHome
    ) async throws -> URL {
        let folder = home.folder.url.appendingPathComponent("p-\(name)-\(version)-\(text)")
        let script = RepositoryRoot.url.appendingPathComponent(
            "Tests/Clients/PyPI/Fixtures/make_distribution.py")
        let run = try await Self.finish(
            url(of: "python"), [script.path, folder.path, name, version, text], [:])
        try #require(run.status == 0, "\(run.output)")
        return folder
    }

    private static func finish(
        _ executable: URL, _ arguments: [String], _ environment: [String: String],
        folder: URL? = nil
    ) async throws -> Run {
        let child = try ChildProcess(
            executable: executable, arguments: arguments, environment: environment,
            folder: folder)
        let ending = try await child.ending(withinSeconds: limitSeconds)
        try #require(!ending.wasSignalled, "\(child.output)")
        return Run(status: ending.status, output: child.output)
    }

    private static func find(_ name: String) -> String? {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
            .map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}

/// A home folder in which no client finds what belongs to somebody else.
struct PythonHome: Sendable {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    var environment: [String: String] {
        [
            "HOME": folder.url.path, "XDG_CACHE_HOME": folder.path("cache"),
            "XDG_CONFIG_HOME": folder.path("config"), "XDG_DATA_HOME": folder.path("share"),
            "PIP_CONFIG_FILE": "/dev/null", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INPUT": "1", "PIP_INDEX_URL": "", "PIP_FIND_LINKS": "", "UV_NO_CONFIG": "1",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring", "NO_COLOR": "1",
            "PDM_CHECK_UPDATE": "false", "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            "COLUMNS": "400", "TERM": "dumb",
        ].merging(Self.withoutProxies) { $1 }
    }

    /// The server is on this machine.
    private static let withoutProxies = ["no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"]
}
