import Foundation

/// Who may import whom: the table of docs/ARCHITECTURE.md as values.
struct ImportFence: Sendable {
    /// A target, its folder and the modules it may import. `*` at the end stands for any ending.
    struct Row: Sendable {
        let target: String
        let folder: String
        let allowed: [String]
    }

    /// What may be imported anywhere.
    static let everywhere = [
        "Foundation", "FoundationEssentials", "Synchronization", "Glibc", "Darwin",
    ]

    static let house = ImportFence(rows: [
        Row(
            target: "Registry", folder: "Sources/Registry",
            allowed: ["HTTPTypes", "NIOCore", "Crypto", "Logging", "CPCRE2"]),
        Row(
            target: "FormatKit", folder: "Sources/Formats/Kit",
            allowed: ["Registry", "HTTPTypes", "NIOCore", "CArchive"]),
        Row(
            target: "GenericFormat", folder: "Sources/Formats/Generic",
            allowed: ["Registry", "FormatKit", "HTTPTypes", "NIOCore"]),
        Row(
            target: "OCIFormat", folder: "Sources/Formats/OCI",
            allowed: ["Registry", "FormatKit", "HTTPTypes", "NIOCore"]),
        Row(
            target: "PyPIFormat", folder: "Sources/Formats/PyPI",
            allowed: ["Registry", "FormatKit", "HTTPTypes", "NIOCore"]),
        Row(
            target: "NPMFormat", folder: "Sources/Formats/NPM",
            allowed: ["Registry", "FormatKit", "HTTPTypes", "NIOCore"]),
        Row(
            target: "BlobStorage", folder: "Sources/Storage/Blobs",
            allowed: ["Registry", "NIO*", "Crypto", "CCrypto", "CFileSync"]),
        Row(
            target: "Database", folder: "Sources/Storage/Database",
            allowed: ["Logging", "GRDB", "GRDBSQLite", "CLibPQ"]),
        Row(
            target: "MetadataStorage", folder: "Sources/Storage/Metadata",
            allowed: ["Registry", "Database"]),
        Row(
            target: "GarbageCollection", folder: "Sources/Storage/GarbageCollection",
            allowed: ["Registry", "Logging", "ServiceLifecycle"]),
        Row(
            target: "GatewayServer", folder: "Sources/Gateway/Server",
            allowed: [
                "Registry", "FormatKit", "HTTPTypes", "Hummingbird*", "NIO*", "Logging", "Metrics",
                "Crypto*", "ServiceLifecycle", "JWTKit",
            ]),
        Row(target: "packhouse", folder: "Sources/Gateway/Command", allowed: ["*"]),
    ])

    let rows: [Row]

    /// What is wrong with the imports of `file`, a line each.
    func findBreaches(in file: SourceFile) -> [String] {
        guard let row = rows.first(where: { file.path.hasPrefix($0.folder + "/") }) else {
            return ["\(file.path): belongs to no target of the table"]
        }
        return Self.imports(of: file).filter { module in
            !(Self.everywhere + row.allowed).contains { Self.matches(module, $0) }
        }.map { "\(file.path): \(row.target) may not import \($0)" }
    }

    /// The modules that a file imports, as its code says.
    static func imports(of file: SourceFile) -> [String] {
        file.code.matches(
            of:
                #/
                ^ \h*
                (?: @\w+ (?: \( [^)]* \) )? \h+ )*
                (?: (?: public | package | internal | fileprivate | private ) \h+ )?
                import \h+
                (?: (?: struct | class | enum | protocol | typealias | func | let | var ) \h+ )?
                (\w+)
                /#.anchorsMatchLineEndings()
        ).map { String($0.output.1) }
    }

    private static func matches(_ module: String, _ pattern: String) -> Bool {
        pattern.hasSuffix("*") ? module.hasPrefix(pattern.dropLast()) : module == pattern
    }
}
