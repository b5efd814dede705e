import FormatKit
import Registry

/// A repository of images as answers show one.
struct RepositoryView: Sendable {
    let listing: PackageListing
    /// `nil` where nobody asked for them.
    let tags: [String]?
    let showsTagCount: Bool
    let showsSize: Bool
    let mayDelete: Bool
    let origin: PublicOrigin
    /// When the last of it went to the trash; `nil` while something is there for all to see.
    var deletedAt: Timestamp?

    static let entity = Entity<RepositoryView>(
        "Repository", "A repository of images.",
        [
            EntityField("id", .integer()) { .integer($0.listing.package.id) },
            EntityField("name", .string(), "What stands behind the project's path; often empty.") {
                .string($0.listing.package.name)
            },
            EntityField("path", .string()) { .string($0.listing.address) },
            EntityField("project_id", .integer()) { .integer($0.listing.package.projectID) },
            EntityField("location", .string(), "What docker calls it.") {
                .string("\($0.origin.authority)/\($0.listing.address)")
            },
            EntityField("created_at", .moment) {
                .string($0.listing.package.createdAt.iso8601)
            },
            EntityField("cleanup_policy_started_at", JSONSchema.moment.nullable) { _ in .null },
            EntityField(optional: "tags_count", .integer()) {
                $0.showsTagCount ? .integer(Int64($0.listing.tagCount)) : nil
            },
            EntityField(
                optional: "tags", .array(of: TagView.entity.schema),
                "At most \(ManagementLimits.repositoryTagCount), in bytewise order."
            ) { view in
                view.tags.map { names in
                    .array(
                        names.map { name in
                            TagView.entity.json(
                                TagView(
                                    name: name, tag: nil, address: view.listing.address,
                                    origin: view.origin))
                        })
                }
            },
            EntityField(optional: "delete_api_path", .string(format: "uri")) { view in
                guard view.mayDelete else { return nil }
                let package = view.listing.package
                return .string(
                    "\(view.origin)/api/v4/projects/\(package.projectID)/registry/repositories/"
                        + "\(package.id)")
            },
            EntityField(
                optional: "size", .integer(), "Bytes of everything in it, each layer once."
            ) { $0.showsSize ? .integer($0.listing.sizeBytes) : nil },
            EntityField(
                "status", JSONSchema.string().nullable,
                "'\(PackageView.deletedStatus)' where everything in it is in the trash."
            ) { .optional($0.deletedAt.map { _ in PackageView.deletedStatus }) },
            EntityField(
                optional: "deleted_at", .moment, "When the last of it went to the trash."
            ) { $0.deletedAt.map { .string($0.iso8601) } },
        ])
}

/// A tag of a repository as lists show one.
struct TagView: Sendable {
    let name: String
    /// `nil` where only the name is known.
    let tag: TagRecord?
    /// Downloads of the image that it names; `nil` where there were none, or only the name is known.
    var pull: PullRecord?
    /// The repository's address.
    let address: String
    let origin: PublicOrigin
    /// The tag, where it was removed and can be restored.
    var removed: RemovedTagRecord?

    private var digest: String? { (removed?.version ?? tag?.version)?.name }
    private var updatedAt: Timestamp? { removed?.updatedAt ?? tag?.updatedAt }

    static let entity = Entity<TagView>(
        "RepositoryTag", "A tag of an image.",
        [
            EntityField("name", .string()) { .string($0.name) },
            EntityField("path", .string()) { .string("\($0.address):\($0.name)") },
            EntityField("location", .string(), "What docker calls the image.") {
                .string("\($0.origin.authority)/\($0.address):\($0.name)")
            },
            EntityField(optional: "digest", .string(), "The manifest that it names.") {
                $0.digest.map { .string($0) }
            },
            EntityField(
                optional: "created_at", .moment,
                "When it began to name the image, or was pushed again."
            ) { $0.updatedAt.map { .string($0.iso8601) } },
            EntityField(
                optional: "download_count", .integer(),
                "Downloads of the manifest that it names, by whatever name."
            ) { view in view.tag.map { _ in .integer(view.pull?.count ?? 0) } },
            EntityField(
                optional: "last_downloaded_at", JSONSchema.moment.nullable,
                "When that was last downloaded; a few seconds late."
            ) { view in view.tag.map { _ in .optional(view.pull?.lastAt.iso8601) } },
            EntityField(optional: "deleted_at", .moment, "When it was removed.") {
                $0.removed.map { .string($0.deletedAt.iso8601) }
            },
            EntityField(
                optional: "deleted_by", .string(), "Who removed it: user:alice, deploy_token:7."
            ) { $0.removed.map { .string($0.remover) } },
        ])
}

/// A tag as its own page shows it.
struct TagDetailsView: Sendable {
    let tag: TagView
    let image: ImageDetails

    static let entity = Entity<TagDetailsView>(
        "RepositoryTagDetails", "A tag of an image, and what the image is.",
        TagView.entity.fields.map { $0.lifted { (view: TagDetailsView) in view.tag } } + [
            EntityField(
                "revision", JSONSchema.string().nullable,
                "The digest of the configuration, in hex; null for an index."
            ) { .optional($0.image.revision) },
            EntityField("short_revision", JSONSchema.string().nullable) {
                .optional($0.image.revision.map { String($0.prefix(shortRevisionCount)) })
            },
            EntityField(
                "total_size", .integer(),
                "Bytes of the manifest and all that it names, each blob once."
            ) { .integer($0.image.totalSize) },
            EntityField("media_type", .string(), "The media type of the manifest.") {
                .string($0.image.attributes.mediaType)
            },
            EntityField(
                "platforms", .array(of: ImageAttributes.Platform.schema),
                "What it runs on, as far as it says."
            ) { .array(($0.image.attributes.platforms ?? []).map(\.json)) },
            EntityField(
                optional: "images",
                .array(
                    of: .object(
                        [
                            ("digest", .string()), ("platform", ImageAttributes.Platform.schema),
                            ("total_size", JSONSchema.integer().nullable),
                        ], required: ["digest", "platform", "total_size"])),
                "The images of an index; without a size those that are not here."
            ) { view in
                view.image.images.map { images in
                    .array(
                        images.map { image in
                            [
                                "digest": .string(image.platform.digest),
                                "platform": image.platform.json,
                                "total_size": .optional(image.totalSize),
                            ]
                        })
                }
            },
        ])

    /// Hexadecimal digits of a short revision.
    private static let shortRevisionCount = 9
}

extension ImageAttributes.Platform {
    static let schema = JSONSchema.object(
        [
            ("os", .string()), ("architecture", .string()),
            ("variant", JSONSchema.string().nullable),
        ], required: ["os", "architecture", "variant"])

    var json: JSONValue {
        [
            "os": .string(os), "architecture": .string(architecture),
            "variant": .optional(variant),
        ]
    }
}
