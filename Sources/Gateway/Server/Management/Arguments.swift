import FormatKit
import Registry

/// What a request gave for the parameters of its endpoint, checked.
struct Arguments: Sendable {
    /// One checked value.
    enum Value: Sendable {
        case text(String)
        case integer(Int64)
        case boolean(Bool)
        case moment(Timestamp)
        case texts([String])
        case object(JSONValue)
    }

    private let values: [String: Value]

    /// Checks `raw` against `parameters`; what no parameter names is ignored.
    ///
    /// - Throws: `malformed` with every parameter that is missing or wrong.
    ///
    /// *Source*: the words are those of GitLab's parameter validation.
    init(_ raw: [String: JSONValue], for parameters: [Parameter]) throws(RegistryError) {
        var values: [String: Value] = [:]
        var problems: [String] = []
        for parameter in parameters {
            switch raw[parameter.name] ?? .null {
            case .null where parameter.kind.isClearable && raw[parameter.name] != nil:
                values[parameter.name] = .text("")
            case .null:
                if parameter.isRequired { problems.append("\(parameter.name) is missing") }
            case .string("") where parameter.isRequired:
                problems.append("\(parameter.name) is empty")
            case let given:
                switch parameter.kind.check(given) {
                case .value(let value): values[parameter.name] = value
                case .absent: break
                case .problem(let problem): problems.append("\(parameter.name) \(problem)")
                }
            }
        }
        guard problems.isEmpty else {
            throw RegistryError.parameters(problems.joined(separator: ", "))
        }
        self.values = values
    }

    /// Whether there is a value for `name`.
    func has(_ name: String) -> Bool { values[name] != nil }

    func findText(_ name: String) -> String? {
        if case .text(let text)? = values[name] { text } else { nil }
    }

    func findInteger(_ name: String) -> Int64? {
        if case .integer(let number)? = values[name] { number } else { nil }
    }

    func findFlag(_ name: String) -> Bool? {
        if case .boolean(let flag)? = values[name] { flag } else { nil }
    }

    func findMoment(_ name: String) -> Timestamp? {
        if case .moment(let moment)? = values[name] { moment } else { nil }
    }

    func findTexts(_ name: String) -> [String]? {
        if case .texts(let texts)? = values[name] { texts } else { nil }
    }

    /// An object, or a list.
    func findObject(_ name: String) -> JSONValue? {
        if case .object(let object)? = values[name] { object } else { nil }
    }

    /// The text of a parameter that is required.
    ///
    /// - Throws: `malformed` when it is missing.
    func requireText(_ name: String) throws(RegistryError) -> String {
        guard let text = findText(name) else {
            throw RegistryError.parameters("\(name) is missing")
        }
        return text
    }

    /// The number of a parameter that is required.
    ///
    /// - Throws: `malformed` when it is missing.
    func requireInteger(_ name: String) throws(RegistryError) -> Int64 {
        guard let number = findInteger(name) else {
            throw RegistryError.parameters("\(name) is missing")
        }
        return number
    }
}

extension Parameter.Kind {
    /// Whether null is a value.
    fileprivate var isClearable: Bool {
        switch self {
        case .clearableChoice, .period: true
        default: false
        }
    }

    /// What became of a given value.
    fileprivate enum Outcome {
        case value(Arguments.Value)
        /// The same as not given.
        case absent
        case problem(String)
    }

    fileprivate func check(_ given: JSONValue) -> Outcome {
        switch self {
        case .text(let limit): checkText(given, limitCharacters: limit)
        case .reference:
            checkText(given, limitCharacters: RequestPath.limitBytes)
        case .integer(let range): checkInteger(given) { range.contains($0) }
        case .level(let levels): checkInteger(given) { levels.contains($0) }
        case .boolean: checkBoolean(given)
        case .moment: checkMoment(given)
        case .choice(let choices): checkChoice(given, choices)
        case .clearableChoice(let choices):
            given.stringValue == "" ? .value(.text("")) : checkChoice(given, choices)
        case .period: checkPeriod(given)
        case .texts(let limit): checkTexts(given, limitCharacters: limit)
        case .choices(let choices): checkChoices(given, choices)
        case .object:
            if case .object = given { .value(.object(given)) } else { .problem("is invalid") }
        case .list:
            if case .array = given { .value(.object(given)) } else { .problem("is invalid") }
        }
    }

    private func checkText(_ given: JSONValue, limitCharacters: Int) -> Outcome {
        guard let text = given.scalarText, !text.unicodeScalars.contains("\u{0}") else {
            return .problem("is invalid")
        }
        guard text.unicodeScalars.count <= limitCharacters else {
            return .problem("is too long (maximum is \(limitCharacters) characters)")
        }
        return .value(.text(text))
    }

    private func checkInteger(_ given: JSONValue, _ isAllowed: (Int64) -> Bool) -> Outcome {
        if given.stringValue == "" { return .absent }
        let number: Int64? =
            switch given {
            case .integer(let number): number
            case .string(let text): Int64(text)
            default: nil
            }
        guard let number else { return .problem("is invalid") }
        return isAllowed(number)
            ? .value(.integer(number)) : .problem("does not have a valid value")
    }

    private func checkBoolean(_ given: JSONValue) -> Outcome {
        switch given {
        case .bool(let flag): .value(.boolean(flag))
        case .integer(1), .string("true"), .string("1"), .string("t"), .string("yes"),
            .string("on"):
            .value(.boolean(true))
        case .integer(0), .string("false"), .string("0"), .string("f"), .string("no"),
            .string("off"):
            .value(.boolean(false))
        case .string(""): .absent
        default: .problem("is invalid")
        }
    }

    private func checkMoment(_ given: JSONValue) -> Outcome {
        guard let text = given.stringValue else { return .problem("is invalid") }
        if text.isEmpty { return .absent }
        return Timestamp(iso8601: text).map { .value(.moment($0)) } ?? .problem("is invalid")
    }

    private func checkChoice(_ given: JSONValue, _ choices: [String]) -> Outcome {
        guard let text = given.scalarText else { return .problem("is invalid") }
        if text.isEmpty { return .absent }
        return choices.contains(text)
            ? .value(.text(text)) : .problem("does not have a valid value")
    }

    private func checkPeriod(_ given: JSONValue) -> Outcome {
        guard let text = given.scalarText else { return .problem("is invalid") }
        if text.isEmpty { return .value(.text("")) }
        do throws(RegistryError) {
            return .value(.text(try KeepingPeriod(parsing: text).description))
        } catch {
            return .problem("is invalid: \(error.message)")
        }
    }

    /// The texts of a list, or `nil` for something else.
    private func texts(_ given: JSONValue, _ read: (JSONValue) -> String?) -> [String]? {
        switch given {
        case .string(let text):
            return text.split(separator: ",").map { piece in
                piece.drop { $0 == " " }.description
            }
        case .array(let elements):
            let texts = elements.compactMap(read)
            return texts.count == elements.count ? texts : nil
        default:
            return nil
        }
    }

    private func checkTexts(_ given: JSONValue, limitCharacters: Int) -> Outcome {
        guard let texts = texts(given, \.scalarText) else { return .problem("is invalid") }
        guard texts.count <= ManagementLimits.listCount,
            texts.allSatisfy({ $0.unicodeScalars.count <= limitCharacters })
        else { return .problem("does not have a valid value") }
        return .value(.texts(texts))
    }

    private func checkChoices(_ given: JSONValue, _ choices: [String]) -> Outcome {
        guard let texts = texts(given, \.stringValue) else { return .problem("is invalid") }
        guard texts.count <= ManagementLimits.listCount, texts.allSatisfy(choices.contains) else {
            return .problem("does not have a valid value")
        }
        return .value(.texts(texts))
    }
}

extension JSONValue {
    /// The text, or the number or flag as text.
    fileprivate var scalarText: String? {
        switch self {
        case .string(let text): text
        case .integer(let number): String(number)
        case .bool(let flag): flag ? "true" : "false"
        default: nil
        }
    }
}
