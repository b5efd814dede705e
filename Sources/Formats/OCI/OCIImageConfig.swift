import FormatKit
import Registry

/// What the configuration of an image says that lists show.
///
/// *Source*: OCI image specification, "Image Configuration".
struct OCIImageConfig: Hashable {
    /// The largest configuration that is read, in bytes.
    static let limitBytes = 1 << 20

    var platform: OCIPlatform
    var created: String?

    /// Reads a configuration; `nil` for what cannot be read, which says nothing and harms nobody.
    init?(parsing bytes: [UInt8]) {
        var scanner = JSONScanner(bytes)
        var platform = OCIPlatform(os: "", architecture: "")
        var created: String?
        do throws(RegistryError) {
            try scanner.readObject { (name, scanner) throws(RegistryError) in
                guard try !scanner.skipNull() else { return }
                switch name {
                case "os": platform.os = try scanner.readString()
                case "architecture": platform.architecture = try scanner.readString()
                case "variant": platform.variant = try scanner.readString()
                case "created": created = try scanner.readString()
                default: try scanner.skip()
                }
            }
            try scanner.finish()
        } catch {
            return nil
        }
        self.platform = platform
        self.created = created
    }
}

extension ImageAttributes {
    /// Adds what the configuration says about the image of this digest.
    mutating func note(_ config: OCIImageConfig, _ digest: Digest) {
        created = config.created
        guard !config.platform.os.isEmpty || !config.platform.architecture.isEmpty else { return }
        platforms = [
            Platform(
                os: config.platform.os, architecture: config.platform.architecture,
                variant: config.platform.variant, digest: digest.description)
        ]
    }
}
