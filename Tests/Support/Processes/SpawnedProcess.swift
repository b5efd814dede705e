import Foundation
import Synchronization

/// A child process by the operating system's own calls, with descriptors that no other child inherits:
/// otherwise its pipes would stay open for as long as any child that was started meanwhile.
struct SpawnedProcess: Sendable {
    /// What the system refused.
    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    let processID: pid_t
    /// Where its input is written.
    let input: CInt
    /// Where what it writes, on both streams, is read.
    let output: CInt

    /// Held from making a pipe until its ends are marked, so that no child starts in between.
    private static let starting = Mutex(())

    /// Starts `executable` with the signals as a shell would have them.
    init(executable: String, arguments: [String], environment: [String: String]) throws {
        self = try Self.starting.withLock { _ in
            try SpawnedProcess(spawning: executable, arguments, environment)
        }
    }

    private init(
        spawning executable: String, _ arguments: [String], _ environment: [String: String]
    ) throws {
        let inputPipe = try Self.makePipe()
        let outputPipe = try Self.makePipe()
        defer {
            close(inputPipe.reading)
            close(outputPipe.writing)
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, inputPipe.reading, 0)
        posix_spawn_file_actions_adddup2(&actions, outputPipe.writing, 1)
        posix_spawn_file_actions_adddup2(&actions, outputPipe.writing, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var noSignals = sigset_t()
        sigemptyset(&noSignals)
        var allSignals = sigset_t()
        sigfillset(&allSignals)
        posix_spawnattr_setsigmask(&attributes, &noSignals)
        posix_spawnattr_setsigdefault(&attributes, &allSignals)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let argv = ([executable] + arguments).map { strdup($0) } + [nil]
        let envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argv + envp { free(text) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, executable, &actions, &attributes, argv, envp)
        guard code == 0 else {
            close(inputPipe.writing)
            close(outputPipe.reading)
            throw Refusal(
                description: "cannot start \(executable): \(String(cString: strerror(code)))")
        }
        processID = pid
        input = inputPipe.writing
        output = outputPipe.reading
    }

    /// What it wrote meanwhile; waits for it. Empty at the end.
    func read() -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = Foundation.read(output, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            return Array(buffer.prefix(max(0, count)))
        }
    }

    /// Waits until it ended.
    func wait() -> ServerProcess.Ending {
        var status: CInt = 0
        while waitpid(processID, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7f
        return ServerProcess.Ending(
            status: signal == 0 ? (status >> 8) & 0xff : signal, wasSignalled: signal != 0)
    }

    private static func makePipe() throws -> (reading: CInt, writing: CInt) {
        var ends: [CInt] = [0, 0]
        guard pipe(&ends) == 0, fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0,
            fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0
        else {
            throw Refusal(description: "no pipe: \(String(cString: strerror(errno)))")
        }
        return (ends[0], ends[1])
    }
}
