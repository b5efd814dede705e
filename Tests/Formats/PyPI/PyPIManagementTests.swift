import Foundation
import HTTPTypes
import PyPIFormat
import Registry
import TestSupport
import Testing

@Suite("Management of Python projects")
struct PyPIManagementTests {
    private func versionID(_ bench: PyPIBench, _ version: String) async throws -> Int {
        let answer = try await bench.test.send(
            .get, "/api/v4/projects/acme%2Fweb/packages?package_version=\(version)",
            token: bench.test.rootToken)
        let list = try #require(try answer.json() as? [[String: Any]])
        #expect(list.count == 1)
        #expect(list.first?["package_type"] as? String == "pypi")
        return try #require(list.first?["id"] as? Int)
    }

    @Test(arguments: DatabaseKind.allCases)
    func releasesAreYankedAndUnyanked(_ kind: DatabaseKind) async throws {
        try await PyPIBench.run(on: kind) { bench in
            let wheel = TestDistribution("tool", "1.0")
            try await bench.upload(wheel)
            try await bench.upload(TestDistribution("tool", "2.0"))
            let path = "/api/v4/projects/acme%2Fweb/packages/\(try await versionID(bench, "1.0"))"
            func change(_ fields: [String: any Sendable]) async throws -> TestResponse {
                try await bench.test.send(
                    .put, path, token: bench.test.rootToken, json: fields)
            }
            func yanked() async throws -> Any? {
                try await bench.files(of: "tool")[wheel.filename]?["yanked"]
            }
            #expect(try await yanked() as? Bool == false)
            let answer = try await change(["status": "yanked", "status_reason": "it <breaks>"])
            #expect(answer.status == 200, "\(answer.text)")
            #expect(try answer.object()["status"] as? String == "yanked")
            #expect(try await yanked() as? String == "it <breaks>")
            // Publishing to a yanked release leaves it yanked.
            try await bench.upload(TestDistribution("tool", "1.0", isWheel: false))
            #expect(try await yanked() as? String == "it <breaks>")
            #expect(try await change(["status": "yanked"]).status == 200)
            #expect(try await yanked() as? Bool == true)
            #expect(try await change(["status": "hidden"]).status == 200)
            #expect(try await yanked() == nil)
            #expect(try await bench.page(of: "tool")["versions"] as? [String] == ["2.0"])
            #expect(try await change(["status": "default"]).status == 200)
            #expect(try await yanked() as? Bool == false)
            #expect(try await change(["status": "gone"]).status == 400)
            #expect(try await change([:]).status == 400)
        }
    }

    @Test func deletedReleasesAreGone() async throws {
        try await PyPIBench.run { bench in
            try await bench.upload(TestDistribution("tool", "1.0"))
            try await bench.upload(TestDistribution("tool", "2.0"))
            let id = try await versionID(bench, "2.0")
            let path = "/api/v4/projects/acme%2Fweb/packages/\(id)"
            let deleted = try await bench.test.send(
                .delete, path, token: bench.test.rootToken)
            #expect(deleted.status == 204)
            #expect(try await bench.page(of: "tool")["versions"] as? [String] == ["1.0"])
            // Its name stays reserved; the status is none that twine would skip.
            let again = try await bench.upload(TestDistribution("tool", "2.0"))
            #expect(again.status.code == 400)
            #expect(again.text.contains("was deleted and its name stays reserved"))
            let restored = try await bench.test.send(
                .post, path + "/restore", token: bench.test.rootToken)
            #expect(restored.status == 200)
            #expect(try await bench.page(of: "tool")["versions"] as? [String] == ["1.0", "2.0"])
        }
    }

    @Test func onlyMaintainersChangeStatus() async throws {
        try await PyPIBench.run { bench in
            try await bench.upload(TestDistribution("tool", "1.0"))
            let id = try await versionID(bench, "1.0")
            let answer = try await bench.test.send(
                .put, "/api/v4/projects/acme%2Fweb/packages/\(id)",
                json: ["status": "yanked"])
            #expect(answer.status == 401)
            let status = try await bench.test.send(
                .put, "/acme/web/-/pypi/simple/tool/status",
                body: Array(#"{"status":"archived"}"#.utf8))
            #expect(status.status == 401)
            let job = JobPrincipal(
                id: 1, jobID: 7, projectID: bench.project.id, userID: 1, username: "root",
                build: BuildRecord())
            #expect(
                StandardAccessPolicy().decide(
                    AccessQuestion(
                        principal: .job(job), action: .deletePackages, namespace: bench.project,
                        role: .developer, family: .packageRegistry)) != .allow)
        }
    }

    /// I12: what is switched off is not there.
    @Test func isSwitchedOffUntilAGateOpens() async throws {
        try await TestGateway.run(on: .sqlite, formats: [PyPIFormat()]) { test in
            // The test gateway opens the gates of all of its formats.
            let wasOpen = try await test.store.write { tx in
                try tx.removeGates(feature: PyPIFormat.id.name)
            }
            #expect(wasOpen)
            for example in PyPIFormat.examples {
                let answer = try await test.send(
                    example.method, "/root/x/-/pypi\(example.tail)", token: test.rootToken)
                #expect(answer.status == 404)
                #expect(answer.text == #"{"message":"404 Not Found"}"#)
            }
        }
    }
}
