import Registry
import Testing

extension MetadataStoreContract {
    static let repositoryChecks = [
        Check("tags in every order, onward, backward and in pages") { try await $0.orderTags() },
        Check("tags by filter, without those of the trash") { try await $0.filterTags() },
        Check("packages with what they hold, in pages, as far as one may read") {
            try await $0.listPackages()
        },
        Check("a package counts each blob once, and only what is not in the trash") {
            try await $0.measurePackage()
        },
        Check("all versions of a package go to the trash at once") {
            try await $0.trashPackage()
        },
        Check("lists of versions without a format") { try await $0.excludeFormats() },
        Check("rules about tags") { try await $0.tagRules() },
        Check("a project has so many rules about tags and no more") {
            try await $0.tagRuleLimit()
        },
    ]

    // MARK: Tags

    /// Names and the seconds at which they were set; some at the same moment.
    private static let tagMoments: [(name: String, second: Int64)] = [
        ("b", 3), ("A", 5), ("a", 1), ("latest", 5), ("1.0", 9), ("1.10", 2), ("a-b", 1),
    ]

    private func makeTags() async throws -> PackageRecord {
        try await store.write { tx throws in
            let project = try tx.insertSample("web")
            let version = try tx.insertSampleFile(project, format: "oci").version
            for (name, second) in Self.tagMoments {
                try tx.setTag(
                    name, version: version, at: Sample.now.advanced(bySeconds: second))
            }
            // Another package, and a version in the trash, whose tags nobody may find here.
            let other = try tx.insertSampleFile(project, package: "other", format: "oci").version
            try tx.setTag("ab", version: other, at: Sample.now)
            let gone = try tx.insertSampleFile(project, version: "2.0", format: "oci").version
            try tx.setTag("gone", version: gone, at: Sample.now.advanced(bySeconds: 4))
            #expect(try tx.trashVersion(gone.id, at: Sample.now))
            return version.package
        }
    }

    private static func sorted(_ filter: TagFilter) -> [String] {
        let names = tagMoments.sorted { left, right in
            if filter.order == .updatedAt, left.second != right.second {
                return left.second < right.second
            }
            return Array(left.name.utf8).lexicographicallyPrecedes(Array(right.name.utf8))
        }.map(\.name)
        return filter.direction == .ascending ? names : names.reversed()
    }

    private func orderTags() async throws {
        let package = try await makeTags()
        for order in TagFilter.Order.allCases {
            for direction in [SortDirection.ascending, .descending] {
                let filter = TagFilter(order: order, direction: direction)
                try await store.read { tx throws in
                    try verifyOrder(filter, package, tx)
                }
            }
        }
    }

    private func verifyOrder(
        _ filter: TagFilter, _ package: PackageRecord, _ tx: any MetadataReading
    ) throws {
        let expected = Self.sorted(filter)
        var onward: [String] = []
        while true {
            let part = try tx.listTags(
                packageID: package.id, filter, after: onward.last, isBackward: false, limit: 2)
            guard !part.isEmpty else { break }
            onward += part.map(\.name)
        }
        #expect(onward == expected, "\(filter)")
        for (index, name) in expected.enumerated() {
            let before = try tx.listTags(
                packageID: package.id, filter, after: name, isBackward: true, limit: 3)
            #expect(before.map(\.name) == expected.prefix(index).suffix(3), "\(filter) \(name)")
        }
        for number in 1...4 {
            let page = try tx.listTags(
                packageID: package.id, filter, page: PageRequest(number: number, size: 2))
            #expect(page.totalCount == expected.count)
            #expect(
                page.rows.map(\.name) == Array(expected.dropFirst(2 * (number - 1)).prefix(2)))
        }
    }

    private func filterTags() async throws {
        let package = try await makeTags()
        try await store.read { tx throws in
            let cases: [(TagFilter, [String])] = [
                (TagFilter(nameContains: "a"), ["a", "a-b", "latest"]),
                (TagFilter(nameContains: "1.0"), ["1.0"]), (TagFilter(nameContains: "%"), []),
                (TagFilter(nameContains: "gone"), []), (TagFilter(exactName: "a"), ["a"]),
                (TagFilter(exactName: "gone"), []), (TagFilter(exactName: "ab"), []),
            ]
            for (filter, expected) in cases {
                let page = try tx.listTags(
                    packageID: package.id, filter, page: PageRequest())
                #expect(page.rows.map(\.name) == expected)
                let onward = try tx.listTags(
                    packageID: package.id, filter, after: nil, isBackward: false, limit: 9)
                #expect(onward.map(\.name) == expected)
            }
            let names = Self.sorted(TagFilter())
            #expect(
                try tx.listTagNames(packageID: package.id, after: nil, limit: 99) == names)
            #expect(
                try tx.listTagNames(packageID: package.id, after: "1.0", limit: 2)
                    == Array(names.dropFirst().prefix(2)))
            #expect(try tx.findTag("gone", packageID: package.id) == nil)
            let tag = try tx.findTag("A", packageID: package.id)
            #expect(tag?.updatedAt == Sample.now.advanced(bySeconds: 5))
            #expect(tag?.version.package.id == package.id)
        }
        // A name that the trash holds is free for another.
        try await store.write { tx throws in
            let tag = try #require(try tx.findTag("A", packageID: package.id))
            try tx.setTag("gone", version: tag.version, at: Sample.now)
            #expect(try tx.findTag("gone", packageID: package.id)?.version == tag.version)
            #expect(try tx.removeTag("gone", packageID: package.id))
            #expect(try !tx.removeTag("gone", packageID: package.id))
        }
    }

    // MARK: Packages

    private func listPackages() async throws {
        let (group, projects) = try await store.write { tx throws in
            let group = try tx.insertSample("g", .group, .public)
            let open = try tx.insertSample("g/open", .project, .public)
            let closed = try tx.insertSample("g/closed")
            let other = try tx.insertSample("other")
            for (project, package, format) in [
                (closed, "", "oci"), (open, "api/web", "oci"), (open, "", "oci"),
                (other, "x", "oci"), (open, "tool", Sample.format),
            ] as [(NamespaceRecord, String, FormatID)] {
                let file = try tx.insertSampleFile(project, package: package, format: format)
                try tx.setTag("latest", version: file.version, at: Sample.now)
            }
            let gone = try tx.insertSampleFile(open, package: "gone", format: "oci")
            #expect(try tx.trashVersion(gone.version.id, at: Sample.now))
            _ = try tx.ensurePackage(
                projectID: open.id, format: "oci", name: "empty", at: Sample.now)
            return (group, [open, closed, other])
        }
        let cases: [(ProjectSet, PackageReader, [String])] = [
            (.instance, .everything, ["g/closed", "g/open/api/web", "g/open", "other/x"]),
            (.below(group.id), .everything, ["g/closed", "g/open/api/web", "g/open"]),
            (.below(group.id), .anonymous, ["g/open/api/web", "g/open"]),
            (.project(projects[1].id), .everything, ["g/closed"]),
            (.project(projects[1].id), .anonymous, []),
        ]
        try await store.read { tx throws in
            for (set, reader, expected) in cases {
                var found: [PackageListing] = []
                for number in 1...3 {
                    let page = try tx.listPackages(
                        format: "oci", in: set, readableBy: reader,
                        page: PageRequest(number: number, size: 2))
                    #expect(page.totalCount == expected.count)
                    found += page.rows
                }
                #expect(found.map(\.address) == expected)
                for listing in found {
                    #expect(listing.tagCount == 1)
                    #expect(listing.sizeBytes == 1)
                    #expect(try tx.findPackage(listing.package.id) == listing)
                }
                #expect(
                    try tx.listPackageAddresses(
                        format: "oci", in: set, readableBy: reader, after: nil, limit: 9)
                        == expected.sorted())
            }
            #expect(try tx.findPackage(99_999) == nil)
        }
    }

    private func measurePackage() async throws {
        let project = try await store.write { try $0.insertSample("web") }
        // Two images that share a layer of 100 bytes.
        let (first, second) = try await store.write { tx throws in
            let first = try tx.insertSampleFile(project, version: "1", path: "m", blob: 10)
            try tx.insertSampleFile(project, version: "1", path: "layer", blob: 100)
            let second = try tx.insertSampleFile(project, version: "2", path: "m", blob: 20)
            try tx.insertFiles(
                [
                    BlobReference(digest: Sample.digest(100), path: "layer"),
                    BlobReference(digest: Sample.digest(100), path: "again"),
                ], version: second.version, at: Sample.now)
            try tx.setTag("a", version: first.version, at: Sample.now)
            try tx.setTag("b", version: first.version, at: Sample.now)
            try tx.setTag("c", version: second.version, at: Sample.now)
            return (first, second)
        }
        let id = first.version.package.id
        func expect(
            _ bytes: Int64, _ tags: Int, sourceLocation: SourceLocation = #_sourceLocation,
            after change: @escaping @Sendable (any MetadataWriting) throws -> Void
        ) async throws {
            try await store.write { tx throws in try change(tx) }
            let found = try await store.read { try $0.findPackage(id) }
            #expect(found?.sizeBytes == bytes, sourceLocation: sourceLocation)
            #expect(found?.tagCount == tags, sourceLocation: sourceLocation)
        }
        try await expect(130, 3) { _ in }
        try await expect(120, 1) { _ = try $0.trashVersion(first.version.id, at: Sample.now) }
        try await expect(120, 1) { _ = try $0.trashVersion(first.version.id, at: Sample.now) }
        try await expect(0, 0) { _ = try $0.trashVersion(second.version.id, at: Sample.now) }
        try await expect(110, 2) { _ = try $0.restoreVersion(first.version.id) }
        try await expect(110, 2) { _ = try $0.restoreVersion(first.version.id) }
        try await expect(130, 3) { _ = try $0.restoreVersion(second.version.id) }
        try await expect(110, 3) { _ = try $0.trashFile(second.file.id, at: Sample.now) }
        try await expect(145, 3) {
            try $0.insertSampleFile(project, version: "2", path: "m", blob: 35)
        }
        // A blob of another package is one of its own.
        try await expect(145, 3) { tx throws in
            try tx.insertSampleFile(project, package: "other", blob: 100)
        }
        let project2 = project
        try await store.write { tx throws in
            #expect(try tx.measureBlobs(format: Sample.format, atOrBelow: "web") == 145)
            _ = try tx.removeNamespace(project2.id, at: Sample.now)
        }
        #expect(try await store.read { try $0.findPackage(id) } == nil)
    }

    private func trashPackage() async throws {
        try await store.write { tx throws in
            let project = try tx.insertSample("web")
            let one = try tx.insertSampleFile(project, version: "1", blob: 1).version
            let two = try tx.insertSampleFile(project, version: "2", blob: 2).version
            let other = try tx.insertSampleFile(project, package: "other", blob: 4).version
            for version in [one, two, other] {
                try tx.setTag("t\(version.name)", version: version, at: Sample.now)
            }
            let later = Sample.now.advanced(bySeconds: 9)
            let id = one.package.id
            #expect(try tx.trashVersions(packageID: id, at: Sample.now, reviewAfter: later) == 2)
            #expect(try tx.trashVersions(packageID: id, at: Sample.now, reviewAfter: later) == 0)
            #expect(try tx.findPackage(id)?.sizeBytes == 0)
            #expect(try tx.listTagNames(packageID: id, after: nil, limit: 9).isEmpty)
            #expect(try tx.findPackage(other.package.id)?.sizeBytes == 4)
            let listed = try tx.listPackages(
                format: Sample.format, in: .project(project.id), readableBy: .everything,
                page: PageRequest())
            #expect(listed.rows.map(\.package.name) == ["other"])
            #expect(try tx.restoreVersion(two.id))
            #expect(try tx.findPackage(id)?.sizeBytes == 2)
            #expect(try tx.listTagNames(packageID: id, after: nil, limit: 9) == ["t2"])
        }
    }

    private func excludeFormats() async throws {
        try await store.write { tx throws in
            let project = try tx.insertSample("web")
            for format in ["oci", "npm", "generic"] as [FormatID] {
                try tx.insertSampleFile(project, package: format.name, format: format)
            }
            let cases: [(VersionFilter, [String])] = [
                (VersionFilter(order: .type), ["generic", "npm", "oci"]),
                (VersionFilter(excludedFormats: ["oci"], order: .type), ["generic", "npm"]),
                (VersionFilter(excludedFormats: ["oci", "npm", "x"]), ["generic"]),
                (VersionFilter(format: "oci", excludedFormats: ["oci"]), []),
            ]
            for (filter, expected) in cases {
                let page = try tx.listVersions(
                    filter, in: .project(project.id), readableBy: .everything,
                    page: PageRequest())
                #expect(page.rows.map(\.package.name) == expected)
                #expect(page.totalCount == expected.count)
            }
        }
    }

    // MARK: Rules

    private func tagRules() async throws {
        let full = TagRuleDraft(
            pattern: try NamePattern("v.*"), pushRole: .maintainer, deleteRole: .owner,
            isImmutable: true)
        let plain = TagRuleDraft(pattern: try NamePattern("latest"), deleteRole: .developer)
        let (project, rules) = try await store.write { tx throws in
            let project = try tx.insertSample("web")
            let other = try tx.insertSample("other")
            let rules = try [full, plain].map {
                try tx.insertTagRule($0, projectID: project.id, format: "oci", at: Sample.now)
            }
            // The same pattern for another project or format is another rule.
            _ = try tx.insertTagRule(full, projectID: other.id, format: "oci", at: Sample.now)
            _ = try tx.insertTagRule(full, projectID: project.id, format: "npm", at: Sample.now)
            return (project, rules)
        }
        #expect(rules.map(\.draft) == [full, plain])
        #expect(rules.allSatisfy { $0.projectID == project.id && $0.createdAt == Sample.now })
        #expect(
            try await store.read { try $0.listTagRules(projectID: project.id, format: "oci") }
                == rules)
        await failure(.conflict) { tx throws in
            _ = try tx.insertTagRule(plain, projectID: project.id, format: "oci", at: Sample.now)
        }
        await failure(.conflict) { tx throws in
            _ = try tx.updateTagRule(rules[0].id, projectID: project.id, plain)
        }
        try await store.write { tx throws in
            let changed = TagRuleDraft(pattern: try NamePattern("w.*"), pushRole: .owner)
            let updated = try tx.updateTagRule(rules[0].id, projectID: project.id, changed)
            #expect(updated?.draft == changed)
            #expect(updated?.id == rules[0].id)
            #expect(try tx.updateTagRule(rules[0].id, projectID: project.id + 1, full) == nil)
            #expect(try !tx.removeTagRule(rules[0].id, projectID: project.id + 1))
            #expect(try tx.removeTagRule(rules[0].id, projectID: project.id))
            #expect(try !tx.removeTagRule(rules[0].id, projectID: project.id))
            #expect(
                try tx.listTagRules(projectID: project.id, format: "oci").map(\.id)
                    == [rules[1].id])
        }
    }

    private func tagRuleLimit() async throws {
        let project = try await store.write { tx throws in
            let project = try tx.insertSample("web")
            for number in 1..<TagRule.limitCount {
                _ = try tx.insertTagRule(
                    TagRuleDraft(pattern: try NamePattern("t\(number)")), projectID: project.id,
                    format: "oci", at: Sample.now)
            }
            return project
        }
        // Two at once for the last place: one gets it.
        let store = store
        let outcomes = await withTaskGroup { group in
            for name in ["x", "y"] {
                group.addTask { () -> RegistryError.Code? in
                    do throws(RegistryError) {
                        try await store.write { tx throws in
                            _ = try tx.insertTagRule(
                                TagRuleDraft(pattern: try NamePattern(name)),
                                projectID: project.id, format: "oci", at: Sample.now)
                        }
                        return nil
                    } catch {
                        return error.code
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.filter { $0 == nil }.count == 1)
        #expect(outcomes.filter { $0 == .conflict }.count == 1)
    }
}

extension TagRule {
    fileprivate var draft: TagRuleDraft {
        TagRuleDraft(
            pattern: pattern, pushRole: pushRole, deleteRole: deleteRole,
            isImmutable: isImmutable)
    }
}
