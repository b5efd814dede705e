/// The rules of roles, visibility and token scopes.
///
/// *Source*: GitLab, "Roles and permissions", "Deploy tokens", "CI/CD job token".
public struct StandardAccessPolicy: AccessPolicy {
    public init() {}

    public func decide(_ question: AccessQuestion) -> AccessDecision {
        if question.action == .presentCredential { return decideIdentity(question) }
        return switch question.principal {
        case .anonymous: decideAnonymous(question)
        case .user(let user): decideUser(user, question)
        case .deployToken(let token): decideDeployToken(token, question)
        case .job(let job): decideJob(job, question)
        case .console: .allow
        // It never comes with a request.
        case .server: .refuse("the server itself asks for nothing")
        }
    }

    /// Anybody who says who he is may go on, and so may anonymous with a token that says so.
    private func decideIdentity(_ question: AccessQuestion) -> AccessDecision {
        question.principal == .anonymous && !question.hasSignedToken ? .challenge : .allow
    }

    private func decideAnonymous(_ question: AccessQuestion) -> AccessDecision {
        if let namespace = question.namespace, question.action.isReadByVisibility,
            namespace.effectiveVisibility == .public
        {
            return .allow
        }
        // The instance as a whole is a union: what anonymous may read of it is decided per project.
        if question.namespace == nil, question.action == .readPackages { return .allow }
        return .challenge
    }

    private func decideUser(_ user: UserPrincipal, _ question: AccessQuestion) -> AccessDecision {
        let allowed = decideUserRole(user, question)
        guard allowed == .allow, let scopes = user.scopes,
            let missing = missingScope(scopes, question)
        else { return allowed }
        return .refuse(
            "the token lacks the scope '\(missing.rawValue)' that is needed to "
                + question.action.phrase)
    }

    private func decideUserRole(
        _ user: UserPrincipal, _ question: AccessQuestion
    ) -> AccessDecision {
        if user.isAdmin { return .allow }
        guard let namespace = question.namespace else {
            switch question.action {
            case .readOwnAccount, .useOwnAccount, .readPackages, .readNamespace: return .allow
            default: return .refuse("only an administrator may \(question.action.phrase)")
            }
        }
        return decideRole(question.role, namespace, question.action)
    }

    private func decideDeployToken(
        _ token: DeployTokenPrincipal, _ question: AccessQuestion
    ) -> AccessDecision {
        guard let namespace = question.namespace else {
            guard question.action == .readPackages else {
                return .refuse("a deploy token may not \(question.action.phrase)")
            }
            guard let missing = missingScope(token.scopes, question) else { return .allow }
            return .refuse("the deploy token lacks the scope '\(missing.rawValue)'")
        }
        guard namespace.id == token.namespaceID || namespace.lineage.contains(token.namespaceID)
        else {
            return question.action.isReadByVisibility && namespace.effectiveVisibility == .public
                ? .allow : .conceal
        }
        switch question.action {
        case .readNamespace:
            return .allow
        case .readPackages, .publishPackages:
            guard let missing = missingScope(token.scopes, question) else { return .allow }
            if question.action == .readPackages, namespace.effectiveVisibility == .public {
                return .allow
            }
            return .refuse("the deploy token lacks the scope '\(missing.rawValue)'")
        default:
            return .refuse("a deploy token may not \(question.action.phrase)")
        }
    }

    private func decideJob(_ job: JobPrincipal, _ question: AccessQuestion) -> AccessDecision {
        guard let namespace = question.namespace else {
            return question.action == .readPackages
                ? .allow : .refuse("a job token may not \(question.action.phrase)")
        }
        let decision = decideRole(question.role, namespace, question.action)
        guard decision == .allow else { return decision }
        switch question.action {
        case .readPackages, .readNamespace:
            return .allow
        case .publishPackages, .deletePackages:
            guard namespace.id == job.projectID else {
                return .refuse(
                    "a job token may \(question.action.phrase) only in the project of its job")
            }
            return .allow
        default:
            return .refuse("a job token may not \(question.action.phrase)")
        }
    }

    /// What `role` may do in `namespace`, token scopes aside.
    private func decideRole(
        _ role: Role?, _ namespace: NamespaceRecord, _ action: AccessAction
    ) -> AccessDecision {
        if let role, let required = action.requiredRole, role >= required { return .allow }
        let isVisible = role != nil || namespace.effectiveVisibility > .private
        if action.isReadByVisibility, namespace.effectiveVisibility > .private { return .allow }
        guard isVisible else { return .conceal }
        return .refuse(
            "you need at least the role '\(action.requiredRole?.name ?? "administrator")' in "
                + "'\(namespace.path)' to \(action.phrase)"
                + (role.map { "; your role there is '\($0.name)'" } ?? ""))
    }

    /// The scope that a token would need and lacks, or `nil` when it has what is needed.
    private func missingScope(
        _ scopes: Set<TokenScope>, _ question: AccessQuestion
    ) -> TokenScope? {
        if scopes.contains(.api) { return nil }
        if question.action.isRead, scopes.contains(.readAPI) { return nil }
        switch (question.family, question.action) {
        case (.containerRegistry, .readPackages):
            return scopes.contains(.readRegistry) ? nil : .readRegistry
        case (.containerRegistry, .publishPackages), (.containerRegistry, .deletePackages):
            return scopes.contains(.writeRegistry) ? nil : .writeRegistry
        case (.packageRegistry, .readPackages):
            return scopes.contains(.readPackageRegistry) ? nil : .readPackageRegistry
        case (.packageRegistry, .publishPackages), (.packageRegistry, .deletePackages):
            return scopes.contains(.writePackageRegistry) ? nil : .writePackageRegistry
        case (_, .readOwnAccount):
            return scopes.contains(.readUser) ? nil : .readUser
        default:
            return question.action.isRead ? .readAPI : .api
        }
    }
}

extension AccessAction {
    /// Whether the visibility of a namespace can grant it without any role.
    fileprivate var isReadByVisibility: Bool {
        switch self {
        case .readPackages, .readNamespace, .readMembers: true
        default: false
        }
    }
}
