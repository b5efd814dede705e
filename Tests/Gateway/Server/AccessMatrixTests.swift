import GenericFormat
import HTTPTypes
import Registry
import TestSupport
import Testing

@testable import GatewayServer

/// Every operation, asked by every kind of principal, in projects of every visibility: the pipeline
/// grants what the operation's own declaration and the rules say, and nothing else. A new operation
/// is in here as soon as it is in its format's examples.
@Suite struct AccessMatrixTests {
    static let formats: [any PackageFormat] = [GenericFormat()]

    @Test(arguments: DatabaseKind.allCases)
    func everyFormatOperationIsGuarded(kind: DatabaseKind) async throws {
        try await TestGateway.run(
            on: kind, formats: Self.formats, wrapping: { WriteRefusingStore(base: $0) }
        ) { test in
            let cast = try await AccessCast.insert(into: test.store)
            for format in Self.formats {
                for project in cast.projects {
                    for example in type(of: format).examples {
                        try await check(format, example, project, cast, test)
                    }
                }
            }
        }
    }

    private func check(
        _ format: some PackageFormat, _ example: ExampleRequest, _ project: NamespaceRecord,
        _ cast: AccessCast, _ test: TestGateway
    ) async throws {
        let id = type(of: format).id
        let prefixes = [
            "/\(project.path)/-/\(id)",
            "/api/v4/projects/\(PercentEncoding.encode(project.path.description))/packages/\(id)",
            "/api/v4/projects/\(project.id)/packages/\(id)",
        ]
        let operation = try #require(try format.parse(example), "\(example) is no request of \(id)")
        for member in cast.members {
            let decisions = operation.access.map { requirement in
                StandardAccessPolicy().decide(
                    AccessQuestion(
                        principal: member.principal, action: requirement.action,
                        namespace: project, role: member.roles[project.id],
                        family: type(of: format).family))
            }
            let expected = decisions.first { $0 != .allow } ?? .allow
            for prefix in prefixes {
                let answer = try await test.send(
                    example.method, prefix + example.tail, headers: member.headers)
                verify(
                    answer, expected,
                    "\(member.name): \(example.method) \(prefix)\(example.tail)")
            }
        }
    }

    private func verify(_ answer: TestResponse, _ expected: AccessDecision, _ what: String) {
        #expect(answer.facts.isGranted == (expected == .allow), "\(what)")
        switch expected {
        case .allow:
            #expect(answer.status != .unauthorized && answer.status != .forbidden, "\(what)")
        case .challenge:
            #expect(answer.status == .unauthorized, "\(what)")
            #expect(answer.headers[.wwwAuthenticate]?.hasPrefix("Basic") == true, "\(what)")
        case .refuse:
            #expect(answer.status == .forbidden, "\(what)")
        case .conceal:
            #expect(answer.status == .notFound, "\(what)")
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func privateAndMissingProjectsLookTheSame(kind: DatabaseKind) async throws {
        try await TestGateway.run(on: kind, formats: Self.formats) { test in
            let cast = try await AccessCast.insert(into: test.store)
            let hidden = try #require(cast.projects.first { $0.visibility == .private })
            for member in cast.members where member.roles[hidden.id] == nil && !member.isAdmin {
                guard member.home != hidden.id, member.home.map(hidden.lineage.contains) != true
                else { continue }
                for example in GenericFormat.examples {
                    let answers = [
                        try await test.send(
                            example.method, "/\(hidden.path)/-/generic\(example.tail)",
                            headers: member.headers),
                        try await test.send(
                            example.method, "/no/such/project/-/generic\(example.tail)",
                            headers: member.headers),
                    ]
                    #expect(answers[0].status == answers[1].status, "\(member.name) \(example)")
                    #expect(answers[0].headers == answers[1].headers, "\(member.name) \(example)")
                    #expect(answers[0].body == answers[1].body, "\(member.name) \(example)")
                }
            }
        }
    }

    /// I12: whatever is asked, and by whom.
    @Test func whatIsSwitchedOffLooksLikeWhatIsMissing() async throws {
        try await TestGateway.run(on: .sqlite, formats: Self.formats) { test in
            let cast = try await AccessCast.insert(into: test.store)
            try await test.services.metadata.write { tx in
                try tx.upsertGate(FeatureGate(feature: "generic", condition: .everyone(false)))
            }
            let wrong = [("Private-Token", "phpat-of-nobody")]
            for headers in cast.members.map(\.headers) + [wrong] {
                for project in cast.projects {
                    for example in GenericFormat.examples + [ExampleRequest(.post, "/a/b/c")] {
                        let off = try await test.send(
                            example.method, "/\(project.path)/-/generic\(example.tail)",
                            headers: headers)
                        let missing = try await test.send(
                            example.method, "/\(project.path)/-/nonesuch\(example.tail)",
                            headers: headers)
                        #expect(off.status == .notFound)
                        #expect(off.status == missing.status)
                        #expect(off.headers == missing.headers)
                        #expect(off.body == missing.body)
                    }
                }
            }
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func theListingRuleInSQLIsThePolicy(kind: DatabaseKind) async throws {
        try await TestGateway.run(on: kind, formats: Self.formats) { test in
            let cast = try await AccessCast.insert(into: test.store)
            for project in cast.projects {
                let answer = try await test.send(
                    .put, "/\(project.path)/-/generic/tool/1.0/bin/tool", token: test.rootToken,
                    body: Array("of \(project.path)".utf8))
                #expect(answer.status == .created)
            }
            let address = FileAddress(
                format: "generic", package: "tool", version: "1.0", path: "bin/tool")
            for member in cast.members {
                let reader = PackageReader(member.principal)
                let found = try await test.services.metadata.read { tx in
                    try tx.findFiles(address, in: .instance, readableBy: reader, limit: 100)
                        .map(\.version.package.projectID)
                }
                let expected = cast.projects.filter { project in
                    let isInside =
                        member.home.map { $0 == project.id || project.lineage.contains($0) }
                        ?? false
                    let role = member.roles[project.id] ?? .guest
                    return member.isAdmin || project.effectiveVisibility == .public
                        || (member.principal.userID != nil
                            && (project.effectiveVisibility == .internal || role >= .reporter))
                        || (member.isDeployToken && isInside)
                }
                #expect(Set(found) == Set(expected.map(\.id)), "\(member.name)")
            }
        }
    }
}

extension PackageFormat {
    /// The operation that an example means.
    fileprivate func parse(_ example: ExampleRequest) throws -> Operation? {
        let halves = example.tail.split(separator: "?", maxSplits: 1)
        return try parse(
            RequestHead(
                method: example.method, tail: try RequestPath(parsing: halves[0]),
                query: try RequestQuery(parsing: halves.count == 2 ? halves[1] : ""), headers: [:],
                origin: PublicOrigin(scheme: "http", authority: "a"), mountPath: "/x",
                requestID: "test"))
    }
}
