import Registry
import Testing

@Suite struct RegistryGrantTests {
    @Test(arguments: [
        (
            "repository:acme/web:pull",
            RegistryGrant(.repository, name: "acme/web", actions: [.pull])
        ),
        (
            "repository:acme/web/api:push,pull",
            RegistryGrant(.repository, name: "acme/web/api", actions: [.pull, .push])
        ),
        ("repository:a:*", RegistryGrant(.repository, name: "a", actions: [.all])),
        ("repository:a:delete", RegistryGrant(.repository, name: "a", actions: [.delete])),
        ("repository:a:", RegistryGrant(.repository, name: "a", actions: [])),
        ("repository:a:fly,pull", RegistryGrant(.repository, name: "a", actions: [.pull])),
        (
            "repository(plugin):a/b:pull",
            RegistryGrant(.repository, resourceClass: "plugin", name: "a/b", actions: [.pull])
        ),
        (
            "repository:host.example:5000/a:pull",
            RegistryGrant(.repository, name: "host.example:5000/a", actions: [.pull])
        ),
        ("registry:catalog:*", .catalogue),
    ])
    func readsScopes(text: String, expected: RegistryGrant) {
        #expect(RegistryGrant(parsing: text) == expected)
    }

    @Test(arguments: [
        "", "repository", "repository:a", "repository::pull", "plugin:a:pull", ":a:b",
    ])
    func ignoresWhatItDoesNotKnow(text: String) {
        #expect(RegistryGrant(parsing: text) == nil)
    }

    @Test func writesWhatItReads() {
        for text in [
            "repository:acme/web:pull,push", "repository(plugin):a:pull", "registry:catalog:*",
        ] {
            #expect(RegistryGrant(parsing: text)?.description == text)
        }
        #expect(
            RegistryGrant(parsing: "repository:a:delete,push,pull")?.description
                == "repository:a:pull,push,delete")
    }

    @Test func coversWhatIsPartOfIt() {
        func grant(_ name: String, _ actions: Set<RegistryGrant.Action>) -> RegistryGrant {
            RegistryGrant(.repository, name: name, actions: actions)
        }
        #expect(grant("a", [.pull, .push]).covers(grant("a", [.pull])))
        #expect(grant("a", [.all]).covers(grant("a", [.delete])))
        #expect(!grant("a", [.pull]).covers(grant("a", [.push])))
        #expect(!grant("a", [.pull]).covers(grant("a", [.all])))
        #expect(!grant("a", [.all]).covers(grant("a/b", [.pull])))
        #expect(!grant("a/b", [.all]).covers(grant("a", [.pull])))
        #expect(!grant("A", [.pull]).covers(grant("a", [.pull])))
        #expect(!grant("catalog", [.all]).covers(.catalogue))
        #expect(RegistryGrant.catalogue.covers(.catalogue))
    }

    @Test func namesWhatARequirementNeeds() {
        let name = NamespaceReference.longestProject(["acme", "web", "api"])
        for (action, needed) in [
            (AccessAction.readPackages, "repository:acme/web/api:pull"),
            (.publishPackages, "repository:acme/web/api:push"),
            (.deletePackages, "repository:acme/web/api:delete"),
        ] {
            #expect(RegistryGrant(action, on: name)?.description == needed)
        }
        #expect(
            RegistryGrant(.readPackages, on: .path("acme/web", nil))?.description
                == "repository:acme/web:pull")
        #expect(RegistryGrant(.readPackages, on: nil) == .catalogue)
        #expect(RegistryGrant(.publishPackages, on: nil) == nil)
        #expect(RegistryGrant(.readPackages, on: .id(7, nil)) == nil)
        for action in AccessAction.allCases
        where ![.readPackages, .publishPackages, .deletePackages].contains(action) {
            #expect(RegistryGrant(action, on: name) == nil, "no token grants \(action)")
        }
    }
}
