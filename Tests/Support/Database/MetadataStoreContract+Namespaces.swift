import Registry
import Testing

extension MetadataStoreContract {
    static let namespaceChecks = [
        Check("a namespace is found by id and by path, of the kind that is asked for") {
            try await $0.findNamespaces()
        },
        Check("the longest project that an address begins with") {
            try await $0.longestProject()
        },
        Check("settings are taken from above") { try await $0.settings() },
        Check("a path is taken once, in any case, until it is removed") {
            try await $0.pathConflicts()
        },
        Check("a removed group hides all below it") { try await $0.removeGroup() },
        Check("a change changes what it names") { try await $0.changeNamespace() },
        Check("lists of namespaces") { try await $0.listNamespaces() },
        Check("a transaction that throws leaves nothing") { try await $0.undo() },
    ]

    private func findNamespaces() async throws {
        let (group, project) = try await store.write { tx throws in
            (
                try tx.insertSample("Acme", .group, .internal),
                try tx.insertSample("Acme/Web", .project, .public)
            )
        }
        #expect(project.lineage == [group.id])
        #expect(project.parentID == group.id)
        #expect(project.path.description == "Acme/Web")
        #expect(project.visibility == .public)
        #expect(project.effectiveVisibility == .internal)
        #expect(project.createdAt == Sample.now)
        let found = try await store.read { tx throws in
            try [
                NamespaceReference.id(project.id, nil), .id(project.id, .project),
                .path("acme/WEB", nil), .path("acme/web", .project),
                .longestProject(["acme", "web"]),
            ].map(tx.findNamespace)
        }
        #expect(found == Array(repeating: project, count: found.count))
        let missing = try await store.read { tx throws in
            try [
                NamespaceReference.id(project.id, .group), .id(project.id + 100, nil),
                .path("acme/web", .group), .path("acme/we", nil), .path("", nil),
                .longestProject([]), .longestProject(["acme"]),
            ].map(tx.findNamespace)
        }
        #expect(missing == Array(repeating: nil, count: missing.count))
    }

    private func longestProject() async throws {
        try await store.write { tx throws in
            try tx.insertSample("a", .group)
            try tx.insertSample("a/b", .group)
            try tx.insertSample("a/b/c", .project)
            try tx.insertSample("a/d", .project)
        }
        let segments = ["A", "b", "c", "x", "y"]
        let found = try await store.read { try $0.findNamespace(.longestProject(segments)) }
        #expect(found?.path.description == "a/b/c")
        #expect(found?.lineage.count == 2)
        let long = Array(repeating: "d", count: 600)
        let other = try await store.read {
            try $0.findNamespace(.longestProject(["a"] + long))
        }
        #expect(other?.path.description == "a/d")
    }

    private func settings() async throws {
        let project = try await store.write { tx throws in
            try tx.insertSample(
                "a", .group,
                settings: NamespaceSettings(
                    allowsReplacing: ["generic": true, "npm": true], reservesDeletedNames: false))
            try tx.insertSample("a/b", .group)
            return try tx.insertSample(
                "a/b/c", settings: NamespaceSettings(allowsReplacing: ["npm": false]))
        }
        #expect(project.settings == NamespaceSettings(allowsReplacing: ["npm": false]))
        #expect(
            project.effectiveSettings
                == NamespaceSettings(
                    allowsReplacing: ["generic": true, "npm": false],
                    reservesDeletedNames: false))
    }

    private func pathConflicts() async throws {
        let project = try await store.write { try $0.insertSample("web") }
        await failure(.conflict) { try $0.insertSample("WEB", .group) }
        await failure(.conflict) { _ = try $0.insertSampleUser("web") }
        #expect(try await store.write { try $0.removeNamespace(project.id, at: Sample.now) })
        #expect(
            try await store.write { try $0.removeNamespace(project.id, at: Sample.now) } == false)
        let again = try await store.write { try $0.insertSample("web") }
        #expect(again.id != project.id)
    }

    private func removeGroup() async throws {
        let (group, project, file) = try await store.write { tx throws in
            let group = try tx.insertSample("a", .group, .public)
            try tx.insertSample("a/b", .group, .public)
            let project = try tx.insertSample("a/b/c", .project, .public)
            return (group, project, try tx.insertSampleFile(project))
        }
        #expect(try await store.write { try $0.removeNamespace(group.id, at: Sample.now) })
        try await store.read { tx throws in
            #expect(try tx.findNamespace(.id(project.id, nil)) == nil)
            #expect(try tx.findNamespace(.longestProject(["a", "b", "c"])) == nil)
            let list = try tx.listNamespaces(
                NamespaceFilter(kinds: Set(NamespaceKind.allCases), visibleTo: .everything),
                page: PageRequest())
            #expect(list.rows.isEmpty)
            #expect(list.totalCount == 0)
            let address = FileAddress(
                format: Sample.format, package: "tool", version: "1.0", path: "tool.tar")
            for projects in [ProjectSet.project(project.id), .below(group.id), .instance] {
                #expect(
                    try tx.findFiles(
                        address, in: projects, readableBy: .everything, limit: 9
                    ).isEmpty)
                #expect(
                    try tx.listVersions(
                        VersionFilter(), in: projects, readableBy: .everything,
                        page: PageRequest()
                    ).rows.isEmpty)
            }
            #expect(try tx.findFile(file.file.id) == nil)
            #expect(try tx.findVersion(file.version.id) == nil)
            #expect(
                try tx.findPackage(projectID: project.id, format: Sample.format, name: "tool")
                    == nil)
        }
        await failure(.notFound) { try $0.insertSampleFile(project, version: "2.0") }
        await failure(.notFound) { tx throws in
            _ = try tx.insertNamespace(
                NamespaceDraft(
                    kind: .project, path: NamespacePath(parsing: "a/x"), parentID: group.id,
                    name: "x"), at: Sample.now)
        }
    }

    private func changeNamespace() async throws {
        let project = try await store.write { try $0.insertSample("web") }
        let changed = try await store.write { tx throws in
            try tx.updateNamespace(
                project.id,
                NamespaceChange(
                    name: "Web!", summary: "A site",
                    settings: NamespaceSettings(reservesDeletedNames: false)))
        }
        #expect(changed.name == "Web!")
        #expect(changed.summary == "A site")
        #expect(changed.settings.reservesDeletedNames == false)
        #expect(changed.visibility == .private)
        #expect(changed.path == project.path)
        await failure(.notFound) { tx throws in
            _ = try tx.updateNamespace(project.id + 100, NamespaceChange(name: "x"))
        }
    }

    private func listNamespaces() async throws {
        let (group, user) = try await store.write { tx throws in
            let group = try tx.insertSample("g", .group, .public)
            try tx.insertSample("g/Sub", .group, .public)
            try tx.insertSample("g/Sub/one", .project, .public)
            try tx.insertSample("g/two", .project, .internal)
            try tx.insertSample("g/three", .project)
            try tx.insertSample("g-other", .project)
            let user = try tx.insertSampleUser("zoe")
            let three = try #require(try tx.findNamespace(.path("g/three", nil)))
            _ = try tx.insertMember(
                userID: user.id, namespaceID: three.id, role: .guest, expiresAt: nil,
                at: Sample.now)
            return (group, user)
        }
        let all = Set(NamespaceKind.allCases)
        let everything = NamespaceFilter(kinds: all, visibleTo: .everything)
        func edited(_ edit: (inout NamespaceFilter) -> Void) -> NamespaceFilter {
            var filter = everything
            edit(&filter)
            return filter
        }
        let cases: [(NamespaceFilter, [String])] = [
            (
                everything,
                ["g", "g-other", "g/Sub", "g/Sub/one", "g/three", "g/two", "zoe"]
            ),
            (edited { $0.kinds = [.project] }, ["g-other", "g/Sub/one", "g/three", "g/two"]),
            (edited { $0.kinds = [] }, []),
            (edited { $0.below = group.id }, ["g/Sub", "g/Sub/one", "g/three", "g/two"]),
            (
                edited { ($0.below, $0.isDirectChild) = (group.id, true) },
                ["g/Sub", "g/three", "g/two"]
            ),
            (edited { $0.isDirectChild = true }, ["g", "g-other", "zoe"]),
            (edited { $0.search = "SUB" }, ["g/Sub", "g/Sub/one"]),
            (edited { $0.search = "%" }, []),
            (edited { $0.visibleTo = .anonymous }, ["g", "g/Sub", "g/Sub/one", "zoe"]),
            (
                edited { $0.visibleTo = .user(user.id) },
                ["g", "g/Sub", "g/Sub/one", "g/three", "g/two", "zoe"]
            ),
            (
                edited { $0.visibleTo = .namespace(group.id) },
                ["g", "g/Sub", "g/Sub/one", "g/three", "g/two", "zoe"]
            ),
            (edited { $0.memberID = user.id }, ["g/three", "zoe"]),
        ]
        for (filter, paths) in cases {
            let page = try await store.read {
                try $0.listNamespaces(filter, page: PageRequest())
            }
            #expect(page.rows.map(\.path.description) == paths)
            #expect(page.totalCount == paths.count)
        }
        let second = try await store.read {
            try $0.listNamespaces(everything, page: PageRequest(number: 2, size: 3))
        }
        #expect(second.rows.map(\.path.description) == ["g/Sub/one", "g/three", "g/two"])
        #expect(second.totalCount == 7)
        let behind = try await store.read {
            try $0.listNamespaces(everything, page: PageRequest(number: 9, size: 3))
        }
        #expect(behind.rows.isEmpty)
        #expect(behind.totalCount == 7)
    }

    private func undo() async throws {
        await failure(.forbidden) { tx throws in
            try tx.insertSample("web")
            throw RegistryError(.forbidden, "no")
        }
        #expect(try await store.read { try $0.findNamespace(.path("web", nil)) } == nil)
    }
}
