import Registry

/// Sorts out what arrives in a body: one tarball, which is passed on, and one provenance, which is
/// small and kept.
struct NPMArrival {
    /// The name of the tarball, once it began to arrive.
    private(set) var tarball: String?
    private var bundle: [UInt8]?
    private var isInBundle = false

    /// - Returns: bytes of the tarball.
    /// - Throws: `malformed` for a second tarball, a second provenance, or anything else;
    ///   `bodyTooLarge` for a provenance beyond its limit.
    mutating func take(_ event: NPMBodySplitter.Event) throws(RegistryError) -> [UInt8]? {
        switch event {
        case .begin(let name):
            try begin(name)
            return nil
        case .content(let bytes):
            guard isInBundle else { return bytes }
            bundle?.append(contentsOf: bytes)
            guard (bundle?.count ?? 0) <= NPMProvenance.limitBytes else {
                throw RegistryError.bodyTooLarge(Int64(NPMProvenance.limitBytes))
            }
            return nil
        case .end:
            return nil
        }
    }

    private mutating func begin(_ name: String) throws(RegistryError) {
        if name.hasSuffix(NPMPackageName.bundleSuffix), bundle == nil {
            bundle = []
            isInBundle = true
        } else if name.hasSuffix(NPMPackageName.tarballSuffix), tarball == nil {
            tarball = name
            isInBundle = false
        } else {
            throw RegistryError(
                .malformed,
                "a publish has one tarball and may have one provenance; '\(name)' is neither",
                reason: "attachment_invalid")
        }
    }

    /// The provenance, if one came.
    func readProvenance() throws(RegistryError) -> NPMProvenance? {
        guard let bundle else { return nil }
        return try NPMProvenance(parsing: bundle)
    }
}
