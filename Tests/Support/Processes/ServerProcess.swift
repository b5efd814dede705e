public import Foundation
import Synchronization

/// A running `packhouse` of its own: the built binary as a child process, with its log captured.
///
/// `start` returns once the server said where it listens. Whatever is still running when the value
/// is released is killed.
public final class ServerProcess: Sendable {
    /// The longest that a server may take to listen, and to end once it was told to.
    public static let deadlineSeconds = 60

    /// How a child process ended.
    public struct Ending: Hashable, Sendable {
        /// The exit code, or the number of the signal that ended it.
        public let status: CInt
        public let wasSignalled: Bool

        public init(status: CInt, wasSignalled: Bool) {
            self.status = status
            self.wasSignalled = wasSignalled
        }
    }

    /// What went wrong with a child process, with all that it wrote.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// Where it listens, as its log says: `http://127.0.0.1:40123`.
    public let baseURL: URL
    /// The arguments behind `packhouse`.
    public let arguments: [String]
    /// What was added to the environment.
    public let environment: [String: String]
    private let child: ChildProcess

    private init(
        child: ChildProcess, baseURL: URL, arguments: [String], environment: [String: String]
    ) {
        self.child = child
        self.baseURL = baseURL
        self.arguments = arguments
        self.environment = environment
    }

    deinit {
        child.kill()
    }

    /// Starts `packhouse serve` on a free port of 127.0.0.1 and waits until it listens.
    ///
    /// - Parameters:
    ///   - options: further flags of `serve`; they may hold another `--listen`.
    ///   - environment: added to an environment in which no setting of Packhouse is set.
    /// - Throws: `Failure` with the log when it ends or stays silent instead.
    public static func start(
        options: [String], environment: [String: String] = [:]
    ) async throws -> ServerProcess {
        let listen = options.contains("--listen") ? [] : ["--listen", "127.0.0.1:0"]
        let arguments = ["serve"] + listen + options
        let child = try ChildProcess(
            executable: PackhouseBinary.url(), arguments: arguments, environment: environment)
        let line = try await child.firstLine(containing: "listening on http")
        guard let url = address(in: line) else {
            throw Failure(description: "no address in the line that announces it: \(line)")
        }
        return ServerProcess(
            child: child, baseURL: url, arguments: arguments, environment: environment)
    }

    /// Everything that the server wrote so far, to its output and its error output.
    public var log: String { child.output }

    /// The operating system's number of the process.
    public var processID: Int32 { child.processID }

    /// The address of `path` on this server.
    public func url(_ path: String) -> URL {
        URL(string: baseURL.absoluteString + path) ?? baseURL
    }

    /// Ends the process at once, as a crash does (SIGKILL), and waits until it is gone.
    @discardableResult
    public func kill() async throws -> Ending {
        child.kill()
        return try await child.ending()
    }

    /// Asks the process to end (SIGTERM), and waits until it has.
    @discardableResult
    public func terminate() async throws -> Ending {
        child.terminate()
        return try await child.ending()
    }

    /// Asks the process to end, and does not wait.
    public func beginTermination() {
        child.terminate()
    }

    /// Waits until the process has ended by itself.
    public func ending() async throws -> Ending {
        try await child.ending()
    }

    /// Waits for a line of the log that contains `text`.
    public func line(containing text: String) async throws -> String {
        try await child.firstLine(containing: text)
    }

    /// Starts the same server again, on the same data; the port may be another.
    public func restart() async throws -> ServerProcess {
        try await terminateIfRunning()
        let options = Array(arguments.dropFirst())
        return try await ServerProcess.start(options: options, environment: environment)
    }

    private func terminateIfRunning() async throws {
        child.terminate()
        _ = try await child.ending()
    }

    /// The address in `… listening on http://127.0.0.1:40123`, whatever stands around it.
    private static func address(in line: String) -> URL? {
        guard let start = line.range(of: "listening on ")?.upperBound else { return nil }
        let text = line[start...].prefix { !$0.isWhitespace && $0 != "\"" }
        return URL(string: String(text))
    }
}

/// The built `packhouse`, which stands beside the test bundle.
public enum PackhouseBinary {
    /// - Throws: `ServerProcess.Failure` when it was not built.
    public static func url() throws -> URL {
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        if let executable = try? FileManager.default.destinationOfSymbolicLink(
            atPath: "/proc/self/exe")
        {
            folder = URL(fileURLWithPath: executable).deletingLastPathComponent()
        }
        let candidates = [
            folder.appendingPathComponent("packhouse"),
            RepositoryRoot.url.appendingPathComponent(".build/debug/packhouse"),
        ]
        for candidate in candidates
        where FileManager.default.isExecutableFile(atPath: candidate.path) {
            return candidate
        }
        throw ServerProcess.Failure(
            description: "packhouse is not built: run swift build --product packhouse first")
    }
}

/// The folder that holds Package.swift.
public enum RepositoryRoot {
    public static var url: URL {
        var folder = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { folder.deleteLastPathComponent() }
        return folder
    }
}
