import FormatKit
import HTTPTypes
import Registry

/// Calls that bring repositories of images and their tags back from the trash.
enum TrashEndpoints {
    private static let base = "projects/:id/registry/repositories/:repository_id"

    static let all: [ManagementEndpoint] = [
        ManagementEndpoint(
            .post, "\(base)/restore", "repository.restore",
            "Bring back the images of a repository that were deleted together last, with the tags "
                + "they had and nobody has set since.",
            parameters: place + [overwrite], success: .one(restored.one),
            failures: [.conflict], access: access, handler: restoreRepository),
        ManagementEndpoint(
            .post, "\(base)/tags/:tag_name/restore", "repository_tag.restore",
            "Let a tag that was removed name its image again.",
            parameters: place + [
                .required(
                    "tag_name", .text(limitCharacters: ManagementLimits.tagCharacters), "The tag."),
                overwrite,
            ], success: .one(TagView.entity.one),
            failures: [.conflict, .unprocessable], access: access, handler: restoreTag),
    ]

    // MARK: What lists and other calls share

    static let status = Parameter.optional(
        "status", .choice([PackageView.deletedStatus]), "Whether to list the trash instead.")

    static let overwrite = Parameter.optional(
        "overwrite", .boolean,
        "Whether what has the name now goes to the trash; else that is a conflict.")

    /// Who may read may list; the trash is for those who may delete.
    static let accessToList: @Sendable (ManagementAddress) -> [AccessRequirement] = { address in
        let isTrash = address.query.values("status").contains(PackageView.deletedStatus)
        return [
            AccessRequirement(
                isTrash ? .deletePackages : .readPackages,
                on: .namespace(address.namespace(.project)))
        ]
    }

    private static let access = asking(.deletePackages, in: .project)

    private static let place = [
        NamespaceParameters.id("project"), RepositoryEndpoints.repository,
    ]

    private static let restored = Entity<RestoredPackage>(
        "RestoredRepository", "What came back with a repository.",
        [
            EntityField("deleted_at", .moment, "When it had been deleted.") {
                .string($0.deletedAt.iso8601)
            },
            EntityField("images", .integer(), "Manifests that came back.") {
                .integer(Int64($0.versionCount))
            },
            EntityField("tags", .integer(), "Tags that came back.") {
                .integer(Int64($0.tagCount))
            },
        ])

    // MARK: Calls

    @Sendable
    private static func restoreRepository(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let id = try call.arguments.requireInteger("repository_id")
        let (policy, authority) = (call.restorePolicy, call.standing(in: project))
        let outcome = try await call.change("repository.restore") { tx in
            let repository = try tx.requireAnyRepository(id, of: project)
            try tx.touchPackage(id, at: call.now)
            let outcome: RestoredPackage
            do {
                outcome = try tx.restoreVersions(
                    of: repository.package, policy, by: authority, at: call.now)
            } catch let error as RegistryError where error.code == .notFound {
                throw RegistryError.missing("Repository")
            }
            return Change(outcome, subject: repository.subject, in: project.id)
        }
        return call.answer(restored.json(outcome))
    }

    @Sendable
    private static func restoreTag(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let id = try call.arguments.requireInteger("repository_id")
        let name = try call.arguments.requireText("tag_name")
        let (policy, authority) = (call.restorePolicy, call.standing(in: project))
        let view = try await call.change("tag.restore") { tx in
            let repository = try tx.requireAnyRepository(id, of: project)
            try tx.touchPackage(id, at: call.now)
            guard let removed = try tx.findRemovedTag(name, packageID: id) else {
                throw RegistryError.missing("Tag")
            }
            let tag = try tx.restore(removed, policy, by: authority, at: call.now)
            return Change(
                TagView(
                    name: name, tag: tag, address: repository.address, origin: call.origin),
                subject: "\(repository.subject):\(name)", in: project.id)
        }
        return call.answer(TagView.entity.json(view))
    }
}

extension ManagementCall {
    /// How something is to come back whose name somebody else has.
    var restorePolicy: RestorePolicy {
        arguments.findFlag("overwrite") ?? false ? .overwriting : .refusing
    }
}
