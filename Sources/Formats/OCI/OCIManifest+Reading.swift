import FormatKit
public import Registry

extension OCIManifest {
    /// Reads a manifest that a client sends with this `Content-Type`.
    ///
    /// The type is the one that the manifest has in itself; the header decides where it has none, as
    /// older clients send them, and contradicts it nowhere. Parameters of the header mean nothing.
    ///
    /// - Throws: `malformed` with reason `manifest_invalid`, saying what is wrong.
    public init(parsing bytes: [UInt8], contentType: String?) throws(RegistryError) {
        let members: Members
        do throws(RegistryError) {
            members = try Members(parsing: bytes)
        } catch {
            throw Self.invalid(because: error)
        }
        let mediaType = try Self.mediaType(of: members, contentType)
        let kind: Kind
        switch mediaType {
        case OCIMediaType.manifest, OCIMediaType.dockerManifest: kind = .image
        case OCIMediaType.index, OCIMediaType.dockerManifestList: kind = .index
        case OCIMediaType.dockerSchema1, OCIMediaType.dockerSchema1Signed:
            throw Self.schema1
        default: kind = .other
        }
        if members.schemaVersion == 1, kind != .other || members.hasSchema1Layers {
            throw Self.schema1
        }
        if kind != .other, let failure = members.failure {
            throw Self.invalid(because: failure)
        }
        try members.check(as: kind)
        self.init(
            kind: kind, mediaType: mediaType, config: members.config, layers: members.layers,
            blobs: members.blobs, children: members.manifests, subject: members.subject,
            declaredArtifactType: members.artifactType.flatMap { $0.isEmpty ? nil : $0 },
            annotations: members.annotations, size: Int64(bytes.count))
        if kind != .other { try checkSizes() }
    }

    private static let schema1 = RegistryError.manifestInvalid(
        "this is a manifest of docker's schema 1, which is not taken: push it with a client that "
            + "writes schema 2 or OCI manifests, which all do since 2016")

    private static func invalid(because failure: RegistryError) -> RegistryError {
        .manifestInvalid("the manifest is not valid: \(failure.message)")
    }

    private static func mediaType(
        of members: Members, _ contentType: String?
    ) throws(RegistryError) -> String {
        let essence = OCIMediaType.essence(contentType ?? "")
        if let own = members.mediaType, !own.isEmpty {
            guard MediaType.stored(from: own) != nil else {
                throw RegistryError.manifestInvalid("the manifest's mediaType is not one")
            }
            guard OCIMediaType.isVague(essence) || essence.lowercased() == own.lowercased() else {
                throw RegistryError.manifestInvalid(
                    "Content-Type says '\(essence)', and the manifest itself '\(own)'")
            }
            return own
        }
        guard OCIMediaType.isVague(essence) else {
            guard MediaType.stored(from: essence) != nil else {
                throw RegistryError.manifestInvalid("Content-Type is not a media type")
            }
            return essence
        }
        if members.hasManifests, members.config == nil { return OCIMediaType.index }
        if members.config != nil { return OCIMediaType.manifest }
        if members.schemaVersion == 1 { throw schema1 }
        throw RegistryError.manifestInvalid(
            "say in Content-Type, or in the manifest's mediaType, what kind of manifest it is")
    }

    /// One digest has one size.
    private func checkSizes() throws(RegistryError) {
        var sizes: [Digest: Int64] = [:]
        for descriptor in [config].compactMap(\.self) + layers + blobs + children {
            guard
                sizes.updateValue(descriptor.size, forKey: descriptor.digest)
                    .map({ $0 == descriptor.size }) ?? true
            else {
                throw RegistryError.manifestInvalid(
                    "the manifest gives two sizes to \(descriptor.digest)")
            }
        }
    }
}

/// The members of a manifest, whatever its type.
private struct Members {
    var schemaVersion: Int64?
    var mediaType: String?
    var artifactType: String?
    var config: OCIDescriptor?
    var layers: [OCIDescriptor] = []
    var blobs: [OCIDescriptor] = []
    var manifests: [OCIDescriptor] = []
    var hasManifests = false
    var hasSchema1Layers = false
    var subject: OCIDescriptor?
    var annotations: [String: String] = [:]

    /// The first thing that is wrong with a member, which matters where its meaning is known.
    var failure: RegistryError?

    /// - Throws: `malformed` for bytes that are no JSON object.
    init(parsing bytes: [UInt8]) throws(RegistryError) {
        var scanner = JSONScanner(bytes)
        var members = self
        var names = MemberNames()
        try scanner.readObject { (name, scanner) throws(RegistryError) in
            guard try !scanner.skipNull() else { return }
            var attempt = scanner
            do throws(RegistryError) {
                try names.note(name)
                try members.read(name, &attempt)
                scanner = attempt
            } catch {
                members.failure = members.failure ?? error
                try scanner.skip()
            }
        }
        try scanner.finish()
        self = members
    }

    private mutating func read(
        _ name: String, _ scanner: inout JSONScanner
    ) throws(RegistryError) {
        switch name {
        case "schemaVersion": schemaVersion = try scanner.readInteger()
        case "mediaType": mediaType = try scanner.readString()
        case "artifactType": artifactType = try scanner.readString()
        case "config": config = try OCIDescriptor(scanning: &scanner)
        case "layers": layers = try scanner.readDescriptors()
        case "blobs": blobs = try scanner.readDescriptors()
        case "manifests":
            manifests = try scanner.readDescriptors()
            hasManifests = true
        case "subject": subject = try OCIDescriptor(scanning: &scanner)
        case "annotations": annotations = try scanner.readAnnotations()
        case "fsLayers":
            hasSchema1Layers = true
            try scanner.skip()
        default: try scanner.skip()
        }
    }

    /// What a kind of manifest has to have, and what would make it another to some readers.
    ///
    /// *Source*: CVE-2021-41190: a manifest that is an index as well means different things to
    /// different clients.
    func check(as kind: OCIManifest.Kind) throws(RegistryError) {
        guard kind != .other else { return }
        guard schemaVersion == 2 else {
            throw RegistryError.manifestInvalid("the manifest's schemaVersion is not 2")
        }
        switch kind {
        case .image:
            guard config != nil else {
                throw RegistryError.manifestInvalid("an image manifest needs a config")
            }
            guard manifests.isEmpty else {
                throw RegistryError.manifestInvalid("an image manifest has no manifests")
            }
        case .index:
            guard config == nil, layers.isEmpty else {
                throw RegistryError.manifestInvalid("an index has neither config nor layers")
            }
        case .other: break
        }
    }
}
