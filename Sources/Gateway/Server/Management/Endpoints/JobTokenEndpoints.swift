import FormatKit
import HTTPTypes
import Registry

/// Calls by which a CI server gets tokens for its jobs and ends them.
enum JobTokenEndpoints {
    static let all: [ManagementEndpoint] = [
        ManagementEndpoint(
            .post, "projects/:id/job_tokens", "job_token.create",
            "Create a token for a CI job of the project.",
            parameters: [
                project,
                .required("job_id", .integer(1...Int64.max), "The CI server's number of the job."),
                .optional(
                    "pipeline_id", .integer(1...Int64.max),
                    "The CI server's number of the pipeline."),
                .optional(
                    "ref", .text(limitCharacters: ManagementLimits.refCharacters),
                    "The branch or tag that is built."),
                .optional(
                    "sha", .text(limitCharacters: ManagementLimits.shaCharacters),
                    "The commit that is built."),
                .optional(
                    "user_id", .integer(1...Int64.max),
                    "The user who started the job, at least a developer of the project; the "
                        + "caller if absent. Only an administrator may name somebody else."),
                .optional(
                    "lifetime_seconds", .integer(1...ManagementLimits.jobTokenLifetimeSeconds),
                    "Seconds until it ends: an hour if absent."),
            ],
            success: .one(TokenView.newJob.one, status: .created), access: access,
            handler: create),
        ManagementEndpoint(
            .get, "projects/:id/job_tokens", "job_token.list", "List the job tokens.",
            parameters: [
                project,
                .optional("active", .boolean, "Whether to list only tokens that can be used."),
            ] + .paging,
            success: .page(TokenView.job.many), access: access, handler: list),
        ManagementEndpoint(
            .delete, "projects/:id/job_tokens/:token_id", "job_token.delete",
            "Revoke a job token.",
            parameters: [project, .id("token_id", "The number of the token.")],
            success: .noContent, access: access, handler: revoke),
    ]

    private static let project = NamespaceParameters.id("project")

    private static let access = asking(.manageTokens, in: .project)

    @Sendable
    private static func create(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let caller = try call.requireUser()
        let userID = call.arguments.findInteger("user_id") ?? caller.id
        // The job will read what its user may read: nobody lends himself the eyes of another.
        guard caller.isAdmin || userID == caller.id else {
            throw RegistryError(
                .forbidden, "only an administrator may create a job token for another user")
        }
        let jobID = try call.arguments.requireInteger("job_id")
        let lifetimeSeconds =
            call.arguments.findInteger("lifetime_seconds")
            ?? ManagementLimits.jobTokenDefaultLifetimeSeconds
        let secret = SecretToken.generate(.job)
        let draft = TokenDraft(
            kind: .job, name: "job \(jobID)", userID: userID, namespaceID: project.id,
            jobID: jobID,
            build: BuildRecord(
                pipelineID: call.arguments.findInteger("pipeline_id"),
                ref: call.arguments.findText("ref"), sha: call.arguments.findText("sha")),
            expiresAt: call.now.advanced(bySeconds: lifetimeSeconds),
            secretHash: SecretToken.hash(secret))
        let token = try await call.change("token.create") { tx in
            guard let user = try tx.findUser(userID), user.state == .active,
                let role = try tx.findRole(userID: userID, in: project, at: call.now),
                role >= .developer
            else {
                throw RegistryError.invalid(
                    "user_id", "is not at least a developer of the project")
            }
            let token = try tx.insertToken(draft, at: call.now)
            return Change(
                token, subject: "job_token:\(token.id) of user:\(user.username)", in: project.id)
        }
        return call.answer(
            TokenView.newJob.json(call.view(of: token, secret: secret)), status: .created)
    }

    @Sendable
    private static func list(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        return try await call.answer(
            listing: TokenFilter(
                kind: .job, namespaceID: project.id,
                activeAt: call.arguments.findFlag("active") == true ? call.now : nil),
            as: TokenView.job)
    }

    @Sendable
    private static func revoke(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let id = try call.arguments.requireInteger("token_id")
        try await call.change("token.revoke") { tx in
            let token = try tx.requireToken(id, .job, of: project, named: "Job Token")
            let happened = try tx.revokeToken(token.id, at: call.now)
            return Change(
                (), subject: "job_token:\(token.id)", in: project.id, happened: happened)
        }
        return call.noContent
    }
}
