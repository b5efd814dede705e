import FormatKit

@testable import GatewayServer

/// Compares answers with what an OpenAPI document says of them: the status, and the schema of the
/// body as far as the document uses JSON Schema. Fields that the schema does not name are wrong.
struct OpenAPICheck: Sendable {
    private let document: JSONValue

    init(_ document: JSONValue) {
        self.document = document
    }

    /// What is wrong with an answer, or `nil`.
    func problem(
        with body: JSONValue, status: Int, of path: String, _ method: String
    ) -> String? {
        guard let operation = document["paths"]?[path]?[method] else {
            return "the document lacks \(method) \(path)"
        }
        guard let stated = operation["responses"]?[String(status)] else {
            return "the status \(status) is not documented"
        }
        let response = resolve(stated)
        guard let schema = response["content"]?["application/json"]?["schema"] else {
            if case .null = body { return nil }
            return "a body is not documented"
        }
        return problem(with: body, schema, at: "body")
    }

    private func resolve(_ value: JSONValue) -> JSONValue {
        guard let reference = value["$ref"]?.stringValue else { return value }
        return reference.split(separator: "/").dropFirst().reduce(document) { found, name in
            found[String(name)] ?? .null
        }
    }

    private func problem(
        with value: JSONValue, _ stated: JSONValue, at place: String
    ) -> String? {
        let schema = resolve(stated)
        if case .array(let choices)? = schema["anyOf"] {
            let problems = choices.map { problem(with: value, $0, at: place) }
            return problems.contains { $0 == nil } ? nil : problems.compactMap(\.self).first
        }
        if case .array(let allowed)? = schema["enum"],
            !allowed.contains(where: { $0.text == value.text })
        {
            return "\(place) has a value that is not allowed"
        }
        switch (schema["type"]?.stringValue, value) {
        case ("null"?, .null), ("boolean"?, .bool), ("integer"?, .integer), ("string"?, .string):
            return nil
        case ("array"?, .array(let elements)):
            let items = schema["items"] ?? .null
            return elements.lazy.compactMap { problem(with: $0, items, at: "\(place)[]") }.first
        case ("object"?, .object(let members)):
            return problem(with: members, schema, at: place)
        case (let type, _):
            return "\(place) is not of the type \(type ?? "that is missing")"
        }
    }

    private func problem(
        with members: [(name: String, value: JSONValue)], _ schema: JSONValue, at place: String
    ) -> String? {
        if case .array(let required)? = schema["required"] {
            let names = required.compactMap(\.stringValue)
            if let missing = names.first(where: { name in !members.contains { $0.name == name } }) {
                return "\(place) lacks \(missing)"
            }
        }
        guard schema["properties"] != nil || schema["additionalProperties"] != nil else {
            return nil
        }
        for member in members {
            let inner = schema["properties"]?[member.name] ?? schema["additionalProperties"]
            guard let inner else { return "\(place).\(member.name) is not documented" }
            if let problem = problem(with: member.value, inner, at: "\(place).\(member.name)") {
                return problem
            }
        }
        return nil
    }
}
