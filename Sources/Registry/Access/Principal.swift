/// Who makes a request, after the credential was checked and before anything was decided.
public enum Principal: Hashable, Sendable {
    case anonymous
    case user(UserPrincipal)
    case deployToken(DeployTokenPrincipal)
    case job(JobPrincipal)
    /// Whoever runs a command on the server itself, and so holds the database anyway.
    case console
    /// The server itself, where it does what a policy asks for.
    case server

    /// The user behind the credential: the owner of a personal token, the user who started a job.
    public var userID: Int64? {
        switch self {
        case .user(let user): user.id
        case .job(let job): job.userID
        case .anonymous, .deployToken, .console, .server: nil
        }
    }

    /// Names the principal in logs and audit events: `user:root`, `deploy_token:7`, `job:42`,
    /// `cli`, `server`.
    public var label: String {
        switch self {
        case .anonymous: "anonymous"
        case .user(let user): "user:\(user.username)"
        case .deployToken(let token): "deploy_token:\(token.id)"
        case .job(let job): "job:\(job.jobID)"
        case .console: "cli"
        case .server: "server"
        }
    }
}

/// A user, by password or by personal access token.
public struct UserPrincipal: Hashable, Sendable {
    public let id: Int64
    public let username: String
    public let isAdmin: Bool
    /// What the token may be used for; `nil` for a password, which may be used for everything.
    public let scopes: Set<TokenScope>?
    /// The personal access token that was presented; `nil` for a password.
    public let tokenID: Int64?

    public init(
        id: Int64, username: String, isAdmin: Bool, scopes: Set<TokenScope>?,
        tokenID: Int64? = nil
    ) {
        self.id = id
        self.username = username
        self.isAdmin = isAdmin
        self.scopes = scopes
        self.tokenID = tokenID
    }
}

/// A deploy token, which acts inside its project or group only.
public struct DeployTokenPrincipal: Hashable, Sendable {
    /// The token's id.
    public let id: Int64
    public let username: String
    /// The project or group that it belongs to.
    public let namespaceID: Int64
    public let scopes: Set<TokenScope>

    public init(id: Int64, username: String, namespaceID: Int64, scopes: Set<TokenScope>) {
        self.id = id
        self.username = username
        self.namespaceID = namespaceID
        self.scopes = scopes
    }
}

/// A CI job, which publishes to its own project and reads what its user may read.
public struct JobPrincipal: Hashable, Sendable {
    /// The token's id.
    public let id: Int64
    public let jobID: Int64
    public let projectID: Int64
    public let userID: Int64
    public let username: String
    public let build: BuildRecord

    public init(
        id: Int64, jobID: Int64, projectID: Int64, userID: Int64, username: String,
        build: BuildRecord
    ) {
        self.id = id
        self.jobID = jobID
        self.projectID = projectID
        self.userID = userID
        self.username = username
        self.build = build
    }
}

/// Where a version came from, as the CI server said when it asked for the job's token.
public struct BuildRecord: Hashable, Sendable, Codable {
    public var pipelineID: Int64?
    public var ref: String?
    public var sha: String?

    public init(pipelineID: Int64? = nil, ref: String? = nil, sha: String? = nil) {
        self.pipelineID = pipelineID
        self.ref = ref
        self.sha = sha
    }
}
