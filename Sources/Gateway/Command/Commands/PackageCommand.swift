import ArgumentParser
import Registry

struct PackageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "package",
        abstract: "List, yank and delete versions of packages.",
        subcommands: [List.self, Yank.self, Unyank.self, Delete.self])

    /// The package that a command is about.
    struct PackageOptions: ParsableArguments {
        @Option(help: "The path of the project, such as acme/web.") var project: String
        @Option(
            help: "The format of the package; needed where several have one of this name.")
        var format: String?

        func validate() throws {
            if let format, Formats.find(format) == nil {
                throw ValidationError(Formats.unknown(format))
            }
        }

        /// The formats in which to look for the package.
        var kinds: [any PackageFormat.Type] {
            Formats.all.map { type(of: $0) }.filter { format == nil || $0.id.name == format }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the versions of a package, or of all packages of a project.")

        @Argument(help: "The name of the package.") var name: String?
        @OptionGroup var package: PackageOptions
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let (path, kinds, name) = (package.project, package.kinds, name)
            try await Console.run(store) { console in
                var versions: [VersionRecord] = []
                for kind in kinds {
                    let name = name.map(kind.canonicalName)
                    versions += try await console.listAll { tx, page in
                        let project = try tx.requireNamespace(path, .project)
                        return try tx.listVersions(
                            VersionFilter(
                                format: kind.id, packageName: name,
                                statuses: Swift.Set(VersionStatus.allCases), order: .name),
                            in: .project(project.id), readableBy: .everything, page: page)
                    }
                }
                try output.write(versions.map(PackageVersionRow.init))
            }
        }
    }

    struct Yank: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep installers from choosing a version, where its format knows of that.",
            discussion: """
                Of Python's releases: who asks for the very version still gets it, with the reason as \
                a warning. \
                'packhouse package unyank' takes it back.
                """)

        @Argument(help: "The name of the package.") var name: String
        @Argument(help: "The version.") var version: String
        @Option(help: "Why, for those who install it.") var reason: String?
        @OptionGroup var package: PackageOptions
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            if let reason, reason.utf8.count > VersionStatus.reasonLimitBytes {
                throw CommandError(
                    "a reason has at most \(VersionStatus.reasonLimitBytes) bytes")
            }
            try await setStatus(.yanked, reason, name, version, package, store, output)
        }
    }

    struct Unyank: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let installers choose a version again.")

        @Argument(help: "The name of the package.") var name: String
        @Argument(help: "The version.") var version: String
        @OptionGroup var package: PackageOptions
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await setStatus(.default, nil, name, version, package, store, output)
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Move a version of a package to the trash, with its files.")

        @Argument(help: "The name of the package.") var name: String
        @Argument(help: "The version.") var version: String
        @OptionGroup var package: PackageOptions
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let (path, kinds) = (package.project, package.kinds)
            let (name, text) = (name, version)
            try await Console.run(store) { console in
                let version = try await console.change("version.delete") { tx, now in
                    let project = try tx.requireNamespace(path, .project)
                    let version = try tx.requireVersion(text, of: name, kinds, in: project)
                    try tx.touchPackage(version.package.id, at: now)
                    try tx.checkRemoving(version, role: .owner)
                    guard try tx.moveVersionToTrash(version.id, at: now) else {
                        throw RegistryError(.notFound, "there is no such version")
                    }
                    return (version, project.id, subject(of: version))
                }
                try output.write(one: PackageVersionRow(version))
            }
        }
    }
}

/// Gives a version a status, and shows it.
private func setStatus(
    _ status: VersionStatus, _ reason: String?, _ name: String, _ version: String,
    _ package: PackageCommand.PackageOptions, _ store: StoreOptions, _ output: OutputOptions
) async throws {
    let (path, kinds) = (package.project, package.kinds)
    try await Console.run(store) { console in
        let version = try await console.change("version.update") { tx, now in
            let project = try tx.requireNamespace(path, .project)
            let found = try tx.requireVersion(version, of: name, kinds, in: project)
            let format = found.package.format
            guard FormatRules(Formats.all).statuses(of: format).contains(status) else {
                throw RegistryError(
                    .conflict,
                    "a version of the format '\(format)' cannot be '\(status.rawValue)'")
            }
            try tx.setStatus(of: found, to: status, reason: reason, at: now)
            return (
                try tx.requireVersion(version, of: name, kinds, in: project), project.id,
                "\(subject(of: found))=\(status.rawValue)"
            )
        }
        try output.write(one: PackageVersionRow(version))
    }
}

/// `pypi/tool/1.0`, for the audit.
private func subject(of version: VersionRecord) -> String {
    "\(version.package.format)/\(version.package.name)/\(version.name)"
}

extension MetadataReading {
    /// The version that people call `text`, in whichever of the formats it is.
    ///
    /// - Throws: `notFound` when there is no such version, `conflict` when several formats have one.
    fileprivate func requireVersion(
        _ text: String, of name: String, _ kinds: [any PackageFormat.Type],
        in project: NamespaceRecord
    ) throws -> VersionRecord {
        var found: [VersionRecord] = []
        for kind in kinds {
            for spelling in kind.versionSpellings(text) {
                let versions = try findVersions(
                    format: kind.id, package: kind.canonicalName(name), version: spelling,
                    in: .project(project.id), readableBy: .everything, limit: 1)
                found += versions
                if !versions.isEmpty { break }
            }
        }
        guard let version = found.first else {
            throw RegistryError(
                .notFound,
                "the project '\(project.path)' has no version '\(text)' of '\(name)'")
        }
        guard found.count == 1 else {
            let formats = found.map(\.package.format.name).joined(separator: ", ")
            throw RegistryError(
                .conflict,
                "several formats have a version '\(text)' of '\(name)' (\(formats)): say which "
                    + "with --format")
        }
        return version
    }
}

/// A version of a package as commands print it.
struct PackageVersionRow: OutputRow {
    static let headings = ["ID", "FORMAT", "NAME", "VERSION", "STATUS", "REASON", "CREATED"]

    let id: Int64
    let format: String
    let name: String
    let version: String
    let status: String
    /// Why it has its status; `nil` where nobody said.
    let reason: String?
    let createdAt: String

    init(_ version: VersionRecord) {
        id = version.id
        format = version.package.format.name
        name = version.package.name
        self.version = version.name
        status = version.status.rawValue
        reason = VersionStatus.reason(in: version.attributes)
        createdAt = version.createdAt.iso8601
    }

    var cells: [String] { ["\(id)", format, name, version, status, reason ?? "", createdAt] }
}
