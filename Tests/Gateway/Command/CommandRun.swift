import Foundation
import TestSupport
import Testing

/// One run of a program from beginning to end.
struct CommandRun {
    let status: CInt
    /// Both streams, as they came.
    let output: String

    /// Runs `packhouse`.
    static func packhouse(
        _ arguments: String..., environment: [String: String] = [:], input: String = "",
        folder: URL? = nil
    ) async throws -> CommandRun {
        try await finish(
            ChildProcess(
                executable: PackhouseBinary.url(), arguments: arguments, environment: environment,
                input: input, folder: folder))
    }

    /// Runs a program that is found by its name.
    static func shell(
        _ program: String, _ arguments: [String], environment: [String: String] = [:],
        input: String = "", folder: URL? = nil
    ) async throws -> CommandRun {
        try await finish(
            .shell(
                program, arguments, environment: environment, input: input, folder: folder))
    }

    private static func finish(_ child: ChildProcess) async throws -> CommandRun {
        let ending = try await child.ending()
        try #require(!ending.wasSignalled, "\(child.output)")
        return CommandRun(status: ending.status, output: child.output)
    }

    /// The output as JSON.
    ///
    /// - Throws: when the run failed or printed something else.
    func json<Value>(_ type: Value.Type = [String: Any].self) throws -> Value {
        try #require(status == 0, "\(output)")
        let value = try JSONSerialization.jsonObject(with: Data(output.utf8))
        return try #require(value as? Value, "\(output)")
    }
}

/// Requests by curl, as people make them.
struct Curl {
    /// The status of the last answer; 0 when there was none.
    let status: Int
    let body: String

    /// Runs curl with these arguments.
    static func run(_ arguments: String...) async throws -> Curl {
        let run = try await CommandRun.shell(
            "curl", ["--silent", "--show-error", "--write-out", "\n%{http_code}"] + arguments)
        let newline = run.output.lastIndex(of: "\n") ?? run.output.startIndex
        return Curl(
            status: Int(run.output[newline...].trimmingCharacters(in: .newlines)) ?? 0,
            body: String(run.output[..<newline]))
    }
}
