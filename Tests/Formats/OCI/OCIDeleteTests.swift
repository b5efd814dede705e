import HTTPTypes
import Registry
import TestSupport
import Testing

@Suite("Deleting from repositories")
struct OCIDeleteTests {
    /// C-20.
    @Test(arguments: DatabaseKind.allCases)
    func tagsAndManifests(_ kind: DatabaseKind) async throws {
        let image = TestImage("a")
        try await OCIBench.run(on: kind) { bench in
            for tag in ["v1", "v2", "v3"] { try await bench.push(image, as: tag) }
            let list = "acme/web/api/tags/list"
            let untagged = try await bench.send(.delete, "acme/web/api/manifests/v1")
            #expect(untagged.status == .accepted)
            #expect(
                try await bench.send(.get, list).text
                    == #"{"name":"acme/web/api","tags":["v2","v3"]}"#)
            #expect(try await bench.send(.get, "acme/web/api/manifests/v1").status == .notFound)
            #expect(try await bench.send(.get, "acme/web/api/manifests/v2").status == .ok)
            let again = try await bench.send(.delete, "acme/web/api/manifests/v1")
            #expect(again.status == .notFound)
            #expect(again.errorCode == "MANIFEST_UNKNOWN")
            // The manifest takes its tags with it.
            let target = "acme/web/api/manifests/\(image.digest)"
            #expect(try await bench.send(.delete, target).status == .accepted)
            for reference in ["v2", "v3", image.digest.description] {
                let answer = try await bench.send(.get, "acme/web/api/manifests/\(reference)")
                #expect(answer.status == .notFound)
            }
            #expect(
                try await bench.send(.get, list).text == #"{"name":"acme/web/api","tags":[]}"#)
            #expect(try await bench.send(.delete, target).status == .notFound)
            // What was deleted can be pushed again, under its digest and its tags.
            try await bench.push(image, as: "v2")
            #expect(try await bench.send(.get, target).text == image.manifest)
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func partsOfAnIndexStay(_ kind: DatabaseKind) async throws {
        let image = TestImage("a")
        let index = TestImage.index([image.entry])
        try await OCIBench.run(on: kind) { bench in
            try await bench.push(image, as: image.digest.description)
            _ = try await bench.push(manifest: index, as: "v1", type: TestImage.indexType)
            let child = "acme/web/api/manifests/\(image.digest)"
            let refused = try await bench.send(.delete, child)
            #expect(refused.status == .conflict)
            #expect(refused.errorCode == "MANIFEST_REFERENCED_IN_LIST")
            let parent = "acme/web/api/manifests/\(TestImage.digest(index))"
            #expect(try await bench.send(.delete, parent).status == .accepted)
            #expect(try await bench.send(.delete, child).status == .accepted)
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func blobs(_ kind: DatabaseKind) async throws {
        let image = TestImage("a", layerCount: 1)
        let layer = "acme/web/api/blobs/\(TestImage.digest(image.layers[0]))"
        try await OCIBench.run(on: kind) { bench in
            try await bench.push(image.layers[0])
            #expect(try await bench.send(.delete, layer).status == .accepted)
            #expect(try await bench.send(.head, layer).status == .notFound)
            #expect(try await bench.send(.delete, layer).status == .notFound)
            try await bench.push(image, as: "v1")
            let named = try await bench.send(.delete, layer)
            #expect(named.status == .methodNotAllowed)
            #expect(named.errorCode == "UNSUPPORTED")
            #expect(try await bench.send(.get, layer).status == .ok)
            _ = try await bench.send(.delete, "acme/web/api/manifests/\(image.digest)")
            #expect([.accepted, .notFound].contains(try await bench.send(.delete, layer).status))
            #expect(try await bench.send(.head, layer).status == .notFound)
        }
    }

    /// A deleted image takes nothing from another that shares its layers, here or elsewhere.
    @Test(arguments: DatabaseKind.allCases)
    func sharedLayersStay(_ kind: DatabaseKind) async throws {
        let first = TestImage("a")
        var second = TestImage("b")
        second.layers = first.layers
        try await OCIBench.run(on: kind) { bench in
            try await bench.push(first, as: "v1")
            try await bench.push(second, as: "v2")
            try await bench.push(second, as: "v2", to: "acme/base/image")
            let deleted = try await bench.send(
                .delete, "acme/web/api/manifests/\(first.digest)")
            #expect(deleted.status == .accepted)
            for repository in ["acme/web/api", "acme/base/image"] {
                for layer in second.layers {
                    let answer = try await bench.send(
                        .get, "\(repository)/blobs/\(TestImage.digest(layer))")
                    #expect(answer.body == layer)
                }
            }
        }
    }

    /// Rules about tags decide at the moment of the request, also for whoever deletes by digest.
    @Test(arguments: DatabaseKind.allCases)
    func immutableTags(_ kind: DatabaseKind) async throws {
        let (first, second) = (TestImage("a"), TestImage("b"))
        try await OCIBench.run(on: kind) { bench in
            let (project, now) = (bench.project, bench.test.services.clock.now())
            let pattern = try NamePattern("v[0-9]+")
            _ = try await bench.test.store.write { tx in
                try tx.insertTagRule(
                    TagRuleDraft(pattern: pattern, isImmutable: true), projectID: project.id,
                    format: "oci", at: now)
            }
            try await bench.push(first, as: "v1")
            try await bench.push(first, as: "v1")
            try await bench.push(second, as: "latest")
            let moved = try await bench.push(manifest: second.manifest, as: "v1")
            let untagged = try await bench.send(.delete, "acme/web/api/manifests/v1")
            let deleted = try await bench.send(.delete, "acme/web/api/manifests/\(first.digest)")
            for answer in [moved, untagged, deleted] {
                #expect(answer.status == .conflict)
                #expect(answer.errorCode == "DENIED")
                #expect(answer.text.contains("v[0-9]+"))
            }
            #expect(
                try await bench.send(.get, "acme/web/api/manifests/v1").text == first.manifest)
            #expect(
                try await bench.send(.delete, "acme/web/api/manifests/latest").status
                    == .accepted)
        }
    }
}
