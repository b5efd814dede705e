import Registry

/// What an import did or, in a dry run, would do.
struct ImportSummary: Sendable, OutputRow {
    static let headings = [
        "REPOSITORIES", "MANIFESTS", "TAGS", "BLOBS LINKED", "BLOBS COPIED", "BLOBS PRESENT",
        "PROBLEMS",
    ]

    /// Files and their bytes.
    struct Amount: Hashable, Sendable, Encodable {
        var count = 0
        var bytes: Int64 = 0

        mutating func add(_ size: Int64) {
            count += 1
            bytes += size
        }

        var description: String { "\(count) (\(ByteCount(bytes)))" }
    }

    let isDryRun: Bool
    var repositoryCount = 0
    /// Manifests that are new here.
    var newManifestCount = 0
    /// Manifests that were here already.
    var presentManifestCount = 0
    /// Tags that are new here.
    var newTagCount = 0
    /// Tags that named something else here.
    var movedTagCount = 0
    /// Tags that named the same here, or are kept.
    var presentTagCount = 0
    /// Manifests and blobs that became second names of the source's files.
    var linked = Amount()
    var copied = Amount()
    /// Blobs that new manifests name and that were stored already.
    var present = Amount()
    /// What is wanted and did not come over.
    var problems: [ImportProblem] = []

    init(isDryRun: Bool) {
        self.isDryRun = isDryRun
    }

    var cells: [String] {
        [
            "\(repositoryCount)",
            "\(newManifestCount) new, \(presentManifestCount) present",
            "\(newTagCount) new, \(movedTagCount) moved, \(presentTagCount) present",
            linked.description, copied.description, present.description, "\(problems.count)",
        ]
    }

    mutating func add(_ method: ImportedBytes, _ size: Int64) {
        switch method {
        case .linked: linked.add(size)
        case .copied: copied.add(size)
        }
    }
}

/// How bytes came over.
enum ImportedBytes: Hashable, Sendable {
    case linked
    case copied
}

/// Bytes in the unit that fits.
struct ByteCount: CustomStringConvertible {
    private let bytes: Int64

    init(_ bytes: Int64) {
        self.bytes = bytes
    }

    /// `831 B`, `4.2 MiB`.
    var description: String {
        var (value, unit) = (Double(bytes), 0)
        while value >= Self.step, unit < Self.units.count - 1 {
            value /= Self.step
            unit += 1
        }
        return unit == 0 ? "\(bytes) B" : "\(Self.oneDigit(value)) \(Self.units[unit])"
    }

    private static let step = 1024.0
    private static let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]

    private static func oneDigit(_ value: Double) -> String {
        let tenths = Int64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
