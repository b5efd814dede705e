import FormatKit
import NIOCore
import Registry

/// What a version says of itself at length. Kept as a file beside its tarball: most versions of a package
/// have the same, which then lies in the store once, and only that of `latest` is ever shown.
enum NPMReadme {
    /// The longest readme that is kept, in bytes: 64 KiB. The rest is in the tarball.
    static let limitBytes = 65_536
    static let mediaType = "text/markdown"
    /// Stands at the end of one that was longer.
    static let ending = "\n\n(The readme goes on in the package.)\n"
    /// What npm sends where there is none.
    ///
    /// *Source*: npm/cli, `@npmcli/package-json/lib/normalize.js`.
    private static let absent = "ERROR: No README data found!"

    /// What is kept of a readme that was published; `nil` for nothing.
    static func bytes(of text: String?) -> [UInt8]? {
        guard let text, !text.isEmpty, text != absent else { return nil }
        let bytes = Array(text.utf8)
        guard bytes.count > limitBytes else { return bytes }
        var end = limitBytes - ending.utf8.count
        // Not within a character.
        while bytes[end] & 0xC0 == 0x80 { end -= 1 }
        return bytes[..<end] + Array(ending.utf8)
    }
}

extension NPMFormat {
    /// The readme of the version that `latest` names; `nil` where it has none.
    func readReadme(
        of packument: NPMPackument, in scope: any ScopeHandle
    ) async throws(RegistryError) -> String? {
        guard let latest = packument.latest, let file = latest.readme,
            try latest.attributes().hasReadme
        else { return nil }
        do throws(RegistryError) {
            let reader = try await scope.open(file)
            return String(
                buffer: try await reader.read(at: 0, limitBytes: NPMReadme.limitBytes))
        } catch {
            // Nobody shall be kept from installing by a readme that was lost.
            guard error.code == .notFound else { throw error }
            return nil
        }
    }
}
