import FormatKit
import HTTPTypes
import NIOCore
import Registry

extension NPMFormat {
    /// Makes a dist-tag name a version.
    func setTag(
        _ tag: String, of name: NPMPackageName, body: consuming RequestBody,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let bytes = try await body.collect(limitBytes: Self.smallBodyLimitBytes)
        var scanner = JSONScanner(Array(bytes.readableBytesView))
        let version = try scanner.readString()
        try scanner.finish()
        let package = try await scope.change(
            name.description, format: Self.id, expecting: nil, [.setTag(tag, version: version)])
        guard let package else { throw Self.noSuchPackage(name) }
        return Self.done(name, package, status: .created)
    }

    /// Removes a dist-tag; the version that it named stays.
    func removeTag(
        _ tag: String, of name: NPMPackageName, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        guard tag != NPMTag.latest else {
            throw RegistryError(
                .malformed,
                "every package has the dist-tag 'latest': set it to another version instead",
                reason: "tag_required")
        }
        let package = try await scope.change(
            name.description, format: Self.id, expecting: nil, [.removeTag(tag)])
        guard let package else { throw Self.noSuchPackage(name) }
        return Self.done(name, package)
    }
}
