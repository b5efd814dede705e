import Foundation
import Synchronization

/// A throw-away PostgreSQL server on a Unix socket in a folder of its own, which ends with the test
/// process. Durability is off: it is the schema and the statements that are tested.
///
/// The server refuses to run as root, so then everything runs as the user `postgres` or `nobody`.
public final class PostgresServer: Sendable {
    /// A failure to start or stop, with what the programs said.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// The server that every test of this process shares, started when the first one asks.
    public static func shared() async throws -> PostgresServer {
        try await sharedStart.value
    }

    private static let sharedStart = Task { try await PostgresServer.start() }

    /// The folder with the socket, the log and the data.
    public let folder: String
    /// Number of the next database.
    private let databaseCount = Atomic<Int>(0)
    /// Held open as long as the server is to live; the keeper stops it when it closes.
    private let keeperInput: FileHandle
    private let keeperOutput: FileHandle

    private init(folder: String, keeperInput: FileHandle, keeperOutput: FileHandle) {
        self.folder = folder
        self.keeperInput = keeperInput
        self.keeperOutput = keeperOutput
    }

    /// Starts a server; the first start makes its data folder, which takes about a second.
    public static func start() async throws -> PostgresServer {
        try await onThread { try startNow() }
    }

    /// The address of a database of this server, as Packhouse takes it.
    public func url(_ database: String) -> String {
        "postgres://packhouse@/\(database)?host=\(folder)"
    }

    /// Makes an empty database, or a copy of `template`, and gives its address.
    public func makeDatabase(template: String = "template0") async throws -> String {
        let number = databaseCount.wrappingAdd(1, ordering: .relaxed).newValue
        let name = "test_\(number)"
        try await makeDatabase(named: name, template: template)
        return url(name)
    }

    /// Makes a database of this name.
    public func makeDatabase(named name: String, template: String = "template0") async throws {
        try await execute("CREATE DATABASE \(name) TEMPLATE \(template)", in: "postgres")
    }

    /// Runs a statement of the test's own with `psql` and gives what it prints.
    @discardableResult
    public func execute(_ statement: String, in database: String) async throws -> String {
        let url = url(database)
        return try await Self.onThread {
            try Self.run([
                Self.programPath("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, url,
            ])
        }
    }

    /// Kills the server as a power failure would.
    public func crash() async throws {
        try await command("crash")
    }

    /// Starts the server again after `crash`.
    public func restart() async throws {
        try await command("start")
    }

    private func command(_ word: String) async throws {
        let (keeperInput, keeperOutput) = (keeperInput, keeperOutput)
        _ = try await Self.onThread {
            try keeperInput.write(contentsOf: Data("\(word)\n".utf8))
            guard try keeperOutput.read(upToCount: Self.answer.utf8.count) != nil else {
                throw Failure(description: "the server could not \(word)")
            }
        }
    }
}

// MARK: - Starting

extension PostgresServer {
    /// Starts the server, says so, does what it is told, and stops the server when its own input
    /// ends: when the test process does, however that happens.
    private static let keeperScript = """
        set -e
        "$1/initdb" -D "$2/data" -U packhouse -A trust -N -E UTF8 $4 >"$2/log" 2>&1
        "$1/pg_ctl" -D "$2/data" -l "$2/log" -w -o "$3" start >>"$2/log" 2>&1
        echo done
        while read -r command; do
            case "$command" in
            crash) "$1/pg_ctl" -D "$2/data" -m immediate stop >>"$2/log" 2>&1 ;;
            start) "$1/pg_ctl" -D "$2/data" -l "$2/log" -w -o "$3" start >>"$2/log" 2>&1 ;;
            esac
            echo done
        done
        "$1/pg_ctl" -D "$2/data" -m immediate stop >>"$2/log" 2>&1 || true
        rm -rf "$2"
        """

    /// What the keeper says when it has done something.
    private static let answer = "done\n"

    private static func options(_ folder: String) -> String {
        "-k \(folder) -c listen_addresses='' -c fsync=off -c full_page_writes=off "
            + "-c max_connections=300 -c shared_buffers=64MB"
    }

    private static func startNow() throws -> PostgresServer {
        var template = Array("/tmp/packhouse-postgres-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw Failure(description: "no folder for a server in /tmp")
        }
        let folder = String(
            decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if let user = serverUser() {
            try run(["/bin/chown", user, folder])
        }
        let programs = URL(fileURLWithPath: try programPath("postgres"))
            .resolvingSymlinksInPath().deletingLastPathComponent().path
        // A linguistic default order, where there is one, shows every column that forgot to ask for
        // the order of bytes.
        let locale = "--locale=C --locale-provider=icu --icu-locale=en"
        let keeper = try makeProcess(
            asServerUser(
                [
                    "/bin/sh", "-c", keeperScript, "keeper", programs, folder, options(folder),
                    locale,
                ]))
        let input = Pipe()
        let output = Pipe()
        keeper.standardInput = input
        keeper.standardOutput = output
        try keeper.run()
        guard try output.fileHandleForReading.read(upToCount: answer.utf8.count) != nil else {
            let log = (try? String(contentsOfFile: "\(folder)/log", encoding: .utf8)) ?? ""
            throw Failure(description: "the PostgreSQL server did not start: \(log)")
        }
        return PostgresServer(
            folder: folder, keeperInput: input.fileHandleForWriting,
            keeperOutput: output.fileHandleForReading)
    }

    /// The user to run as, or `nil` when this process may run the server itself.
    private static func serverUser() -> String? {
        guard geteuid() == 0 else { return nil }
        return getpwnam("postgres") != nil ? "postgres" : "nobody"
    }

    private static func asServerUser(_ arguments: [String]) -> [String] {
        guard let user = serverUser() else { return arguments }
        return ["setpriv", "--reuid", user, "--regid", group(of: user), "--clear-groups"]
            + arguments
    }

    private static func group(of user: String) -> String {
        getpwnam(user).map { String($0.pointee.pw_gid) } ?? user
    }

    /// Where a program of PostgreSQL is: the newest version that Debian installed, or in `PATH`.
    private static func programPath(_ name: String) throws -> String {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let installed = versions.compactMap(Int.init).sorted(by: >).map { "\(root)/\($0)/bin" }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        for folder in installed + path.split(separator: ":").map(String.init) {
            let program = "\(folder)/\(name)"
            if FileManager.default.isExecutableFile(atPath: program) { return program }
        }
        throw Failure(
            description: "'\(name)' is missing; install it with: apt-get install postgresql")
    }

    private static func makeProcess(_ arguments: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        // The server's own user can be kept out of the folder that the tests run in.
        process.currentDirectoryURL = URL(fileURLWithPath: "/tmp")
        return process
    }

    @discardableResult
    private static func run(_ arguments: [String]) throws -> String {
        let process = try makeProcess(arguments)
        let folder = FileManager.default.temporaryDirectory
        let output = folder.appendingPathComponent(UUID().uuidString)
        // A file, not a pipe, which would have to be read while the program runs.
        try Data().write(to: output)
        defer { try? FileManager.default.removeItem(at: output) }
        let writer = try FileHandle(forWritingTo: output)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = writer
        process.standardError = writer
        try process.run()
        process.waitUntilExit()
        try writer.close()
        let text = try String(contentsOf: output, encoding: .utf8)
        guard process.terminationStatus == 0 else {
            throw Failure(description: "\(arguments.joined(separator: " ")): \(text)")
        }
        return text
    }

    /// Runs blocking work on a thread of its own.
    private static func onThread<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(with: Result { try body() })
            }
        }
    }
}
