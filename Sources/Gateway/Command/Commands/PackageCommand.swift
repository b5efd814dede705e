import ArgumentParser
import PyPIFormat
import Registry

struct PackageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "package",
        abstract: "List, yank and delete versions of packages.",
        subcommands: [List.self, Yank.self, Unyank.self, Delete.self])

    /// The package that a command is about.
    struct PackageOptions: ParsableArguments {
        @Option(help: "The path of the project, such as acme/web.") var project: String
        @Option(help: "The format of the package, such as pypi.") var format = "pypi"

        /// - Throws: `CommandError` for a format that there is not.
        func requireFormat() throws -> FormatID {
            guard let format = Formats.find(format) else {
                throw CommandError(Formats.unknown(format))
            }
            return type(of: format).id
        }

        /// A name as packages of the format are called.
        func packageName(_ name: String) -> String {
            format == PyPIFormat.id.name ? PyPIFormat.packageName(name) : name
        }

        /// A version as versions of the format are called.
        func versionName(_ name: String) -> String {
            format == PyPIFormat.id.name ? PyPIFormat.versionName(name) : name
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
            let (path, format) = (package.project, try package.requireFormat())
            let name = name.map(package.packageName)
            try await Console.run(store) { console in
                let versions = try await console.listAll { tx, page in
                    let project = try tx.requireNamespace(path, .project)
                    return try tx.listVersions(
                        VersionFilter(
                            format: format, packageName: name,
                            statuses: Swift.Set(VersionStatus.allCases), order: .name),
                        in: .project(project.id), readableBy: .everything, page: page)
                }
                try output.write(versions.map(PackageVersionRow.init))
            }
        }
    }

    struct Yank: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep installers from choosing a release of a Python project.",
            discussion: """
                Who asks for the very version still gets it, with the reason as a warning. \
                'packhouse package unyank' takes it back.
                """)

        @Argument(help: "The name of the project.") var name: String
        @Argument(help: "The version.") var version: String
        @Option(help: "Why, for those who install it.") var reason: String?
        @OptionGroup var package: PackageOptions
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            guard package.format == PyPIFormat.id.name else {
                throw CommandError("only releases of Python projects can be yanked")
            }
            if let reason, reason.utf8.count > VersionStatus.reasonLimitBytes {
                throw CommandError(
                    "a reason has at most \(VersionStatus.reasonLimitBytes) bytes")
            }
            try await setStatus(.yanked, reason, name, version, package, store, output)
        }
    }

    struct Unyank: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let installers choose a release of a Python project again.")

        @Argument(help: "The name of the project.") var name: String
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
            let (path, format) = (package.project, try package.requireFormat())
            let (name, text) = (package.packageName(name), package.versionName(version))
            try await Console.run(store) { console in
                let version = try await console.change("version.delete") { tx, now in
                    let project = try tx.requireNamespace(path, .project)
                    let version = try tx.requireVersion(text, of: name, format, in: project)
                    try tx.touchPackage(version.package.id, at: now)
                    try tx.checkRemoving(version, role: .owner)
                    guard try tx.moveVersionToTrash(version.id, at: now) else {
                        throw RegistryError(.notFound, "there is no such version")
                    }
                    return (version, project.id, "\(format)/\(name)/\(text)")
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
    let (path, format) = (package.project, try package.requireFormat())
    let (name, text) = (package.packageName(name), package.versionName(version))
    try await Console.run(store) { console in
        let version = try await console.change("version.update") { tx, now in
            let project = try tx.requireNamespace(path, .project)
            let version = try tx.requireVersion(text, of: name, format, in: project)
            try tx.setStatus(of: version, to: status, reason: reason, at: now)
            return (
                try tx.requireVersion(text, of: name, format, in: project), project.id,
                "\(format)/\(name)/\(text)=\(status.rawValue)"
            )
        }
        try output.write(one: PackageVersionRow(version))
    }
}

extension MetadataReading {
    /// - Throws: `notFound` when there is no such version.
    fileprivate func requireVersion(
        _ text: String, of name: String, _ format: FormatID, in project: NamespaceRecord
    ) throws -> VersionRecord {
        let found = try findVersions(
            format: format, package: name, version: text, in: .project(project.id),
            readableBy: .everything, limit: 1)
        guard let version = found.first else {
            throw RegistryError(
                .notFound,
                "the project '\(project.path)' has no version '\(text)' of '\(name)'")
        }
        return version
    }
}

/// A version of a package as commands print it.
struct PackageVersionRow: OutputRow {
    static let headings = ["ID", "NAME", "VERSION", "STATUS", "REASON", "CREATED"]

    let id: Int64
    let name: String
    let version: String
    let status: String
    /// Why it has its status; `nil` where nobody said.
    let reason: String?
    let createdAt: String

    init(_ version: VersionRecord) {
        id = version.id
        name = version.package.name
        self.version = version.name
        status = version.status.rawValue
        reason = VersionStatus.reason(in: version.attributes)
        createdAt = version.createdAt.iso8601
    }

    var cells: [String] { ["\(id)", name, version, status, reason ?? "", createdAt] }
}
