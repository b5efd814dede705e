import Registry
import Testing

extension MetadataStoreContract {
    static let visibilityChecks = [
        Check("a group's visibility limits all below it, when it changes as well") {
            try await $0.visibilityChanges()
        },
        Check("what queries let a reader see is what the access policy lets it read") {
            try await $0.comparesWithPolicy()
        },
    ]

    private func visibilityChanges() async throws {
        let group = try await store.write { tx throws in
            let group = try tx.insertSample("a", .group, .public)
            try tx.insertSample("a/b", .group, .internal)
            try tx.insertSample("a/b/c", .project, .public)
            try tx.insertSample("a/d", .project, .public)
            return group
        }
        let cases: [(Visibility, Visibility, Visibility)] = [
            (.public, .internal, .public), (.private, .private, .private),
            (.internal, .internal, .internal), (.public, .internal, .public),
        ]
        for (visibility, below, beside) in cases {
            try await store.write { tx throws in
                _ = try tx.updateNamespace(group.id, NamespaceChange(visibility: visibility))
            }
            try await store.read { tx throws in
                #expect(try tx.findNamespace(.path("a/b/c", nil))?.effectiveVisibility == below)
                #expect(try tx.findNamespace(.path("a/b/c", nil))?.visibility == .public)
                #expect(try tx.findNamespace(.path("a/d", nil))?.effectiveVisibility == beside)
            }
        }
    }

    /// Every visibility of group and project, every role on either, each kind of reader.
    private func comparesWithPolicy() async throws {
        let (users, projects) = try await makeMatrix()
        let token = DeployTokenPrincipal(
            id: 1, username: "deployer", namespaceID: projects[0].lineage[0],
            scopes: [.readPackageRegistry])
        let principals: [Principal] =
            users.map {
                .user(
                    UserPrincipal(
                        id: $0.id, username: $0.username, isAdmin: false, scopes: nil))
            } + [
                .anonymous, .deployToken(token),
                .user(UserPrincipal(id: 0, username: "root", isAdmin: true, scopes: nil)),
            ]
        for principal in principals {
            let listed = try await store.read { tx throws in
                var filter = VersionFilter()
                filter.order = .projectPath
                let page = try tx.listVersions(
                    filter, in: .instance, readableBy: PackageReader(principal),
                    page: PageRequest(size: 100))
                return Set(page.rows.map(\.package.projectID))
            }
            let allowed = try await store.read { [clock] tx throws in
                try projects.filter { project in
                    let role = try principal.userID.map {
                        try tx.findRole(userID: $0, in: project, at: clock.now())
                    }
                    return StandardAccessPolicy().decide(
                        AccessQuestion(
                            principal: principal, action: .readPackages, namespace: project,
                            role: role ?? nil, family: .packageRegistry))
                        == .allow
                }
            }
            #expect(listed == Set(allowed.map(\.id)), "\(principal)")
        }
    }

    /// A project in a group for every pair of visibilities; for every role a user who has it in the
    /// first group of each visibility, in one project, and one whose membership has expired.
    private func makeMatrix() async throws -> ([UserRecord], [NamespaceRecord]) {
        try await store.write { tx throws in
            var projects: [NamespaceRecord] = []
            var groups: [NamespaceRecord] = []
            for outer in Visibility.allCases {
                groups.append(try tx.insertSample("\(outer)", .group, outer))
                for inner in Visibility.allCases {
                    let project = try tx.insertSample("\(outer)/\(inner)", .project, inner)
                    try tx.insertSampleFile(project)
                    projects.append(project)
                }
            }
            var users = [try tx.insertSampleUser("nobody")]
            for role in Role.allCases {
                for (name, namespaces, expiry) in [
                    ("group", groups, nil as Timestamp?), ("project", [projects[0]], nil),
                    ("expired", groups, Sample.now),
                ] {
                    let user = try tx.insertSampleUser("\(name)-\(role.name)")
                    for namespace in namespaces {
                        _ = try tx.insertMember(
                            userID: user.id, namespaceID: namespace.id, role: role,
                            expiresAt: expiry, at: Sample.now)
                    }
                    users.append(user)
                }
            }
            return (users, projects)
        }
    }
}
