import Registry
import TestSupport

/// A store in front of another at which a test can stand between two transactions, or at the end of
/// one before it commits.
struct SteppedStore: MetadataStore {
    let base: any MetadataStore
    /// Called before each write, with its number from 1.
    var beforeWrite: @Sendable (Int) async -> Void = { _ in }
    /// Called in each write, when all its statements are done; it blocks a thread of the database.
    var beforeCommit: @Sendable () -> Void = {}
    private let count = SendableBox(0)

    init(_ base: any MetadataStore) { self.base = base }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any MetadataReading) throws -> Value
    ) async throws(RegistryError) -> Value {
        try await base.read(body)
    }

    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any MetadataWriting) throws -> Value
    ) async throws(RegistryError) -> Value {
        let number = count.withValue { count in
            count += 1
            return count
        }
        await beforeWrite(number)
        let beforeCommit = beforeCommit
        return try await base.write { tx in
            let value = try body(tx)
            beforeCommit()
            return value
        }
    }
}
