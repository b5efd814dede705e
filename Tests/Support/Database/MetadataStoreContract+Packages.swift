import Registry
import Testing

extension MetadataStoreContract {
    static let packageChecks = [
        Check("a package is inserted once and its revision grows") {
            try await $0.packages()
        },
        Check("a version is inserted once") { try await $0.versions() },
        Check("a version goes to the trash with its files and tags, and comes back") {
            try await $0.trashVersions()
        },
        Check("a tag names one version") { try await $0.tags() },
    ]

    static let fileChecks = [
        Check("a file is found by its name, the newest first") { try await $0.files() },
        Check("a path is taken once, until its file goes to the trash") {
            try await $0.trashFiles()
        },
        Check("lists of files") { try await $0.listFiles() },
    ]

    private func packages() async throws {
        let project = try await store.write { try $0.insertSample("web") }
        let later = Sample.now.advanced(bySeconds: 5)
        let (one, two) = try await store.write { tx throws in
            let one = try tx.upsertPackage(
                projectID: project.id, format: Sample.format, name: "Tool", at: Sample.now)
            let two = try tx.upsertPackage(
                projectID: project.id, format: Sample.format, name: "Tool", at: later)
            try tx.touchPackage(one.id, at: later.advanced(bySeconds: 1))
            return (one, two)
        }
        #expect(one.id == two.id)
        #expect(two.revision > one.revision)
        #expect(two.createdAt == Sample.now && two.updatedAt == later)
        try await store.read { tx throws in
            let found = try tx.findPackage(
                projectID: project.id, format: Sample.format, name: "Tool")
            #expect(found.map { $0.revision > two.revision } == true)
            #expect(
                try tx.findPackage(
                    projectID: project.id, format: Sample.format, name: "tool") == nil)
            #expect(
                try tx.findPackage(projectID: project.id, format: "npm", name: "Tool") == nil)
        }
        await failure(.notFound) { tx throws in
            _ = try tx.upsertPackage(
                projectID: project.id + 100, format: Sample.format, name: "x", at: Sample.now)
        }
    }

    private func versions() async throws {
        let actor = Actor(
            principal: .job(
                JobPrincipal(
                    id: 1, jobID: 42, projectID: 1, userID: 3, username: "zoe",
                    build: BuildRecord(pipelineID: 7, ref: "main", sha: "abc"))),
            requestID: "r", remoteAddress: "::1")
        let (version, again) = try await store.write { tx throws in
            let project = try tx.insertSample("web")
            let package = try tx.upsertPackage(
                projectID: project.id, format: Sample.format, name: "tool", at: Sample.now)
            let new = try tx.insertVersion(
                package: package, name: "1.0", status: .hidden, lifetime: .explicit,
                attributes: #"{"a":1}"#,
                actor: actor, at: Sample.now)
            #expect(new.isNew)
            let old = try tx.insertVersion(
                package: package, name: "1.0", status: .default, lifetime: .explicit,
                attributes: "{}",
                actor: Sample.actor, at: Sample.now.advanced(bySeconds: 1))
            #expect(!old.isNew)
            return (new.version, old.version)
        }
        #expect(again == version)
        #expect(version.status == .hidden)
        #expect(version.attributes == #"{"a":1}"#)
        #expect(version.creator == "job:42" && version.creatorID == 3)
        #expect(version.build == BuildRecord(pipelineID: 7, ref: "main", sha: "abc"))
        try await store.write { tx throws in
            try tx.updateVersion(version.id, status: .deprecated, attributes: nil)
            try tx.append(
                AuditEvent(
                    action: "package.publish", actor: actor, namespaceID: 1, subject: "x"),
                at: Sample.now)
        }
        let changed = try await store.read { try $0.findVersion(version.id) }
        #expect(changed?.status == .deprecated)
        #expect(changed?.attributes == version.attributes)
        try await store.write { try $0.updateVersion(version.id, status: nil, attributes: "{}") }
        #expect(try await store.read { try $0.findVersion(version.id) }?.attributes == "{}")
    }

    private func trashVersions() async throws {
        let (project, file) = try await store.write { tx throws in
            let project = try tx.insertSample("web")
            let file = try tx.insertSampleFile(project)
            try tx.setTag("latest", version: file.version, at: Sample.now)
            return (project, file)
        }
        let id = file.version.id
        let later = Sample.now.advanced(bySeconds: 5)
        try await store.write { tx throws in
            #expect(try tx.trashVersion(id, at: later))
            #expect(try !tx.trashVersion(id, at: later))
        }
        try await store.read { tx throws in
            #expect(try findVersion("1.0", project, tx).isEmpty)
            #expect(try findFile("tool.tar", project, tx).isEmpty)
            #expect(try tx.findFile(versionID: id, path: "tool.tar") == nil)
            #expect(try tx.findVersion(id)?.deletedAt == later)
            #expect(try tx.findFile(file.file.id)?.file.deletedAt == later)
            let page = PageRequest()
            #expect(try tx.listFiles(versionID: id, isDeleted: false, page: page).rows.isEmpty)
            #expect(try tx.listFiles(versionID: id, isDeleted: true, page: page).rows.count == 1)
            let deleted = try tx.findDeletedVersion(
                packageID: file.version.package.id, name: "1.0")
            #expect(deleted?.id == id)
            for isDeleted in [false, true] {
                let list = try tx.listVersions(
                    VersionFilter(isDeleted: isDeleted), in: .project(project.id),
                    readableBy: .everything, page: page)
                #expect(list.rows.map(\.id) == (isDeleted ? [id] : []))
            }
        }
        let other = try await store.write { try $0.insertSampleFile(project, blob: 2) }
        await failure(.conflict) { _ = try $0.restoreVersion(id) }
        try await store.write { tx throws in
            _ = try tx.trashVersion(other.version.id, at: later.advanced(bySeconds: 1))
            #expect(try tx.restoreVersion(id))
            #expect(try !tx.restoreVersion(id))
            #expect(try findVersion("1.0", project, tx).map(\.id) == [id])
            #expect(try findFile("tool.tar", project, tx).map(\.file.id) == [file.file.id])
            #expect(try tx.listTags(versionIDs: [id]) == [id: ["latest"]])
        }
    }

    private func tags() async throws {
        try await store.write { tx throws in
            let project = try tx.insertSample("web")
            let one = try tx.insertSampleFile(project, version: "1.0").version
            let two = try tx.insertSampleFile(project, version: "2.0").version
            for name in ["latest", "Beta", "stable"] {
                try tx.setTag(name, version: one, at: Sample.now)
            }
            try tx.setTag("latest", version: two, at: Sample.now)
            #expect(
                try tx.listTags(versionIDs: [one.id, two.id])
                    == [one.id: ["Beta", "stable"], two.id: ["latest"]])
            #expect(try tx.listTags(versionIDs: []) == [:])
            let many = Array(one.id..<one.id + 1200)
            #expect(try tx.listTags(versionIDs: many).count == 2)
        }
    }

    private func files() async throws {
        let (projects, files) = try await store.write { tx throws in
            try tx.insertSample("g", .group)
            var projects: [NamespaceRecord] = []
            var files: [PublishedFile] = []
            for (index, path) in ["g/a", "g/b", "c"].enumerated() {
                let project = try tx.insertSample(path)
                projects.append(project)
                files.append(
                    try tx.insertSampleFile(
                        project, blob: index + 1, at: Sample.now.advanced(bySeconds: Int64(index))))
            }
            return (projects, files)
        }
        let file = files[0].file
        #expect(file.digests.sha256 == Sample.digest(1))
        #expect(file.size == 1)
        #expect(file.storageKey == Sample.blob(1).key)
        #expect(file.mediaType == nil && file.attributes == "{}" && file.deletedAt == nil)
        let group = try #require(projects[0].parentID)
        try await store.read { tx throws in
            for (index, project) in projects.enumerated() {
                #expect(try findFile("tool.tar", project, tx) == [files[index]])
                #expect(try tx.findFile(files[index].file.id) == files[index])
                let inVersion = try tx.findFile(
                    versionID: files[index].version.id, path: "tool.tar")
                #expect(inVersion == files[index].file)
            }
            #expect(try findFile("tool.TAR", projects[0], tx).isEmpty)
            let address = FileAddress(
                format: Sample.format, package: "tool", version: "1.0", path: "tool.tar")
            for (set, limit, found) in [
                (ProjectSet.instance, 9, [files[2], files[1], files[0]]),
                (.instance, 1, [files[2]]), (.below(group), 9, [files[1], files[0]]),
                (.below(projects[0].id), 9, [files[0]]),
            ] {
                #expect(
                    try tx.findFiles(address, in: set, readableBy: .everything, limit: limit)
                        == found)
                #expect(
                    try tx.findVersions(
                        format: Sample.format, package: "tool", version: "1.0", in: set,
                        readableBy: .everything, limit: limit) == found.map(\.version))
            }
        }
    }

    private func trashFiles() async throws {
        let (project, old) = try await store.write { tx throws in
            let project = try tx.insertSample("web")
            return (project, try tx.insertSampleFile(project))
        }
        await failure(.conflict) { try $0.insertSampleFile(project, blob: 2) }
        let new = try await store.write { tx throws in
            #expect(try tx.trashFile(old.file.id, at: Sample.now))
            #expect(try !tx.trashFile(old.file.id, at: Sample.now))
            return try tx.insertSampleFile(project, blob: 2)
        }
        try await store.read { tx throws in
            #expect(try findFile("tool.tar", project, tx).map(\.file) == [new.file])
            #expect(try tx.findFile(old.file.id)?.file.deletedAt == Sample.now)
        }
        await failure(.conflict) { _ = try $0.restoreFile(old.file.id) }
        try await store.write { tx throws in
            _ = try tx.trashFile(new.file.id, at: Sample.now)
            #expect(try tx.restoreFile(old.file.id))
            #expect(try !tx.restoreFile(old.file.id))
            #expect(try findFile("tool.tar", project, tx).map(\.file) == [old.file])
        }
    }

    private func listFiles() async throws {
        let paths = ["b", "B", "a/b", "a.b", "a", "é"]
        let version = try await store.write { tx throws in
            let project = try tx.insertSample("web")
            var version: VersionRecord?
            for path in paths {
                version = try tx.insertSampleFile(project, path: path).version
            }
            return try #require(version)
        }
        let sorted = paths.sorted { Array($0.utf8).lexicographicallyPrecedes($1.utf8) }
        for number in 1...3 {
            let page = try await store.read { tx throws in
                try tx.listFiles(
                    versionID: version.id, isDeleted: false,
                    page: PageRequest(number: number, size: 4))
            }
            #expect(page.rows.map(\.path) == Array(sorted.dropFirst(4 * (number - 1)).prefix(4)))
            #expect(page.totalCount == 6)
        }
    }

    private func findFile(
        _ path: String, _ project: NamespaceRecord, _ tx: any MetadataReading
    ) throws -> [PublishedFile] {
        try tx.findFiles(
            FileAddress(format: Sample.format, package: "tool", version: "1.0", path: path),
            in: .project(project.id), readableBy: .everything, limit: 9)
    }

    private func findVersion(
        _ name: String, _ project: NamespaceRecord, _ tx: any MetadataReading
    ) throws -> [VersionRecord] {
        try tx.findVersions(
            format: Sample.format, package: "tool", version: name, in: .project(project.id),
            readableBy: .everything, limit: 9)
    }
}
