import FormatKit
import Registry
import Testing

@testable import GatewayServer

@Suite struct ManagementAuditTests {
    @Test func everyChangeIsInTheAuditOnce() async throws {
        try await ManagementServer.run { server in
            let group = try await server.makeGroup("acme")
            let project = try await server.makeProject("web", in: group)
            try await server.addMember("bob", .developer, to: "projects/\(project)")
            let bob = try server.id("bob")
            let package = try await server.publish("tool", "1.0", in: project)
            let base = "projects/\(project)"
            _ = try await server.put("groups/\(group)", ["name": "x"])
            _ = try await server.put(base, ["name": "x"])
            _ = try await server.put("\(base)/members/\(bob)", ["access_level": 20])
            _ = try await server.delete("\(base)/members/\(bob)")
            _ = try await server.post(
                "\(base)/deploy_tokens", ["name": "d", "scopes": ["read_registry"]])
            _ = try await server.delete("\(base)/packages/\(package)")
            _ = try await server.post("\(base)/packages/\(package)/restore")
            _ = try await server.post("users/\(bob)/block")
            // What changes nothing, and what fails, leaves no trace.
            _ = try await server.post("users/\(bob)/block")
            _ = try await server.post("users/999999/block")
            _ = try await server.get(base)
            _ = try await server.delete(base)
            _ = try await server.delete("groups/\(group)")
            #expect(
                try await server.listAuditActions() == [
                    "group.create", "project.create", "member.create", "group.update",
                    "project.update", "member.update", "member.delete", "token.create",
                    "version.delete", "version.restore", "user.block", "project.delete",
                    "group.delete",
                ])
        }
    }
}
