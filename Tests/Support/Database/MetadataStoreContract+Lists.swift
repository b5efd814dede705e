import Registry
import Testing

extension MetadataStoreContract {
    static let listChecks = [
        Check("lists of versions by filter") { try await $0.filterVersions() },
        Check("lists of versions in order") { try await $0.orderVersions() },
    ]

    private func makeVersions() async throws -> NamespaceRecord {
        try await store.write { tx throws in
            let group = try tx.insertSample("g", .group)
            let one = try tx.insertSample("g/one")
            let two = try tx.insertSample("g/two")
            var second: Int64 = 0
            for (project, format, package, version, status) in [
                (one, Sample.format, "tool", "1.0", VersionStatus.default),
                (two, "npm", "Alpha", "1.0", .default),
                (one, Sample.format, "tool", "0.9", .yanked),
                (two, Sample.format, "zed", "2.0", .hidden), (one, "npm", "a%b", "3", .error),
            ] {
                second += 1
                try tx.insertSampleFile(
                    project, package: package, version: version, status: status, format: format,
                    at: Sample.now.advanced(bySeconds: second))
            }
            return group
        }
    }

    private func list(
        _ filter: VersionFilter, _ projects: ProjectSet
    ) async throws -> [String] {
        let page = try await store.read { tx throws in
            try tx.listVersions(
                filter, in: projects, readableBy: .everything, page: PageRequest())
        }
        #expect(page.totalCount == page.rows.count)
        return page.rows.map { "\($0.package.name) \($0.name)" }
    }

    private func filterVersions() async throws {
        let group = try await makeVersions()
        let cases: [(VersionFilter, [String])] = [
            (VersionFilter(), ["tool 1.0", "Alpha 1.0", "tool 0.9"]),
            (VersionFilter(format: "npm"), ["Alpha 1.0"]),
            (VersionFilter(nameContains: "ALPH"), ["Alpha 1.0"]),
            (VersionFilter(nameContains: "%"), []),
            (VersionFilter(packageName: "tool"), ["tool 1.0", "tool 0.9"]),
            (VersionFilter(packageName: "Tool"), []),
            (VersionFilter(versionName: "1.0"), ["tool 1.0", "Alpha 1.0"]),
            (VersionFilter(statuses: [.hidden, .error]), ["zed 2.0", "a%b 3"]),
            (VersionFilter(nameContains: "%", statuses: [.error]), ["a%b 3"]),
            (VersionFilter(statuses: []), []), (VersionFilter(isDeleted: true), []),
        ]
        for (filter, expected) in cases {
            for projects in [ProjectSet.instance, .below(group.id)] {
                #expect(try await list(filter, projects) == expected)
            }
        }
        let one = try #require(
            try await store.read { try $0.findNamespace(.path("g/one", nil)) })
        #expect(try await list(VersionFilter(), .project(one.id)) == ["tool 1.0", "tool 0.9"])
        let page = try await store.read { tx throws in
            try tx.listVersions(
                VersionFilter(), in: .instance, readableBy: .everything,
                page: PageRequest(number: 2, size: 2))
        }
        #expect(page.rows.map(\.name) == ["0.9"])
        #expect(page.totalCount == 3)
    }

    private func orderVersions() async throws {
        _ = try await makeVersions()
        let cases: [(VersionFilter.Order, [String])] = [
            (.createdAt, ["tool 1.0", "Alpha 1.0", "tool 0.9"]),
            (.name, ["Alpha 1.0", "tool 0.9", "tool 1.0"]),
            (.version, ["tool 0.9", "tool 1.0", "Alpha 1.0"]),
            (.type, ["tool 0.9", "tool 1.0", "Alpha 1.0"]),
            (.projectPath, ["tool 0.9", "tool 1.0", "Alpha 1.0"]),
        ]
        for (order, expected) in cases {
            #expect(try await list(VersionFilter(order: order), .instance) == expected)
            #expect(
                try await list(VersionFilter(order: order, direction: .descending), .instance)
                    == expected.reversed())
        }
    }
}
