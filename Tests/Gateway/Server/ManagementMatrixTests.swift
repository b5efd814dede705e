import HTTPTypes
import Registry
import TestSupport
import Testing

@testable import GatewayServer

/// Every call of the management API, made by every kind of principal, on namespaces of every
/// visibility: the pipeline grants what the endpoint's own declaration and the rules say, and
/// nothing else. A new endpoint is in here as soon as it is in `ManagementAPI.endpoints`.
@Suite struct ManagementMatrixTests {
    /// One address of an endpoint, with the values of its parameters.
    private struct Sample {
        let endpoint: ManagementEndpoint
        let path: [String: String]
        let query: String

        var target: String {
            let segments = endpoint.segments.map { segment in
                segment.hasPrefix(":")
                    ? PercentEncoding.encode(path[String(segment.dropFirst())] ?? "") : segment
            }
            return "/api/v4/" + segments.joined(separator: "/") + query
        }

        var access: [AccessRequirement] {
            let query = try? RequestQuery(parsing: query.dropFirst())
            return endpoint.access(
                ManagementAddress(path: path, query: query ?? RequestQuery()))
        }
    }

    /// What the path parameters of a test are filled with.
    private struct Values {
        let cast: AccessCast
        let userID: Int64
        let tokenID: Int64

        /// What `:id` of addresses that begin with `first` is to stand for, each value in turn.
        func ids(of first: String) throws -> [String] {
            switch first {
            case "projects":
                cast.projects.map { String($0.id) } + ["acme/private", "4711"]
            case "groups":
                cast.containers.filter { $0.kind == .group }.map { String($0.id) } + [
                    "acme", "4711",
                ]
            case "namespaces":
                (cast.containers + cast.projects).map { String($0.id) } + ["acme/inner"]
            case "users": [String(userID)]
            case "personal_access_tokens": [String(tokenID)]
            case "registry": ["1"]
            default: try #require(nil, "name a sample for ':id' of '\(first)'")
            }
        }

        func value(of parameter: String) throws -> String {
            switch parameter {
            case "user_id": String(userID)
            case "token_id": String(tokenID)
            case "package_id", "file_id", "repository_id", "protection_rule_id": "1"
            case "tag_name": "latest"
            default: try #require(nil, "name a sample for the parameter '\(parameter)'")
            }
        }

        func samples(of endpoint: ManagementEndpoint) throws -> [Sample] {
            let names = endpoint.segments.filter { $0.hasPrefix(":") }.map {
                String($0.dropFirst())
            }
            var path: [String: String] = [:]
            for name in names where name != "id" { path[name] = try value(of: name) }
            guard names.contains("id") else {
                return [Sample(endpoint: endpoint, path: path, query: "")]
            }
            return try ids(of: endpoint.segments[0]).flatMap { id in
                let path = path.merging(["id": id]) { $1 }
                let samples = ["", "?status=deleted"].map {
                    Sample(endpoint: endpoint, path: path, query: $0)
                }
                // The trash has rules of its own where there is one.
                return samples[0].access == samples[1].access ? [samples[0]] : samples
            }
        }
    }

    @Test func everyCallIsGuarded() async throws {
        try await TestGateway.run(
            on: .sqlite, formats: [], wrapping: { WriteRefusingStore(base: $0) }
        ) { test in
            let cast = try await AccessCast.insert(into: test.store)
            let user = try #require(
                cast.members.lazy.compactMap { member -> UserPrincipal? in
                    if case .user(let user) = member.principal { user } else { nil }
                }.first)
            let values = Values(
                cast: cast, userID: user.id, tokenID: try #require(user.tokenID))
            var known: Set<[AccessRequirement]> = []
            for endpoint in ManagementAPI.endpoints {
                let samples = try values.samples(of: endpoint)
                let isNew = known.insert(samples.flatMap(\.access)).inserted
                for (number, member) in cast.members.enumerated() {
                    // Everybody calls everything. Of endpoints that ask for the same, the first is
                    // called at all addresses, the others at one of them in turn.
                    let chosen = isNew ? samples : [samples[number % samples.count]]
                    for sample in chosen { try await check(sample, member, cast, test) }
                }
            }
        }
    }

    private func check(
        _ sample: Sample, _ member: AccessCast.Member, _ cast: AccessCast, _ test: TestGateway
    ) async throws {
        let answer = try await test.send(
            sample.endpoint.method, sample.target, headers: member.headers)
        let expected = expectation(of: sample.access, member, cast)
        let what = "\(member.name): \(sample.endpoint.method) \(sample.target)"
        #expect(answer.facts.isGranted == (expected == nil), "\(what): \(answer.text)")
        if let expected {
            #expect(answer.status == expected, "\(what): \(answer.text)")
        } else {
            #expect(answer.status.kind != .serverError, "\(what): \(answer.text)")
        }
    }

    /// The status of the first refusal, or `nil` where everything is allowed.
    private func expectation(
        of requirements: [AccessRequirement], _ member: AccessCast.Member, _ cast: AccessCast
    ) -> HTTPResponse.Status? {
        for requirement in requirements {
            var namespace: NamespaceRecord?
            if case .namespace(let reference) = requirement.target {
                namespace = cast.find(reference)
                if namespace == nil {
                    return member.principal == .anonymous && !requirement.action.isRead
                        ? .unauthorized : .notFound
                }
            }
            let decision = StandardAccessPolicy().decide(
                AccessQuestion(
                    principal: member.principal, action: requirement.action,
                    namespace: namespace, role: namespace.flatMap { member.roles[$0.id] },
                    family: nil))
            switch decision {
            case .allow: continue
            case .refuse: return .forbidden
            case .conceal: return .notFound
            case .challenge:
                return requirement.action.isRead && namespace != nil ? .notFound : .unauthorized
            }
        }
        return nil
    }

    @Test func whatHappensToTheInstanceNeedsACredential() async throws {
        try await TestGateway.run(on: .sqlite, formats: []) { test in
            for path in [
                "user", "users", "users/1", "personal_access_tokens", "personal_access_tokens/self",
                "version", "metadata", "namespaces", "namespaces/1", "deploy_tokens",
            ] {
                let answer = try await test.send(.get, "/api/v4/\(path)")
                #expect(answer.status == .unauthorized, "\(path): \(answer.text)")
                #expect(answer.text == #"{"message":"401 Unauthorized"}"#)
            }
        }
    }
}

extension AccessCast {
    /// The namespace of the cast that an address names.
    fileprivate func find(_ reference: NamespaceReference) -> NamespaceRecord? {
        (projects + containers).first { namespace in
            switch reference {
            case .id(let id, let kind):
                namespace.id == id && (kind.map { $0 == namespace.kind } ?? true)
            case .path(let path, let kind):
                namespace.path.description == path && (kind.map { $0 == namespace.kind } ?? true)
            case .longestProject: false
            }
        }
    }
}
