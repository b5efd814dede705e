import Foundation

extension MetadataWriting {
    /// Gives a version a status, and says why; a reason of `nil` takes an older one away.
    ///
    /// - Throws: `internalError` when what is stored about the version is no JSON object.
    public func setStatus(
        of version: VersionRecord, to status: VersionStatus, reason: String?, at now: Timestamp
    ) throws {
        try touchPackage(version.package.id, at: now)
        try updateVersion(
            version.id, status: status,
            attributes: try VersionStatus.attributes(version.attributes, withReason: reason))
    }
}

extension VersionStatus {
    /// The longest reason of a status, in bytes.
    public static let reasonLimitBytes = 1024

    /// The attributes of a version with another reason, and everything else as it was.
    static func attributes(
        _ text: String, withReason reason: String?
    ) throws(RegistryError) -> String {
        do {
            let value = try JSONSerialization.jsonObject(with: Data(text.utf8))
            guard var members = value as? [String: Any] else {
                throw RegistryError(
                    .internalError, "what is stored about a version is no object")
            }
            members[reasonMember] = reason
            let data = try JSONSerialization.data(
                withJSONObject: members, options: [.sortedKeys, .withoutEscapingSlashes])
            return String(decoding: data, as: UTF8.self)
        } catch {
            throw RegistryError.wrapping(error)
        }
    }

    /// The reason among the attributes of a version.
    public static func reason(in attributes: String) -> String? {
        let value = try? JSONSerialization.jsonObject(with: Data(attributes.utf8))
        return (value as? [String: Any])?[reasonMember] as? String
    }
}
