import Registry
import Testing

/// What follows from the rules, said another way than the rules are written.
@Suite struct AccessPolicyTests {
    private let policy = StandardAccessPolicy()

    private static func namespace(
        _ visibility: Visibility, id: Int64 = 10, kind: NamespaceKind = .project
    ) throws -> NamespaceRecord {
        NamespaceRecord(
            id: id, kind: kind, path: try NamespacePath(parsing: "acme/web"), parentID: 1,
            lineage: [1], name: "web", summary: "", visibility: visibility,
            effectiveVisibility: visibility, settings: NamespaceSettings(),
            effectiveSettings: NamespaceSettings(), creatorID: nil,
            createdAt: Timestamp(seconds: 0))
    }

    private func decide(
        _ principal: Principal, _ action: AccessAction, _ namespace: NamespaceRecord?,
        role: Role? = nil, family: ScopeFamily? = .packageRegistry
    ) -> AccessDecision {
        policy.decide(
            AccessQuestion(
                principal: principal, action: action, namespace: namespace, role: role,
                family: family))
    }

    private static func user(
        admin: Bool = false, scopes: Set<TokenScope>? = nil
    ) -> Principal {
        .user(UserPrincipal(id: 5, username: "u", isAdmin: admin, scopes: scopes))
    }

    private static func deployToken(
        in namespaceID: Int64, _ scopes: Set<TokenScope>
    ) -> Principal {
        .deployToken(
            DeployTokenPrincipal(id: 3, username: "d", namespaceID: namespaceID, scopes: scopes))
    }

    private static func job(project: Int64) -> Principal {
        .job(
            JobPrincipal(
                id: 4, jobID: 9, projectID: project, userID: 5, username: "u",
                build: BuildRecord()))
    }

    @Test(arguments: AccessAction.allCases)
    func anonymousReadsOnlyWhatIsPublic(action: AccessAction) throws {
        let reads: Set<AccessAction> = [.readPackages, .readNamespace, .readMembers]
        for visibility in Visibility.allCases {
            let decision = decide(.anonymous, action, try Self.namespace(visibility))
            let isAllowed = visibility == .public && reads.contains(action)
            #expect(decision == (isAllowed ? .allow : .challenge), "\(visibility)")
        }
    }

    @Test(arguments: Role.allCases)
    func aRoleGivesWhatItIsFor(role: Role) throws {
        let needed: [(AccessAction, Role)] = [
            (.readNamespace, .guest), (.readPackages, .reporter), (.publishPackages, .developer),
            (.createProject, .developer), (.deletePackages, .maintainer),
            (.changeSettings, .maintainer), (.manageTokens, .maintainer),
            (.removeNamespace, .owner),
        ]
        for (action, minimum) in needed {
            let decision = decide(Self.user(), action, try Self.namespace(.private), role: role)
            #expect((decision == .allow) == (role >= minimum), "\(action)")
            if role < minimum {
                guard case .refuse(let why) = decision else {
                    Issue.record("a member who lacks a role is told so: \(action) \(decision)")
                    continue
                }
                #expect(why.contains(minimum.name) && why.contains(role.name))
            }
        }
    }

    @Test func aStrangerMayNotKnowOfAPrivateProject() throws {
        for action in AccessAction.allCases where action.requiredRole != nil {
            #expect(decide(Self.user(), action, try Self.namespace(.private)) == .conceal)
        }
        #expect(decide(Self.user(), .readPackages, try Self.namespace(.internal)) == .allow)
        guard
            case .refuse = decide(Self.user(), .publishPackages, try Self.namespace(.internal))
        else {
            Issue.record("a visible project is not concealed")
            return
        }
    }

    @Test func anAdministratorMayDoEverythingThatTheTokenMay() throws {
        for action in AccessAction.allCases {
            #expect(decide(Self.user(admin: true), action, try Self.namespace(.private)) == .allow)
            #expect(
                decide(
                    Self.user(admin: true, scopes: [.api]), action, try Self.namespace(.private))
                    == .allow)
            let decision = decide(
                Self.user(admin: true, scopes: [.readUser]), action,
                try Self.namespace(.private))
            let needsNoScope: Set<AccessAction> = [.readOwnAccount, .presentCredential]
            #expect((decision == .allow) == needsNoScope.contains(action), "\(action)")
        }
    }

    @Test(arguments: TokenScope.allCases)
    func aScopeLimitsAToken(scope: TokenScope) throws {
        let project = try Self.namespace(.private)
        let reads: [ScopeFamily: Set<TokenScope>] = [
            .packageRegistry: [.api, .readAPI, .readPackageRegistry],
            .containerRegistry: [.api, .readAPI, .readRegistry],
        ]
        let writes: [ScopeFamily: Set<TokenScope>] = [
            .packageRegistry: [.api, .writePackageRegistry],
            .containerRegistry: [.api, .writeRegistry],
        ]
        for family in [ScopeFamily.packageRegistry, .containerRegistry] {
            let user = Self.user(scopes: [scope])
            let read = decide(user, .readPackages, project, role: .owner, family: family)
            #expect((read == .allow) == reads[family]?.contains(scope))
            let write = decide(user, .publishPackages, project, role: .owner, family: family)
            #expect((write == .allow) == writes[family]?.contains(scope))
        }
        let settings = decide(
            Self.user(scopes: [scope]), .changeSettings, project, role: .owner, family: nil)
        #expect((settings == .allow) == (scope == .api))
    }

    @Test func aDeployTokenActsInItsNamespaceOnly() throws {
        let project = try Self.namespace(.private)
        let both: Set<TokenScope> = [.readPackageRegistry, .writePackageRegistry]
        for home: Int64 in [10, 1] {
            #expect(decide(Self.deployToken(in: home, both), .readPackages, project) == .allow)
            #expect(decide(Self.deployToken(in: home, both), .publishPackages, project) == .allow)
        }
        #expect(decide(Self.deployToken(in: 99, both), .readPackages, project) == .conceal)
        #expect(decide(Self.deployToken(in: 99, both), .publishPackages, project) == .conceal)
        #expect(
            decide(
                Self.deployToken(in: 99, both), .readPackages, try Self.namespace(.public))
                == .allow)
        let readOnly = Self.deployToken(in: 10, [.readPackageRegistry])
        guard case .refuse = decide(readOnly, .publishPackages, project) else {
            Issue.record("a token without the scope to write wrote")
            return
        }
        for action in AccessAction.allCases
        where ![.readPackages, .publishPackages, .readNamespace, .presentCredential]
            .contains(action)
        {
            guard case .refuse = decide(Self.deployToken(in: 10, both), action, project) else {
                Issue.record("a deploy token may \(action)")
                continue
            }
        }
    }

    @Test func aJobPublishesToItsOwnProjectAndReadsWhatItsUserMay() throws {
        let project = try Self.namespace(.private)
        #expect(
            decide(Self.job(project: 10), .publishPackages, project, role: .developer) == .allow)
        #expect(decide(Self.job(project: 11), .readPackages, project, role: .reporter) == .allow)
        #expect(decide(Self.job(project: 11), .readPackages, project) == .conceal)
        guard
            case .refuse = decide(
                Self.job(project: 11), .publishPackages, project, role: .owner)
        else {
            Issue.record("a job published to another project")
            return
        }
        guard case .refuse = decide(Self.job(project: 10), .manageTokens, project, role: .owner)
        else {
            Issue.record("a job managed tokens")
            return
        }
    }

    @Test func whoeverSaysWhoHeIsMayGoOn() throws {
        for family in [ScopeFamily.containerRegistry, .packageRegistry] {
            #expect(
                decide(.anonymous, .presentCredential, nil, family: family) == .challenge)
            let signed = AccessQuestion(
                principal: .anonymous, action: .presentCredential, namespace: nil, role: nil,
                family: family, hasSignedToken: true)
            #expect(policy.decide(signed) == .allow)
        }
        for principal in [
            Self.user(), Self.user(scopes: []), Self.user(admin: true),
            Self.deployToken(in: 1, []), Self.job(project: 1), .console,
        ] {
            #expect(decide(principal, .presentCredential, nil) == .allow, "\(principal.label)")
        }
    }

    @Test(arguments: AccessAction.allCases)
    func aSignedTokenGrantsNothingByItself(action: AccessAction) throws {
        for visibility in Visibility.allCases where action != .presentCredential {
            for principal in [Principal.anonymous, Self.user()] {
                let namespace = try Self.namespace(visibility)
                let signed = AccessQuestion(
                    principal: principal, action: action, namespace: namespace, role: nil,
                    family: .containerRegistry, hasSignedToken: true)
                #expect(
                    policy.decide(signed)
                        == decide(principal, action, namespace, family: .containerRegistry))
            }
        }
    }

    @Test func onlyAdministratorsAdministerTheInstance() {
        #expect(decide(Self.user(admin: true), .administerInstance, nil) == .allow)
        // What only looks is for a token that only reads.
        let reader = Self.user(admin: true, scopes: [.readAPI])
        #expect(decide(reader, .monitorInstance, nil, family: nil) == .allow)
        #expect(decide(reader, .administerInstance, nil, family: nil) != .allow)
        for principal in [Self.user(), Self.user(scopes: [.readAPI]), .anonymous] {
            #expect(decide(principal, .monitorInstance, nil, family: nil) != .allow)
        }
        #expect(decide(.anonymous, .administerInstance, nil) == .challenge)
        for principal in [
            Self.user(), Self.user(scopes: [.api]), Self.deployToken(in: 1, [.api]),
            Self.job(project: 1),
        ] {
            guard case .refuse = decide(principal, .administerInstance, nil) else {
                Issue.record("\(principal.label) administers the instance")
                continue
            }
        }
    }
}
