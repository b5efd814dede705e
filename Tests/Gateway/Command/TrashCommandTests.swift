import Database
import Foundation
import MetadataStorage
import Registry
import TestSupport
import Testing

/// The commands on the trash, on periods and on rules about packages.
@Suite struct TrashCommandTests {
    @Test(arguments: DatabaseKind.allCases)
    func whatWasDeletedIsListedRestoredAndEmptied(kind: DatabaseKind) async throws {
        let place = try await CommandSite(kind)
        let now = SystemClock().now()
        let ids = try await place.write { tx, project in
            let version = try tx.insertSampleFile(project, version: "1.0", blob: 1).version
            let file = try tx.insertSampleFile(project, version: "2.0", blob: 2)
            try tx.setTag("latest", version: file.version, at: now)
            _ = try tx.moveVersionToTrash(version.id, at: now)
            _ = try tx.moveFileToTrash(file.file, at: now)
            #expect(
                try tx.trashTag(
                    "latest", packageID: file.version.package.id, actor: Sample.actor, at: now))
            let image = try tx.insertSampleFile(project, package: "api", blob: 3, format: "oci")
            _ = try tx.trashVersions(
                packageID: image.version.package.id, at: now, reviewAfter: nil)
            return [version.id, file.file.id, image.version.id]
        }
        let all = try await place.trash("list")
        let names = Set(all.compactMap { $0["name"] as? String })
        #expect(names == ["1.0", "2.0/tool.tar", "latest -> 2.0"])
        #expect(all.count == 4)
        let until = try #require(all.first?["restorable_until"] as? String)
        #expect(until == now.advanced(bySeconds: 3 * 86_400).iso8601)
        let tag = try #require(
            all.compactMap { $0["id"] as? String }.first { $0.hasPrefix("tag:") })
        #expect(try await place.trash("list", "--format", "oci").count == 1)

        // Nothing at all is restored when one of them is not there.
        let wrong = try await place.run([
            "trash", "restore", "version:\(ids[0])", "version:4711", "--project", "acme/web",
        ])
        #expect(wrong.status == 1 && wrong.output.contains("'version:4711' is not in the trash"))
        #expect(try await place.trash("list").count == 4)
        let restored = try await place.trash("restore", "file:\(ids[1])", tag)
        #expect(restored.count == 2)
        #expect(try await place.trash("list").count == 2)
        let package = try await place.run([
            "trash", "restore", "--project", "acme/web", "--format", "oci", "--package", "api",
            "--json",
        ]).json()
        #expect(package["version_count"] as? Int == 1)

        let planned = try await place.trash("empty", "--dry-run")
        #expect(planned.map { $0["name"] as? String } == ["1.0"])
        #expect(try await place.trash("empty", "--older-than", "1h").isEmpty)
        #expect(try await place.trash("list").count == 1)
        #expect(try await place.trash("empty").count == 1)
        #expect(try await place.trash("list").isEmpty)
        let isGone = try await place.write { tx, _ in try tx.findVersion(ids[0]) == nil }
        #expect(isGone)
        let nothing = try await place.run(["trash", "restore", "--project", "acme/web"])
        #expect(nothing.status != 0 && nothing.output.contains("name what to restore"))
    }

    @Test(arguments: DatabaseKind.allCases)
    func whatHasTheNameIsNamed(kind: DatabaseKind) async throws {
        let place = try await CommandSite(kind)
        let now = SystemClock().now()
        let old = try await place.write { tx, project in
            let old = try tx.insertSampleFile(project, version: "1.0", blob: 1).version.id
            _ = try tx.moveVersionToTrash(old, at: now)
            _ = try tx.insertSampleFile(project, version: "1.0", blob: 2)
            return old
        }
        let item = "version:\(old)"
        let refused = try await place.run(["trash", "restore", item, "--project", "acme/web"])
        #expect(refused.status == 1 && refused.output.contains("has the name '1.0' now"))
        #expect(try await place.trash("restore", item, "--overwrite").count == 1)
        let left = try await place.trash("list")
        #expect(left.count == 1 && left.first?["id"] as? String != item)
    }

    @Test func periodsAndFlagsAreSet() async throws {
        let place = try await CommandSite(.sqlite)
        func settings(_ row: [String: Any]) -> String {
            [
                row["trash_period"] as? String, row["untagged_period"] as? String,
                (row["deleted_names_reserved"] as? Bool).map { "\($0)" },
                (row["write_once"] as? Bool).map { "\($0)" },
            ].map { $0 ?? "-" }.joined(separator: " ")
        }
        #expect(
            settings(try await place.object("project", "set", "acme/web")) == "3d 7d true false")
        let project = try await place.object(
            "project", "set", "acme/web", "--trash-period", "36h", "--untagged-period", "never",
            "--reserve-deleted-names", "no", "--write-once", "yes")
        #expect(settings(project) == "36h never false true")
        let inherited = try await place.object(
            "project", "set", "acme/web", "--trash-period", "inherit", "--write-once", "inherit")
        #expect(settings(inherited) == "3d never false false")
        let group = try await place.object("group", "set", "acme", "--untagged-period", "0")
        #expect(settings(group) == "3d 0 true false")
        let wrong = try await place.run(["project", "set", "acme/web", "--trash-period", "soon"])
        #expect(wrong.status != 0 && wrong.output.contains("soon"))
    }

    @Test func packagesAreProtected() async throws {
        let place = try await CommandSite(.sqlite)
        let rule = try await place.object(
            "protection", "add", "core-*", "--project", "acme/web", "--format", "generic",
            "--publish", "maintainer", "--publish-token", "7", "ci", "--delete", "owner")
        #expect(rule["pattern"] as? String == "core-*")
        #expect(rule["publish_tokens"] as? [String] == ["7", "ci"])
        let every = try await place.object(
            "protection", "add", "*", "--project", "acme/web", "--delete-token", "9")
        #expect(every["format"] == nil)
        _ = try await place.object(
            "protection", "add", "acme/web/api*", "--project", "acme/web", "--format", "oci",
            "--publish", "owner")
        let rules = try await place.list("protection", "list", "--project", "acme/web")
        #expect(rules.map { $0["pattern"] as? String } == ["core-*", "*", "acme/web/api*"])
        for (arguments, message) in [
            (["core-*", "--format", "generic", "--delete", "owner"], "has a rule with this"),
            (["api*", "--format", "oci", "--delete", "owner"], "'acme/web/api*'"),
            (["x"], "a rule needs --publish"), (["x", "--publish", "guest"], "may not publish"),
            (["x", "--format", "cobol", "--publish", "owner"], "cobol"),
            (["x", "--publish-token", "a,b"], "is no number or username"),
        ] {
            let refused = try await place.run(
                ["protection", "add"] + arguments + ["--project", "acme/web"])
            #expect(refused.status != 0 && refused.output.contains(message), "\(refused.output)")
        }
        let id = try #require(rules.first?["id"] as? Int)
        _ = try await place.object("protection", "remove", "\(id)", "--project", "acme/web")
        let again = try await place.run([
            "protection", "remove", "\(id)", "--project", "acme/web",
        ])
        #expect(again.status == 1 && again.output.contains("has no rule \(id)"))
    }
}
