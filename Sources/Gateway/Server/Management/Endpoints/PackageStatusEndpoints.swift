import FormatKit
import HTTPTypes
import Registry

/// The status of a version, whatever its format: what people should think of it.
enum PackageStatusEndpoints {
    static let all = [
        ManagementEndpoint(
            .put, "projects/:id/packages/:package_id", "package.update",
            "Change the status of a package.",
            parameters: [
                NamespaceParameters.id("project"),
                .id("package_id", "The number of the package."),
                .required(
                    "status", .choice(statuses.map(\.rawValue)),
                    "'hidden' leaves it out of lists; 'yanked' keeps installers of Python from "
                        + "choosing it, unless its very version is asked for."),
                .optional(
                    "status_reason", .text(limitCharacters: VersionStatus.reasonLimitBytes),
                    "Why, for those who install it; without one, an older one goes."),
            ],
            success: .one(PackageView.entity.one), failures: [.conflict],
            access: asking(.deletePackages, in: .project), handler: update)
    ]

    private static let statuses: [VersionStatus] = [.default, .hidden, .yanked, .deprecated]

    @Sendable
    private static func update(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let id = try call.arguments.requireInteger("package_id")
        let text = try call.arguments.requireText("status")
        guard let status = VersionStatus(rawValue: text) else {
            throw RegistryError.parameters("status does not have a valid value")
        }
        let reason = call.arguments.findText("status_reason").flatMap { $0.isEmpty ? nil : $0 }
        let authority = call.standing(in: project)
        let body = try await call.change("version.update") { tx in
            let version = try tx.requireVersion(id, of: project, isDeleted: false)
            try tx.packageProtection(of: project.id, for: authority)
                .checkPublishing(version.package.format, version.package.name)
            let format = version.package.format
            guard call.api.formatRules.statuses(of: format).contains(status) else {
                throw RegistryError(
                    .conflict, "a version of the format '\(format)' cannot be '\(text)'")
            }
            try tx.setStatus(of: version, to: status, reason: reason, at: call.now)
            let updated = try tx.requireVersion(id, of: project, isDeleted: false)
            return Change(
                try PackageEndpoints.views(of: [updated], call, tx).first
                    .map(PackageView.entity.json),
                subject: "\(version.subject)=\(status.rawValue)", in: project.id)
        }
        guard let body else { throw RegistryError.missing("Package") }
        return call.answer(body)
    }
}
