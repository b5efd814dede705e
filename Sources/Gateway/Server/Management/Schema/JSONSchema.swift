import FormatKit

/// A JSON Schema, as OpenAPI 3.1 uses it.
///
/// *Source*: JSON Schema, draft 2020-12.
struct JSONSchema: Sendable {
    let json: JSONValue

    /// Text; with a format such as `date-time`, a greatest length, or the values that are allowed.
    static func string(
        format: String? = nil, limitCharacters: Int? = nil, choices: [String] = []
    ) -> JSONSchema {
        var members: [(name: String, value: JSONValue)] = [("type", "string")]
        if let format { members.append(("format", .string(format))) }
        if let limitCharacters {
            members.append(("maxLength", .integer(Int64(limitCharacters))))
        }
        if !choices.isEmpty {
            members.append(("enum", .array(choices.map(JSONValue.string))))
        }
        return JSONSchema(json: .object(members))
    }

    /// A whole number, of 64 bits unless a range says less.
    static func integer(_ range: ClosedRange<Int64>? = nil) -> JSONSchema {
        guard let range else {
            return JSONSchema(json: ["type": "integer", "format": "int64"])
        }
        return JSONSchema(
            json: [
                "type": "integer", "format": "int64", "minimum": .integer(range.lowerBound),
                "maximum": .integer(range.upperBound),
            ])
    }

    static let boolean = JSONSchema(json: ["type": "boolean"])

    /// A moment: `2026-11-21T08:05:09.123Z`.
    static let moment = JSONSchema.string(format: "date-time")

    /// A day: `2026-11-21`.
    static let day = JSONSchema.string(format: "date")

    static func array(of element: JSONSchema) -> JSONSchema {
        JSONSchema(json: ["type": "array", "items": element.json])
    }

    /// An object with any names, and values of one kind.
    static func dictionary(of value: JSONSchema) -> JSONSchema {
        JSONSchema(json: ["type": "object", "additionalProperties": value.json])
    }

    /// An object with these members.
    static func object(
        _ properties: [(name: String, schema: JSONSchema)], required: [String]
    ) -> JSONSchema {
        var members: [(name: String, value: JSONValue)] = [
            ("type", "object"),
            ("properties", .object(properties.map { ($0.name, $0.schema.json) })),
        ]
        if !required.isEmpty {
            members.append(("required", .array(required.map(JSONValue.string))))
        }
        return JSONSchema(json: .object(members))
    }

    /// The schema of this name among the document's components.
    static func reference(_ name: String) -> JSONSchema {
        JSONSchema(json: ["$ref": .string("#/components/schemas/\(name)")])
    }

    /// This, or null.
    var nullable: JSONSchema {
        JSONSchema(json: ["anyOf": [json, ["type": "null"]]])
    }

    /// This, with words for people.
    func described(_ words: String) -> JSONSchema {
        guard case .object(let members) = json, json["$ref"] == nil else { return self }
        return JSONSchema(
            json: .object(members + [(name: "description", value: .string(words))]))
    }
}
