import Database
import MetadataStorage
import Registry
import TestSupport
import Testing

@Suite("The contract of metadata stores, on both engines")
struct SQLMetadataStoreContractTests {
    @Test(arguments: DatabaseKind.allCases, MetadataStoreContract.checks)
    func holds(_ kind: DatabaseKind, _ check: MetadataStoreContract.Check) async throws {
        let clock = ManualClock(Sample.now)
        let database = try await kind.makeDatabase()
        try await database.withStore(clock: clock) { store in
            try await MetadataStoreContract(store, clock: clock).verify(check)
        }
    }
}
