import Foundation
import Registry
import TestSupport
import Testing

/// The commands on versions of packages, which ask each format for its names and statuses.
@Suite struct PackageCommandTests {
    @Test func aVersionIsFoundByTheNameThatPeopleUse() async throws {
        let site = try await CommandSite(.sqlite)
        try await site.write { tx, project in
            _ = try tx.insertSampleFile(
                project, package: "flask-login", version: "1.0rc1", blob: 1, format: "pypi")
            _ = try tx.insertSampleFile(project, package: "tool", version: "1.0", blob: 2)
        }
        let yanked = try await site.object(
            "package", "yank", "Flask_Login", "1.0.0.RC1", "--project", "acme/web", "--reason",
            "loses data")
        #expect(yanked["format"] as? String == "pypi")
        #expect(yanked["name"] as? String == "flask-login")
        #expect(yanked["version"] as? String == "1.0rc1")
        #expect(yanked["status"] as? String == "yanked")
        #expect(yanked["reason"] as? String == "loses data")
        let all = try await site.list("package", "list", "--project", "acme/web")
        #expect(all.compactMap { $0["name"] as? String }.sorted() == ["flask-login", "tool"])
        let one = try await site.list("package", "list", "FLASK.login", "--project", "acme/web")
        #expect(one.count == 1)
        let back = try await site.object(
            "package", "unyank", "flask-login", "1.0rc1", "--project", "acme/web")
        #expect(back["status"] as? String == "default")
    }

    @Test func whatHasNoAnswerIsRefusedWithWords() async throws {
        let site = try await CommandSite(.sqlite)
        try await site.write { tx, project in
            _ = try tx.insertSampleFile(project, package: "tool", version: "1.0", blob: 1)
            _ = try tx.insertSampleFile(
                project, package: "tool", version: "1.0", blob: 2, format: "pypi")
            _ = try tx.insertSampleFile(project, package: "api", blob: 3, format: "oci")
        }
        let refused: [([String], String)] = [
            (["delete", "tool", "1.0"], "several formats have a version '1.0' of 'tool'"),
            (["delete", "tool", "3.0"], "has no version '3.0' of 'tool'"),
            (
                ["yank", "tool", "1.0", "--format", "generic"],
                "a version of the format 'generic' cannot be 'yanked'"
            ),
            (["list", "--format", "pipy"], "there is no format 'pipy'; did you mean 'pypi'?"),
        ]
        for (arguments, words) in refused {
            let run = try await site.run(["package"] + arguments + ["--project", "acme/web"])
            #expect(run.status != 0)
            #expect(run.output.contains(words), "\(run.output)")
        }
        let left = try await site.list("package", "list", "tool", "--project", "acme/web")
        #expect(left.count == 2)
        _ = try await site.object(
            "package", "delete", "tool", "1.0", "--project", "acme/web", "--format", "pypi")
        let kept = try await site.list("package", "list", "tool", "--project", "acme/web")
        #expect(kept.compactMap { $0["format"] as? String } == ["generic"])
    }
}
