import FormatKit

/// How a value looks in answers. The body and the schema of it in the OpenAPI document are made from
/// this one description.
struct Entity<Value: Sendable>: Sendable {
    /// Its name among the document's schemas.
    let name: String
    let summary: String
    let fields: [EntityField<Value>]

    init(_ name: String, _ summary: String, _ fields: [EntityField<Value>]) {
        self.name = name
        self.summary = summary
        self.fields = fields
    }

    /// The value as an object, with the fields in the order of the description.
    func json(_ value: Value) -> JSONValue {
        .object(
            fields.compactMap { field in
                field.read(value).map { (name: field.name, value: $0) }
            })
    }

    var schema: JSONSchema {
        JSONSchema.object(
            fields.map { ($0.name, $0.schema) },
            required: fields.filter { !$0.isOptional }.map(\.name)
        ).described(summary)
    }

    /// What an endpoint answers with one of these.
    var one: ResponseSchema { ResponseSchema(components: [component], schema: .reference(name)) }

    /// What an endpoint answers with several.
    var many: ResponseSchema {
        ResponseSchema(components: [component], schema: .array(of: .reference(name)))
    }

    /// What an endpoint answers with one of these, or of another entity, as the caller may see.
    func one(or other: Entity) -> ResponseSchema {
        ResponseSchema(components: [component, other.component], schema: schema(or: other))
    }

    /// What an endpoint answers with several of these, or of another entity.
    func many(or other: Entity) -> ResponseSchema {
        ResponseSchema(
            components: [component, other.component], schema: .array(of: schema(or: other)))
    }

    private func schema(or other: Entity) -> JSONSchema {
        JSONSchema(
            json: [
                "anyOf": [
                    JSONSchema.reference(name).json, JSONSchema.reference(other.name).json,
                ]
            ])
    }

    private var component: ResponseSchema.Component { .init(name: name, schema: schema) }
}

/// One field of an entity.
struct EntityField<Value: Sendable>: Sendable {
    let name: String
    let schema: JSONSchema
    /// Whether it is left out where it has no value.
    let isOptional: Bool
    let read: @Sendable (Value) -> JSONValue?

    /// A field that is always there.
    init(
        _ name: String, _ schema: JSONSchema, _ summary: String? = nil,
        read: @escaping @Sendable (Value) -> JSONValue
    ) {
        self.name = name
        self.schema = summary.map(schema.described) ?? schema
        self.isOptional = false
        self.read = read
    }

    /// A field that is left out where `read` gives `nil`.
    init(
        optional name: String, _ schema: JSONSchema, _ summary: String? = nil,
        read: @escaping @Sendable (Value) -> JSONValue?
    ) {
        self.name = name
        self.schema = summary.map(schema.described) ?? schema
        self.isOptional = true
        self.read = read
    }

    /// This field, of something that holds a `Value`.
    func lifted<Outer>(
        _ inner: @escaping @Sendable (Outer) -> Value
    ) -> EntityField<Outer> {
        let read = read
        return isOptional
            ? EntityField<Outer>(optional: name, schema) { read(inner($0)) }
            : EntityField<Outer>(name, schema) { read(inner($0)) ?? .null }
    }
}

/// The schema of an answer, with the named schemas that it refers to.
struct ResponseSchema: Sendable {
    struct Component: Sendable {
        let name: String
        let schema: JSONSchema
    }

    let components: [Component]
    let schema: JSONSchema

    /// A schema that refers to nothing.
    static func inline(_ schema: JSONSchema) -> ResponseSchema {
        ResponseSchema(components: [], schema: schema)
    }
}
