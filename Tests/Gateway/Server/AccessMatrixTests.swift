import GenericFormat
import HTTPTypes
import NPMFormat
import OCIFormat
import PyPIFormat
import Registry
import TestSupport
import Testing

@testable import GatewayServer

/// Every operation, asked by every kind of principal, in projects of every visibility: the pipeline
/// grants what the operation's own declaration and the rules say, and nothing else. A new operation
/// is in here as soon as it is in its format's examples.
@Suite struct AccessMatrixTests {
    static let formats: [any PackageFormat] = [
        GenericFormat(), OCIFormat(), NPMFormat(), PyPIFormat(),
    ]

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
        let entry = try MatrixEntry(format, example, project)
        for member in cast.members {
            let expected = entry.decision(for: member)
            for target in entry.targets {
                let answer = try await test.send(
                    example.method, target, headers: member.headers)
                verify(answer, expected, entry, "\(member.name): \(example.method) \(target)")
            }
        }
    }

    /// Everybody again, with a token that was fetched for exactly this, and with one for nothing.
    @Test func everyContainerOperationIsGuardedWithSignedTokens() async throws {
        try await TestGateway.run(
            on: .sqlite, formats: Self.formats, wrapping: { WriteRefusingStore(base: $0) }
        ) { test in
            let cast = try await AccessCast.insert(into: test.store)
            for format in Self.formats where type(of: format).family == .containerRegistry {
                for project in cast.projects {
                    // What a token restricts are requirements: each set of them once.
                    var known: Set<[AccessRequirement]> = []
                    for example in type(of: format).examples {
                        let entry = try MatrixEntry(format, example, project)
                        guard known.insert(entry.requirements).inserted else { continue }
                        try await checkSigned(entry, cast, test)
                    }
                }
            }
        }
    }

    private func checkSigned(
        _ entry: MatrixEntry, _ cast: AccessCast, _ test: TestGateway
    ) async throws {
        for member in cast.members {
            for scopes in [entry.scopes, []] {
                let query = scopes.map { "scope=\(PercentEncoding.encode($0.description))" }
                let login = try await test.send(
                    .get, "/jwt/auth?\(query.joined(separator: "&"))", headers: member.headers)
                let token = try #require(try login.object()["token"] as? String)
                for target in entry.targets {
                    let answer = try await test.send(
                        entry.example.method, target,
                        headers: [("Authorization", "Bearer \(token)")])
                    verify(
                        answer, entry.decision(for: member, withTokenFor: scopes), entry,
                        "\(member.name), token for \(scopes): \(entry.example.method) \(target)")
                }
            }
        }
    }

    private func verify(
        _ answer: TestResponse, _ expected: AccessDecision, _ entry: MatrixEntry, _ what: String
    ) {
        #expect(answer.facts.isGranted == (expected == .allow), "\(what)")
        switch expected {
        case .allow:
            #expect(answer.status != .unauthorized && answer.status != .forbidden, "\(what)")
        case .challenge:
            #expect(answer.status == .unauthorized, "\(what)")
            let scheme = entry.family == .containerRegistry ? "Bearer" : "Basic"
            #expect(answer.headers[.wwwAuthenticate]?.hasPrefix(scheme) == true, "\(what)")
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
