public import ArgumentParser
public import Registry

extension KeepingPeriod: ExpressibleByArgument {
    public init?(argument: String) {
        guard let period = try? KeepingPeriod(parsing: argument) else { return nil }
        self = period
    }

    public var defaultValueDescription: String { description }
}

/// A period that a command sets, or takes away.
enum PeriodChange: ExpressibleByArgument {
    case inherit
    case set(KeepingPeriod)

    init?(argument: String) {
        if argument == "inherit" {
            self = .inherit
        } else if let period = KeepingPeriod(argument: argument) {
            self = .set(period)
        } else {
            return nil
        }
    }

    /// What is set afterwards.
    var period: KeepingPeriod? {
        switch self {
        case .inherit: nil
        case .set(let period): period
        }
    }
}

/// A flag of a group or project that a command sets, or takes away.
enum FlagChange: String, ExpressibleByArgument, CaseIterable {
    case yes
    case no
    case inherit

    /// What is set afterwards.
    var flag: Bool? {
        switch self {
        case .yes: true
        case .no: false
        case .inherit: nil
        }
    }
}

/// What can be set on groups and projects, when they are made and later.
struct NamespaceSettingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How long what was deleted can be restored: 7d, 12h, 0, never, or inherit.",
            valueName: "period"))
    var trashPeriod: PeriodChange?
    @Option(
        help: ArgumentHelp(
            "How long an image is kept that no tag names: 7d, 12h, 0, never, or inherit.",
            valueName: "period"))
    var untaggedPeriod: PeriodChange?
    @Option(help: "Whether the name of a deleted version stays taken while it can be restored.")
    var reserveDeletedNames: FlagChange?
    @Option(help: "Whether no published name is given other bytes, and only an owner deletes.")
    var writeOnce: FlagChange?

    /// `settings` with what the options change.
    func applied(to settings: NamespaceSettings) -> NamespaceSettings {
        var settings = settings
        if let trashPeriod { settings.trashPeriod = trashPeriod.period }
        if let untaggedPeriod { settings.untaggedPeriod = untaggedPeriod.period }
        if let reserveDeletedNames { settings.reservesDeletedNames = reserveDeletedNames.flag }
        if let writeOnce { settings.isWriteOnce = writeOnce.flag }
        return settings
    }
}

/// The settings of a group or project as commands print them: what counts in it now.
struct NamespaceSettingsRow: OutputRow {
    static let headings = [
        "PATH", "TRASH PERIOD", "UNTAGGED PERIOD", "DELETED NAMES RESERVED", "WRITE ONCE",
    ]

    let path: String
    let trashPeriod: String
    let untaggedPeriod: String
    let deletedNamesReserved: Bool
    let writeOnce: Bool

    init(_ namespace: NamespaceRecord, _ defaults: CollectionPeriods) {
        let settings = namespace.effectiveSettings
        let periods = defaults.completed(by: settings)
        path = namespace.path.description
        trashPeriod = periods.trash.description
        untaggedPeriod = periods.untagged.description
        deletedNamesReserved = settings.reservesDeletedNames ?? true
        writeOnce = settings.isWriteOnce ?? false
    }

    var cells: [String] {
        [
            path, trashPeriod, untaggedPeriod, deletedNamesReserved ? "yes" : "no",
            writeOnce ? "yes" : "no",
        ]
    }
}

extension NamespaceChanges {
    /// Changes settings of a group or project; without options, shows them.
    static func set(
        _ kind: NamespaceKind, _ path: String, _ options: NamespaceSettingOptions,
        _ console: Console
    ) async throws -> NamespaceSettingsRow {
        let read: @Sendable (any MetadataReading) throws -> NamespaceRecord = { tx in
            try tx.requireNamespace(path, kind)
        }
        let known = try await console.metadata.read { tx in
            (record: try read(tx), periods: tx.defaultPeriods)
        }
        guard options.applied(to: known.record.settings) != known.record.settings else {
            return NamespaceSettingsRow(known.record, known.periods)
        }
        let changed = try await console.change("\(kind.rawValue).update") { tx, _ in
            let current = try read(tx)
            let changed = try tx.updateNamespace(
                current.id,
                NamespaceChange(settings: options.applied(to: current.settings)))
            return (changed, changed.id, "\(kind.rawValue):\(changed.id)")
        }
        return NamespaceSettingsRow(changed, known.periods)
    }
}
