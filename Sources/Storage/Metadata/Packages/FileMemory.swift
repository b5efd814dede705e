import Registry
import Synchronization

/// Files that were looked up since the last commit. Everything is forgotten when the mark of the
/// database's state is another one, so an answer is never older than the question.
final class FileMemory: Sendable {
    /// The most files that are remembered; a full memory is emptied.
    static let entryLimitCount = 10_000

    private struct Key: Hashable {
        let address: FileAddress
        let projectID: Int64
    }

    private struct State {
        var mark: Int64?
        var files: [Key: PublishedFile] = [:]
    }

    private let state = Mutex(State())

    /// The file, if it was found when the database had this mark.
    func find(_ address: FileAddress, _ projectID: Int64, at mark: Int64) -> PublishedFile? {
        state.withLock { state in
            guard state.mark == mark else { return nil }
            return state.files[Key(address: address, projectID: projectID)]
        }
    }

    /// Remembers a file that was looked up after the database had this mark.
    func remember(
        _ file: PublishedFile, as address: FileAddress, _ projectID: Int64, at mark: Int64
    ) {
        state.withLock { state in
            if state.mark != mark || state.files.count >= Self.entryLimitCount {
                state.files.removeAll(keepingCapacity: true)
                state.mark = mark
            }
            state.files[Key(address: address, projectID: projectID)] = file
        }
    }
}
