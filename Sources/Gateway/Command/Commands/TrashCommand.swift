import ArgumentParser
import Registry

struct TrashCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trash", abstract: "See, restore and empty the trash of a project.",
        subcommands: [List.self, Restore.self, Empty.self])

    /// What a command is about.
    struct PlaceOptions: ParsableArguments {
        @Option(help: "The path of the project, such as acme/web.") var project: String
        @Option(help: "Only this format.") var format: String?
        @Option(help: "Only the package of this name; needs --format.") var package: String?

        func validate() throws {
            if let format, Formats.find(format) == nil {
                throw ValidationError(Formats.unknown(format))
            }
            guard package == nil || format != nil else {
                throw ValidationError("--package needs --format")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List versions, files and tags that can be restored.")

        @OptionGroup var place: PlaceOptions
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await Console.run(store) { console in
                let trash = try await ProjectTrash(place, console)
                try output.write(try await trash.list(console))
            }
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bring something back, by the name that 'trash list' shows.",
            discussion: """
                Without a name, and with --format and --package, brings back the versions of the \
                package that were deleted together last, with the tags they had and nobody has set \
                since.
                """)

        @Argument(help: "What to restore: version:12, file:7 or tag:3.") var items: [TrashItem] = []
        @OptionGroup var place: PlaceOptions
        @Flag(help: "Move what has the name now to the trash, where that is in the way.")
        var overwrite = false
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard items.isEmpty == (place.package != nil) else {
                throw ValidationError("name what to restore, or a package with --package")
            }
        }

        func run() async throws {
            let policy: RestorePolicy = overwrite ? .overwriting : .refusing
            try await Console.run(store) { console in
                let trash = try await ProjectTrash(place, console)
                if let package = trash.package {
                    try output.write(one: try await trash.restore(package, policy, console))
                } else {
                    try output.write(try await trash.restore(items, policy, console))
                }
            }
        }
    }

    struct Empty: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete for good what is in the trash.",
            discussion: """
                Bytes that nothing else names go a day later, as always; 'gc run' does not hurry \
                them.
                """)

        @OptionGroup var place: PlaceOptions
        @Option(help: "Only what was deleted longer ago than this: 12h, 3d.")
        var olderThan: KeepingPeriod = .none
        @Flag(help: "Delete nothing, and show what would go.") var dryRun = false
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await Console.run(store) { console in
                let trash = try await ProjectTrash(place, console)
                let moment = olderThan.latestStart(endedAt: console.clock.now())
                let rows = try await trash.list(console).filter { $0.moment <= moment }
                if !dryRun { try await trash.empty(deletedBefore: moment, console) }
                try output.write(rows)
            }
        }
    }
}

/// One thing in the trash, as commands name it: `version:12`.
struct TrashItem: ExpressibleByArgument, Sendable, CustomStringConvertible {
    enum Kind: String, Sendable {
        case version
        case file
        case tag
    }

    let kind: Kind
    let id: Int64

    init(_ kind: Kind, _ id: Int64) {
        self.kind = kind
        self.id = id
    }

    init?(argument: String) {
        let parts = argument.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let kind = Kind(rawValue: String(parts[0])),
            let id = Int64(parts[1])
        else { return nil }
        self.init(kind, id)
    }

    var description: String { "\(kind.rawValue):\(id)" }
}

/// Something in the trash as commands print it.
struct TrashRow: OutputRow {
    static let headings = [
        "ID", "FORMAT", "PACKAGE", "NAME", "TAGS", "DELETED", "RESTORABLE UNTIL",
    ]

    /// `version:12`.
    let id: String
    let format: String
    let package: String
    /// The version; of a file its path behind the version, of a tag what it named in front.
    let name: String
    /// Of a version, the tags that come back with it.
    let tags: [String]
    let deletedAt: String
    /// At least; `nil` for ever.
    let restorableUntil: String?
    /// When it was deleted, for comparing.
    let moment: Timestamp

    private enum CodingKeys: String, CodingKey {
        case id, format, package, name, tags, deletedAt, restorableUntil
    }

    init(
        _ item: TrashItem, _ version: VersionRecord, name: String, tags: [String] = [],
        deletedAt: Timestamp, _ periods: CollectionPeriods
    ) {
        id = item.description
        format = version.package.format.name
        package = version.package.name
        self.name = name
        self.tags = tags
        self.deletedAt = deletedAt.iso8601
        restorableUntil = periods.trash.end(from: deletedAt)?.iso8601
        moment = deletedAt
    }

    var cells: [String] {
        [
            id, format, package, name, tags.joined(separator: ","), deletedAt,
            restorableUntil ?? "never ends",
        ]
    }
}

/// A package that came back, as commands print it.
struct RestoredPackageRow: OutputRow {
    static let headings = ["FORMAT", "PACKAGE", "DELETED", "VERSIONS", "TAGS"]

    let format: String
    let package: String
    let deletedAt: String
    let versionCount: Int
    let tagCount: Int

    init(_ package: PackageRecord, _ outcome: RestoredPackage) {
        format = package.format.name
        self.package = package.name
        deletedAt = outcome.deletedAt.iso8601
        versionCount = outcome.versionCount
        tagCount = outcome.tagCount
    }

    var cells: [String] { [format, package, deletedAt, "\(versionCount)", "\(tagCount)"] }
}
