import FormatKit

/// Something that an endpoint takes: in its path, its query or its body.
///
/// Parameters of the path are those that the path names; the others of a GET or DELETE are taken
/// from the query, and those of a POST, PUT or PATCH from the body or the query.
struct Parameter: Sendable {
    /// What may be written for it.
    enum Kind: Sendable {
        case text(limitCharacters: Int)
        case integer(ClosedRange<Int64>)
        case boolean
        /// A day (`2026-11-21`) or a moment (`2026-11-21T08:05:09Z`).
        case moment
        /// One of these.
        case choice([String])
        /// One of these, or nothing: null or an empty text takes away what is set.
        case clearableChoice([String])
        /// A period such as `7d`, `0` or `never`, or nothing: null or an empty text takes away what is
        /// set.
        case period
        /// A list of texts, each of at most so many characters: in JSON an array, else repeated
        /// (`tokens[]=a&tokens[]=b`) or `a,b`.
        case texts(limitCharacters: Int)
        /// One of these numbers.
        case level([Int64])
        /// A list of these: in JSON an array, else repeated (`scopes[]=a&scopes[]=b`) or `a,b`.
        case choices([String])
        /// The number of a project or group, or its path with `%2F` for its slashes.
        case reference
        /// An object of JSON, or of `name[inner]=value` in a form.
        case object(JSONSchema)
        /// An array of JSON.
        case list(JSONSchema)
    }

    let name: String
    let kind: Kind
    let isRequired: Bool
    let summary: String

    static func required(_ name: String, _ kind: Kind, _ summary: String) -> Parameter {
        Parameter(name: name, kind: kind, isRequired: true, summary: summary)
    }

    static func optional(_ name: String, _ kind: Kind, _ summary: String) -> Parameter {
        Parameter(name: name, kind: kind, isRequired: false, summary: summary)
    }

    /// The number of a row.
    static func id(_ name: String, _ summary: String) -> Parameter {
        .required(name, .integer(1...Int64.max), summary)
    }

    var schema: JSONSchema {
        switch kind {
        case .text(let limit): .string(limitCharacters: limit)
        case .integer(let range): range == 1...Int64.max ? .integer() : .integer(range)
        case .boolean: .boolean
        case .moment: .string()
        case .choice(let choices): .string(choices: choices)
        case .clearableChoice(let choices): .string(choices: choices + [""]).nullable
        case .period: .string(limitCharacters: ManagementLimits.periodCharacters).nullable
        case .texts(let limit): .array(of: .string(limitCharacters: limit))
        case .level(let levels):
            JSONSchema(
                json: ["type": "integer", "enum": .array(levels.map(JSONValue.integer))])
        case .choices(let choices): .array(of: .string(choices: choices))
        case .reference: .string()
        case .object(let schema), .list(let schema): schema
        }
    }
}

extension [Parameter] {
    /// What every list takes.
    static let paging: [Parameter] = [
        .optional("page", .integer(1...Int64(Int32.max)), "The number of the page, from 1."),
        .optional(
            "per_page", .integer(1...Int64(Int32.max)), "Rows of a page: 20, and at most 100."),
    ]
}
