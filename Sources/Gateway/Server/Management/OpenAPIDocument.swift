import FormatKit
import HTTPTypes
import Registry

/// The OpenAPI document of the management API, made from the same endpoints that answer.
///
/// *Source*: OpenAPI specification 3.1.0.
enum OpenAPIDocument {
    /// The document, for clients that reach the gateway at `origin`.
    static func json(version: String, origin: PublicOrigin) -> JSONValue {
        [
            "openapi": "3.1.0",
            "info": [
                "title": "Packhouse management API",
                "version": .string(version),
                "description": .string(
                    "Groups, projects, users, members, tokens, packages and repositories of "
                        + "images, in the shapes of GitLab's REST API. Bodies are JSON or forms."),
            ],
            "servers": [["url": .string("\(origin)/api/v4")]],
            "security": .array(schemes.map { .object([(name: $0.name, value: .array([]))]) }),
            "paths": paths,
            "components": [
                "schemas": schemas, "responses": failures, "headers": headers,
                "securitySchemes": .object(schemes.map { (name: $0.name, value: $0.value) }),
            ],
        ]
    }

    // MARK: Paths

    private static let paths: JSONValue = {
        var members: [(name: String, value: JSONValue)] = []
        for endpoint in ManagementAPI.endpoints {
            let operation = (name: endpoint.method.rawValue.lowercased(), value: json(of: endpoint))
            let path = address(of: endpoint)
            if let index = members.firstIndex(where: { $0.name == path }),
                case .object(let operations) = members[index].value
            {
                members[index].value = .object(operations + [operation])
            } else {
                members.append((name: path, value: .object([operation])))
            }
        }
        return .object(members)
    }()

    /// The path of the endpoint as the document writes it: `/projects/{id}`.
    static func address(of endpoint: ManagementEndpoint) -> String {
        endpoint.segments.map { segment in
            segment.hasPrefix(":") ? "/{\(segment.dropFirst())}" : "/\(segment)"
        }.joined()
    }

    private static func json(of endpoint: ManagementEndpoint) -> JSONValue {
        var members: [(name: String, value: JSONValue)] = [
            ("operationId", .string(endpoint.label.replacing(".", with: "_"))),
            ("summary", .string(endpoint.summary)),
            ("tags", [.string(endpoint.segments.first ?? "")]),
        ]
        if let security = security(of: endpoint) { members.append(("security", security)) }
        let addressed = endpoint.parameters.filter {
            endpoint.isInPath($0) || !endpoint.describesBody
        }
        if !addressed.isEmpty {
            members.append(("parameters", .array(addressed.map { json(of: $0, in: endpoint) })))
        }
        let carried = endpoint.parameters.filter {
            endpoint.describesBody && !endpoint.isInPath($0)
        }
        if !carried.isEmpty { members.append(("requestBody", body(of: carried))) }
        members.append(("responses", responses(of: endpoint)))
        return .object(members)
    }

    private static func json(
        of parameter: Parameter, in endpoint: ManagementEndpoint
    ) -> JSONValue {
        let isInPath = endpoint.isInPath(parameter)
        return [
            "name": .string(parameter.name), "in": isInPath ? "path" : "query",
            "required": .bool(isInPath || parameter.isRequired),
            "description": .string(parameter.summary), "schema": parameter.schema.json,
        ]
    }

    private static func body(of parameters: [Parameter]) -> JSONValue {
        let required = parameters.filter(\.isRequired).map(\.name)
        let schema = JSONSchema.object(
            parameters.map { ($0.name, $0.schema.described($0.summary)) }, required: required)
        let content: JSONValue = ["schema": schema.json]
        return [
            "required": .bool(!required.isEmpty),
            "content": [
                "application/json": content, "application/x-www-form-urlencoded": content,
            ],
        ]
    }

    /// The endpoint's own security, where it is not that of the whole document: none, or optional
    /// where what is public may be read by anybody.
    private static func security(of endpoint: ManagementEndpoint) -> JSONValue? {
        let access = endpoint.access(
            ManagementAddress(path: [:], query: RequestQuery()))
        if access.isEmpty { return [] }
        let isOptional = access.allSatisfy { requirement in
            switch requirement.target {
            case .instance: requirement.action == .readPackages
            case .namespace, .scope:
                [.readPackages, .readNamespace, .readMembers].contains(requirement.action)
            }
        }
        guard isOptional else { return nil }
        return .array([.object([])] + schemes.map { .object([(name: $0.name, value: .array([]))]) })
    }

    // MARK: Responses

    private static func responses(of endpoint: ManagementEndpoint) -> JSONValue {
        let successes = [endpoint.success, endpoint.preview].compactMap(\.self).map { success in
            (name: String(success.status.code), value: json(of: success))
        }
        let failed = statuses(of: endpoint).map { code in
            (
                name: String(RegistryError(code, "").status.code),
                value: ["$ref": .string("#/components/responses/\(code.rawValue)")] as JSONValue
            )
        }
        return .object(successes + failed)
    }

    private static func json(of success: ManagementEndpoint.Success) -> JSONValue {
        var members: [(name: String, value: JSONValue)] = [
            ("description", .string(success.status.reasonPhrase))
        ]
        if success.isPaged {
            members.append(
                (
                    "headers",
                    .object(
                        pageHeaders.map { header in
                            (
                                name: header.name,
                                value: [
                                    "$ref": .string("#/components/headers/\(header.name)")
                                ]
                            )
                        })
                ))
        }
        if let body = success.body {
            members.append(("content", ["application/json": ["schema": body.schema.json]]))
        }
        return .object(members)
    }

    /// What the endpoint can fail with, in the order of the statuses.
    static func statuses(of endpoint: ManagementEndpoint) -> [RegistryError.Code] {
        var codes: Set<RegistryError.Code> = [.internalError, .unavailable, .unauthenticated]
        codes.formUnion(endpoint.failures)
        if !endpoint.parameters.isEmpty { codes.insert(.malformed) }
        let access = endpoint.access(ManagementAddress(path: [:], query: RequestQuery()))
        if !access.isEmpty { codes.formUnion([.forbidden, .notFound, .tooManyRequests]) }
        if endpoint.takesBody {
            codes.formUnion([.bodyTooLarge, .unsupportedMediaType])
        }
        return codes.sorted {
            RegistryError($0, "").status.code < RegistryError($1, "").status.code
        }
    }

    private static let failures: JSONValue = .object(
        RegistryError.Code.allCases.map { code in
            (
                name: code.rawValue,
                value: [
                    "description": .string(RegistryError(code, "").status.reasonPhrase),
                    "content": [
                        "application/json": ["schema": JSONSchema.reference("Failure").json]
                    ],
                ]
            )
        })

    private static let pageHeaders: [(name: String, summary: String, schema: JSONSchema)] = [
        ("X-Page", "The number of this page.", .integer()),
        ("X-Per-Page", "Rows of a page.", .integer()),
        ("X-Next-Page", "The number of the next page; empty on the last.", .string()),
        ("X-Prev-Page", "The number of the page before; empty on the first.", .string()),
        ("X-Total", "Rows in all.", .integer()),
        ("X-Total-Pages", "Pages in all.", .integer()),
        ("Link", "The addresses of the other pages (RFC 8288).", .string()),
    ]

    private static let headers: JSONValue = .object(
        pageHeaders.map { header in
            (
                name: header.name,
                value: [
                    "description": .string(header.summary), "schema": header.schema.json,
                ]
            )
        })

    // MARK: Schemas

    private static let schemas: JSONValue = {
        var known: [String: JSONSchema] = ["Failure": failure]
        for endpoint in ManagementAPI.endpoints {
            let bodies = [endpoint.success.body, endpoint.preview?.body].compactMap(\.self)
            for component in bodies.flatMap(\.components) {
                known[component.name] = component.schema
            }
        }
        return .object(
            known.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value.json) })
    }()

    private static let failure = JSONSchema(
        json: [
            "type": "object",
            "description": .string(
                "What went wrong: `message` is a text, or lists of problems by field; `error` is "
                    + "there instead where parameters are missing or wrong."),
            "properties": [
                "message": [
                    "anyOf": [
                        ["type": "string"],
                        JSONSchema.dictionary(of: .array(of: .string())).json,
                    ]
                ],
                "error": ["type": "string"],
            ],
        ])

    /// The ways of presenting a credential.
    private static let schemes: [(name: String, value: JSONValue)] = [
        ("personalToken", ["type": "apiKey", "in": "header", "name": "PRIVATE-TOKEN"]),
        ("deployToken", ["type": "apiKey", "in": "header", "name": "Deploy-Token"]),
        ("jobToken", ["type": "apiKey", "in": "header", "name": "JOB-TOKEN"]),
        ("bearer", ["type": "http", "scheme": "bearer"]),
        ("basic", ["type": "http", "scheme": "basic"]),
    ]
}
