import FormatKit
import HTTPTypes
import Registry

/// Calls about the instance as a whole.
enum InstanceEndpoints {
    static let all: [ManagementEndpoint] = [
        ManagementEndpoint(
            .get, "version", "version.show", "Show the version.",
            success: .one(.inline(versionSchema)), access: access,
            handler: showVersion),
        ManagementEndpoint(
            .get, "metadata", "metadata.show", "Show the version, as GitLab's metadata call does.",
            success: .one(.inline(metadataSchema)), access: access,
            handler: showMetadata),
        ManagementEndpoint(
            .get, "openapi.json", "openapi.show", "Show this document.",
            success: .one(.inline(JSONSchema(json: ["type": "object"]))),
            access: { _ in [] }, handler: showDocument),
    ]

    private static let access: @Sendable (ManagementAddress) -> [AccessRequirement] = { _ in
        [AccessRequirement(.readOwnAccount, on: .instance)]
    }

    private static let versionSchema = JSONSchema.object(
        [("version", .string()), ("revision", .string())], required: ["version", "revision"])

    private static let metadataSchema = JSONSchema.object(
        [("version", .string()), ("revision", .string()), ("enterprise", .boolean)],
        required: ["version", "revision", "enterprise"])

    @Sendable
    private static func showVersion(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        call.answer(["version": .string(call.api.version), "revision": "packhouse"])
    }

    @Sendable
    private static func showMetadata(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        call.answer([
            "version": .string(call.api.version), "revision": "packhouse", "enterprise": false,
        ])
    }

    @Sendable
    private static func showDocument(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        call.answer(OpenAPIDocument.json(version: call.api.version, origin: call.origin))
    }
}
