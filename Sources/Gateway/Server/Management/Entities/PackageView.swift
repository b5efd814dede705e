import FormatKit
import Registry

/// A version as the packages API shows it, which calls it a package.
struct PackageView: Sendable {
    let version: VersionRecord
    let project: NamespaceRecord
    let tags: [String]
    let pull: PullRecord?
    let mayDelete: Bool
    /// Until when it can be restored, surely; `nil` for ever, or outside of the trash.
    let restorableUntil: Timestamp?
    let origin: PublicOrigin

    static let entity = Entity<PackageView>(
        "Package", "One version of a package.",
        [
            EntityField("id", .integer()) { .integer($0.version.id) },
            EntityField("name", .string()) { .string($0.version.package.name) },
            EntityField("version", .string()) { .string($0.version.name) },
            EntityField("package_type", .string()) {
                .string(PackageType.name(of: $0.version.package.format))
            },
            EntityField("status", .string(choices: statuses)) { view in
                .string(
                    view.version.deletedAt == nil
                        ? view.version.status.rawValue : PackageView.deletedStatus)
            },
            EntityField("_links", links) { view in
                let path = "/api/v4/projects/\(view.project.id)/packages/\(view.version.id)"
                let web: (name: String, value: JSONValue) = (
                    "web_path", .string(view.origin.pathPrefix + path)
                )
                let delete: (name: String, value: JSONValue) = (
                    "delete_api_path", .string("\(view.origin)\(path)")
                )
                return .object(view.mayDelete ? [web, delete] : [web])
            },
            EntityField("created_at", .moment) { .string($0.version.createdAt.iso8601) },
            EntityField(optional: "deleted_at", .moment, "When it went to the trash.") {
                $0.version.deletedAt.map { .string($0.iso8601) }
            },
            EntityField(
                optional: "restorable_until", .moment, "Until when it can be restored, at least."
            ) { $0.restorableUntil.map { .string($0.iso8601) } },
            EntityField(
                "last_downloaded_at", JSONSchema.moment.nullable,
                "When one of its files was last downloaded; a few seconds late."
            ) { .optional($0.pull?.lastAt.iso8601) },
            EntityField("download_count", .integer(), "Downloads of its files.") {
                .integer($0.pull?.count ?? 0)
            },
            EntityField("creator_id", JSONSchema.integer().nullable) {
                .optional($0.version.creatorID)
            },
            EntityField("project_id", .integer()) { .integer($0.project.id) },
            EntityField("project_path", .string()) {
                .string($0.project.path.description)
            },
            EntityField(
                "tags", .array(of: .object([("name", .string())], required: ["name"])),
                "Its tags."
            ) {
                .array($0.tags.map { ["name": .string($0)] })
            },
            EntityField(optional: "pipeline", pipeline, "The CI pipeline that made it.") {
                Self.pipeline(of: $0)
            },
            EntityField("pipelines", .array(of: pipeline)) {
                .array(Self.pipeline(of: $0).map { [$0] } ?? [])
            },
        ])

    /// The status of what is in the trash.
    static let deletedStatus = "deleted"

    private static let statuses = VersionStatus.allCases.map(\.rawValue) + [deletedStatus]

    private static let links = JSONSchema.object(
        [("web_path", .string()), ("delete_api_path", .string(format: "uri"))],
        required: ["web_path"])

    private static let pipeline = JSONSchema.object(
        [
            ("id", .integer()), ("project_id", .integer()), ("ref", JSONSchema.string().nullable),
            ("sha", JSONSchema.string().nullable),
        ], required: ["id", "project_id", "ref", "sha"])

    private static func pipeline(of view: PackageView) -> JSONValue? {
        view.version.build.pipelineID.map { id in
            [
                "id": .integer(id), "project_id": .integer(view.project.id),
                "ref": .optional(view.version.build.ref),
                "sha": .optional(view.version.build.sha),
            ]
        }
    }
}

/// The names that the packages API has for formats.
enum PackageType {
    /// What can be asked for; a name without a format here gives an empty list.
    static let names = [
        "conan", "maven", "npm", "pypi", "composer", "nuget", "helm", "terraform_module",
        "golang", "generic", "rubygems", "debian", "rpm", "ml_model", "oci",
    ]

    /// What is listed only when it is asked for: images have lists of their own.
    static let unlisted: Set<FormatID> = [.containerImages]

    static func name(of format: FormatID) -> String {
        format.name == "terraform" ? "terraform_module" : format.name
    }

    static func format(named name: String) -> FormatID {
        FormatID(stored: name == "terraform_module" ? "terraform" : name)
    }
}

/// A file as the packages API shows it.
struct PackageFileView: Sendable {
    let file: FileRecord

    static let entity = Entity<PackageFileView>(
        "PackageFile", "One file of a version.",
        [
            EntityField("id", .integer()) { .integer($0.file.id) },
            EntityField("package_id", .integer()) { .integer($0.file.versionID) },
            EntityField("created_at", .moment) { .string($0.file.createdAt.iso8601) },
            EntityField("file_name", .string()) { .string($0.file.path) },
            EntityField("size", .integer(), "Bytes.") { .integer($0.file.size) },
            EntityField("file_md5", JSONSchema.string().nullable) {
                .optional($0.file.digests.md5)
            },
            EntityField("file_sha1", JSONSchema.string().nullable) {
                .optional($0.file.digests.sha1)
            },
            EntityField("file_sha256", .string()) { .string($0.file.digests.sha256.hex) },
            EntityField(optional: "deleted_at", .moment, "When it went to the trash.") {
                $0.file.deletedAt.map { .string($0.iso8601) }
            },
        ])
}
