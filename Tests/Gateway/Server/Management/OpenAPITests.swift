import FormatKit
import Foundation
import HTTPTypes
import Registry
import TestSupport
import Testing

@testable import GatewayServer

@Suite struct OpenAPITests {
    private static let document = OpenAPIDocument.json(
        version: "1.2.3",
        origin: PublicOrigin(scheme: "https", authority: "a.test", pathPrefix: "/pkgs"))

    @Test func itListsExactlyTheRoutes() throws {
        guard case .object(let paths)? = Self.document["paths"] else {
            Issue.record("there are no paths")
            return
        }
        var listed: [String] = []
        for path in paths {
            guard case .object(let operations) = path.value else { continue }
            listed += operations.map { "\($0.name) \(path.name)" }
        }
        let routes = ManagementAPI.endpoints.map {
            "\($0.method.rawValue.lowercased()) \(OpenAPIDocument.address(of: $0))"
        }
        #expect(listed.sorted() == routes.sorted())
    }

    @Test func itIsServedToAnybodyWithTheAddressInUse() async throws {
        try await ManagementServer.run { server in
            let answer = try await server.get("openapi.json", as: .nobody)
            #expect(answer.status == 200)
            #expect(answer.headers[.contentType] == "application/json")
            #expect(answer.text.contains(#""servers":[{"url":"https://packages.test/api/v4"}]"#))
        }
        #expect(Self.document.text.contains(#""url":"https://a.test/pkgs/api/v4""#))
    }

    @Test func everyReferenceLeadsSomewhere() throws {
        let text = Self.document.text
        for match in text.matches(of: /"\$ref":"#\/components\/([A-Za-z]+)\/([^"]+)"/) {
            let target = Self.document["components"]?[String(match.1)]?[String(match.2)]
            #expect(target != nil, "\(match.2)")
        }
    }

    @Test func itIsValid() async throws {
        let check = """
            import json, sys
            try:
                from openapi_spec_validator import validate
            except ImportError:
                print("MISSING")
                sys.exit(0)
            with open(sys.argv[1]) as f:
                validate(json.load(f))
            print("VALID")
            """
        let folder = try TemporaryFolder()
        let path = try folder.write(Self.document.text, to: "openapi.json")
        let process = try ChildProcess(
            executable: URL(fileURLWithPath: "/usr/bin/env"),
            arguments: ["python3", "-c", check, path])
        try await process.ending()
        if process.output.contains("MISSING") || process.output.contains("No such file") {
            print(
                "SKIPPED: the OpenAPI document was not validated; run "
                    + "'pip install openapi-spec-validator'")
            return
        }
        #expect(process.output.contains("VALID"), "\(process.output)")
    }
}
