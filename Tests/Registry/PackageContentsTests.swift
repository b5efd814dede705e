import Registry
import TestSupport
import Testing

/// Packages read as a whole, searched and changed, as derived documents need it.
@Suite struct PackageContentsTests {
    static let format: FormatID = "npm"

    static func publish(
        _ version: String, of package: String, to scope: any ScopeHandle, tags: [String] = [],
        searchText: String? = nil
    ) async throws {
        var upload = try await scope.beginUpload(hashes: [])
        try await upload.append(body: HostedPackageTests.body(Array("\(package)@\(version)".utf8)))
        let blob = try await upload.commit()
        _ = try await scope.publish(
            PublishDraft(
                package: package, version: version, attributes: #"{"v":"\#(version)"}"#,
                files: [FileDraft(path: "\(package)-\(version).tgz", blob: blob)], tags: tags,
                searchText: searchText),
            format: format)
    }

    @Test(
        "releases come with their files and tags, at one moment", arguments: DatabaseKind.allCases)
    func contents(kind: DatabaseKind) async throws {
        try await StoredScopes.run(on: kind) { scopes in
            let scope = scopes.project
            #expect(try await scope.findPackages("left", format: Self.format).isEmpty)
            try await Self.publish("1.0.0", of: "left", to: scope, tags: ["latest"])
            try await Self.publish("1.1.0", of: "left", to: scope, tags: ["latest", "next"])
            try await Self.publish("1.0.0", of: "right", to: scope)
            for reader in [scope, scopes.group] {
                let contents = try await reader.loadPackage("left", format: Self.format)
                #expect(contents.releases.map(\.version.name) == ["1.0.0", "1.1.0"])
                #expect(contents.releases.map(\.tags) == [[], ["latest", "next"]])
                #expect(
                    contents.releases.map { $0.files.map(\.path) }
                        == [["left-1.0.0.tgz"], ["left-1.1.0.tgz"]])
                let known = try await reader.findPackages("left", format: Self.format)
                #expect(known.map(\.revision) == contents.packages.map(\.revision))
                #expect(
                    try await reader.listPackageNames(Self.format, after: nil, limit: 10)
                        == ["left", "right"])
                #expect(
                    try await reader.listPackageNames(Self.format, after: "left", limit: 10)
                        == ["right"])
                let file = try #require(contents.releases.first?.files.first)
                let found = try await reader.findFile(
                    Self.format, digest: file.digests.sha256, path: file.path)
                #expect(found?.file.id == file.id)
                #expect(
                    try await reader.findFile(
                        Self.format, digest: file.digests.sha256, path: "other") == nil)
            }
        }
    }

    @Test("changes are made all together, or not at all", arguments: DatabaseKind.allCases)
    func changes(kind: DatabaseKind) async throws {
        try await StoredScopes.run(on: kind) { scopes in
            let scope = scopes.project
            #expect(
                try await scope.change(
                    "left", format: Self.format, expecting: nil, [.removeTag("latest")]) == nil)
            try await Self.publish("1.0.0", of: "left", to: scope, tags: ["latest"])
            try await Self.publish("2.0.0", of: "left", to: scope, tags: ["next"])
            let before = try await scope.findPackages("left", format: Self.format)
            let revision = try #require(before.first?.revision)
            _ = await HostedPackageTests.failure("version_unknown") {
                _ = try await scope.change(
                    "left", format: Self.format, expecting: nil,
                    [.removeTag("next"), .setTag("latest", version: "3.0.0")])
            }
            let same = try await scope.findPackages("left", format: Self.format)
            #expect(same.map(\.revision) == [revision], "a refused change leaves nothing")
            let changed = try await scope.change(
                "left", format: Self.format, expecting: revision,
                [
                    .setTag("latest", version: "2.0.0"), .removeTag("next"),
                    .updateVersion("1.0.0", status: .deprecated, attributes: #"{"old":1}"#),
                    .updatePackage(attributes: #"{"status":"archived"}"#),
                ])
            #expect(changed?.attributes == #"{"status":"archived"}"#)
            _ = await HostedPackageTests.failure("revision_changed") {
                _ = try await scope.change(
                    "left", format: Self.format, expecting: revision, [.trashVersion("2.0.0")])
            }
            let contents = try await scope.loadPackage("left", format: Self.format)
            #expect(contents.packages.map(\.revision) == changed.map { [$0.revision] })
            #expect(contents.releases.map(\.tags) == [[], ["latest"]])
            #expect(contents.releases.map(\.version.status) == [.deprecated, .default])
            #expect(contents.releases.first?.version.attributes == #"{"old":1}"#)
            _ = try await scope.change(
                "left", format: Self.format, expecting: nil,
                [.trashVersion("1.0.0"), .trashFile(version: "2.0.0", path: "left-2.0.0.tgz")])
            let rest = try await scope.loadPackage("left", format: Self.format)
            #expect(rest.releases.map(\.version.name) == ["2.0.0"])
            #expect(rest.releases.map(\.files) == [[]])
        }
    }

    @Test("search finds what has all of the words", arguments: DatabaseKind.allCases)
    func search(kind: DatabaseKind) async throws {
        try await StoredScopes.run(on: kind) { scopes in
            try await Self.publish(
                "1.0.0", of: "left", to: scopes.project, searchText: "left Pads TEXT 100%")
            try await Self.publish(
                "1.0.0", of: "right", to: scopes.project, searchText: "right pads")
            for (terms, names) in [
                ([], ["left", "right"]), (["pads"], ["left", "right"]),
                (["text", "pads"], ["left"]),
                (["100%"], ["left"]), (["%"], ["left"]), (["left", "right"], []),
            ] {
                for scope in [scopes.project, scopes.group] {
                    let page = try await scope.searchPackages(
                        Self.format, terms: terms, page: PageRequest())
                    #expect(page.rows.map(\.name) == names, "\(terms)")
                    #expect(page.totalCount == names.count)
                }
            }
        }
    }
}
