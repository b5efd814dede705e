import Foundation
import TestSupport
import Testing

@Suite struct ConfigCommandTests {
    private func settings(_ run: CommandRun) throws -> [String: (value: String?, from: String?)] {
        let rows = try run.json([[String: Any]].self)
        return Dictionary(
            uniqueKeysWithValues: rows.map {
                ($0["name"] as? String ?? "", ($0["value"] as? String, $0["from"] as? String))
            })
    }

    @Test func itSaysWhereEachValueComesFrom() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("log-level: debug\nlisten: 127.0.0.1:1\n", to: "a.yaml")
        let run = try await CommandRun.packhouse(
            "config", "--json", "--config", file, "--listen", "127.0.0.1:2",
            environment: [
                "PACKHOUSE_DATABASE_URL": "postgres://me:secret@db/packhouse",
                "PACKHOUSE_INITIAL_ADMIN_TOKEN": "a-long-secret-that-nobody-sees",
            ])
        let found = try settings(run)
        #expect(found["listen"]?.value == "127.0.0.1:2")
        #expect(found["listen"]?.from == "--listen")
        #expect(found["log-level"]?.value == "debug")
        #expect(found["log-level"]?.from == file)
        #expect(found["database-url"]?.value == "postgres://me:***@db/packhouse")
        #expect(found["database-url"]?.from == "PACKHOUSE_DATABASE_URL")
        #expect(found["initial-admin-token"]?.value == "***")
        #expect(found["data"]?.value == "./packhouse-data")
        #expect(found["data"]?.from == "default")
        #expect(!run.output.contains("secret"))
    }

    @Test func theTableIsForPeople() async throws {
        let run = try await CommandRun.packhouse("config")
        #expect(run.status == 0)
        #expect(run.output.hasPrefix("NAME "))
        #expect(run.output.contains(/listen +127\.0\.0\.1:8080 +default/))
    }

    @Test func unknownNamesAreRefusedWithTheNearest() async throws {
        let flag = try await CommandRun.packhouse("serve", "--lisen", "x")
        #expect(flag.status != 0)
        #expect(flag.output.contains("--listen"))
        let variable = try await CommandRun.packhouse(
            "serve", environment: ["PACKHOUSE_LISEN": "x"])
        #expect(variable.status == 1)
        #expect(variable.output.contains("did you mean 'PACKHOUSE_LISTEN'?"))
        let folder = try TemporaryFolder()
        let file = try folder.write("lisen: x\n", to: "a.yaml")
        let key = try await CommandRun.packhouse("serve", "--config", file)
        #expect(key.status == 1)
        #expect(key.output.contains("\(file):1: unknown setting 'lisen'; did you mean 'listen'?"))
    }

    @Test func theVersionIsPrinted() async throws {
        let run = try await CommandRun.packhouse("version")
        #expect(run.status == 0)
        #expect(run.output.wholeMatch(of: /packhouse \d+\.\d+\.\d+\n/) != nil)
    }
}
