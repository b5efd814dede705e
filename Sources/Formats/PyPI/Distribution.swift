import FormatKit
import Registry

/// A file that was stored, with what it says about itself.
struct Distribution: Sendable {
    let filename: DistributionFilename
    let name: PyPIName
    let version: PythonVersion
    /// The metadata as it is in the file.
    let metadataBytes: [UInt8]
    let metadata: CoreMetadata

    /// Looks into the stored file, and makes sure that it, its name and the form agree.
    ///
    /// - Throws: `malformed` with what does not fit.
    init(
        reading blob: any BlobReader, _ filename: DistributionFilename, _ form: UploadForm
    ) async throws(RegistryError) {
        metadataBytes = try await Self.readMetadata(blob, filename)
        metadata = CoreMetadata(parsing: metadataBytes)
        let source = filename.kind == .wheel ? "METADATA" : "PKG-INFO"
        guard metadata["metadata-version"] != nil, let name = metadata["name"],
            let version = metadata["version"]
        else {
            throw RegistryError(
                .malformed,
                "the file's \(source) does not say Metadata-Version, Name and Version",
                reason: "metadata_invalid")
        }
        self.filename = filename
        self.name = try PyPIName(parsing: name)
        self.version = try PythonVersion(parsing: version)
        if let said = form["name"] {
            let said = try PyPIName(parsing: said)
            guard said.normalized == self.name.normalized else {
                throw Self.mismatch("name", said.description, source, name)
            }
        }
        if let said = form["version"] {
            guard try PythonVersion(parsing: said) == self.version else {
                throw Self.mismatch("version", said, source, version)
            }
        }
        try filename.check(filetype: form["filetype"])
        try filename.check(self.name, self.version)
    }

    private static func mismatch(
        _ field: String, _ said: String, _ source: String, _ actual: String
    ) -> RegistryError {
        RegistryError(
            .malformed,
            "the form says the \(field) is '\(said.prefix(100))', and the file's \(source) says it "
                + "is '\(actual.prefix(100))'",
            reason: "metadata_mismatch")
    }

    private static func readMetadata(
        _ blob: any BlobReader, _ filename: DistributionFilename
    ) async throws(RegistryError) -> [UInt8] {
        let isWheel = filename.kind == .wheel
        let contents = try await Archive(blob, kind: filename.archiveKind).read { name in
            let segments = name.split(separator: "/")
            guard segments.count == 2 else { return false }
            return isWheel
                ? segments[0].hasSuffix(".dist-info") && segments[1] == "METADATA"
                : segments[1] == "PKG-INFO"
        }
        let wanted = isWheel ? "name-version.dist-info/METADATA" : "name-version/PKG-INFO"
        guard let file = contents.files.first, contents.files.count == 1 else {
            throw RegistryError(
                .malformed,
                contents.files.isEmpty
                    ? "the file is no \(isWheel ? "wheel" : "source distribution"): it has no "
                        + "\(wanted)"
                    : "the file has more than one \(wanted)",
                reason: "metadata_missing")
        }
        let folder = file.name.prefix { $0 != "/" }
        if isWheel {
            // name-version.dist-info, as the file's own name has them.
            let inside = folder.dropLast(".dist-info".count).utf8
            guard PyPIName.normalize(inside) == PyPIName.normalize(filename.stem.utf8) else {
                throw RegistryError(
                    .malformed,
                    "the wheel has its metadata in '\(folder.prefix(200))', and not in "
                        + "'\(filename.stem).dist-info'",
                    reason: "metadata_misplaced")
            }
        }
        return file.bytes
    }
}
