import FormatKit
import NIOCore
import Registry

/// What is kept of a version beside its files: the attributes of an npm version.
struct NPMVersionAttributes: Sendable {
    /// What clients need to install the version: a JSON object without white space around it.
    var install: ArraySlice<UInt8>
    /// Everything else of the manifest: a JSON object without white space around it.
    var manifest: ArraySlice<UInt8>
    /// Files in the tarball.
    var fileCount: Int64
    /// Bytes of the files when they are unpacked.
    var unpackedSize: Int64
    /// Why the version has its status: the reason of a deprecation.
    var reason: String?
    /// What the provenance that came with the version states.
    var predicateType: String?
    /// Whether a readme lies beside the tarball. A version whose tarball was replaced may still have
    /// the file of the one before.
    var hasReadme: Bool

    init(
        install: ArraySlice<UInt8>, manifest: ArraySlice<UInt8>, fileCount: Int64,
        unpackedSize: Int64, reason: String? = nil, predicateType: String? = nil,
        hasReadme: Bool = false
    ) {
        self.install = install
        self.manifest = manifest
        self.fileCount = fileCount
        self.unpackedSize = unpackedSize
        self.reason = reason
        self.predicateType = predicateType
        self.hasReadme = hasReadme
    }

    private static let empty = Array("{}".utf8)[...]

    /// Reads the attributes of a stored version.
    ///
    /// - Throws: `internalError` when they are none of an npm version's.
    init(decoding text: String) throws(RegistryError) {
        self.init(install: Self.empty, manifest: Self.empty, fileCount: 0, unpackedSize: 0)
        var found = self
        do throws(RegistryError) {
            var scanner = JSONScanner(Array(text.utf8))
            try scanner.readObject { (member, scanner) throws(RegistryError) in
                switch member {
                case "install": found.install = try scanner.readText()
                case "manifest": found.manifest = try scanner.readText()
                case "fileCount": found.fileCount = try scanner.readInteger()
                case "unpackedSize": found.unpackedSize = try scanner.readInteger()
                case VersionStatus.reasonMember: found.reason = try scanner.findString()
                case "hasReadme":
                    found.hasReadme = try scanner.readText().elementsEqual("true".utf8)
                case "predicateType": found.predicateType = try scanner.readString()
                default: try scanner.skip()
                }
            }
        } catch {
            throw RegistryError(
                .internalError, "what is stored about a version cannot be read", cause: error)
        }
        self = found
    }

    /// The attributes as a JSON object.
    func encode() -> String {
        var writer = JSONObjectWriter(reservingBytes: install.count + manifest.count + 256)
        writer.write("install", text: install)
        writer.write("manifest", text: manifest)
        writer.write("fileCount", .integer(fileCount))
        writer.write("unpackedSize", .integer(unpackedSize))
        if let reason { writer.write(VersionStatus.reasonMember, .string(reason)) }
        if let predicateType { writer.write("predicateType", .string(predicateType)) }
        if hasReadme { writer.write("hasReadme", true) }
        return String(buffer: writer.finish())
    }
}
