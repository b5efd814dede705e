import Synchronization

/// Rows that were looked up since the last commit, by address and project. Everything is forgotten
/// when the mark of the database's state is another one, so an answer is never older than the
/// question.
final class RowMemory<Address: Hashable & Sendable, Row: Sendable>: Sendable {
    private struct Key: Hashable {
        let address: Address
        let projectID: Int64
    }

    private struct State {
        var mark: Int64?
        var rows: [Key: Row] = [:]
    }

    private let entryLimitCount: Int
    private let state = Mutex(State())

    /// - Parameter entryLimitCount: the most rows that are remembered; a full memory is emptied.
    init(entryLimitCount: Int = 10_000) {
        self.entryLimitCount = entryLimitCount
    }

    /// The row, if it was found when the database had this mark.
    func find(_ address: Address, _ projectID: Int64, at mark: Int64) -> Row? {
        state.withLock { state in
            guard state.mark == mark else { return nil }
            return state.rows[Key(address: address, projectID: projectID)]
        }
    }

    /// Remembers a row that was looked up after the database had this mark.
    func remember(_ row: Row, as address: Address, _ projectID: Int64, at mark: Int64) {
        state.withLock { state in
            if state.mark != mark || state.rows.count >= entryLimitCount {
                state.rows.removeAll(keepingCapacity: true)
                state.mark = mark
            }
            state.rows[Key(address: address, projectID: projectID)] = row
        }
    }
}
