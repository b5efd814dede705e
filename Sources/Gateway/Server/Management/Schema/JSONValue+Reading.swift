import FormatKit
import Foundation

extension JSONValue {
    /// Reads a JSON text. Members of objects come out in the order of their names, and numbers that
    /// are not whole as text, since nothing here takes one.
    ///
    /// - Returns: `nil` when the bytes are no JSON.
    init?(parsing bytes: [UInt8]) {
        guard let read = try? JSONDecoder().decode(ReadValue.self, from: Data(bytes)) else {
            return nil
        }
        self = read.value
    }

    /// The value of the member of this name, in an object.
    subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// The string, where the value is one.
    var stringValue: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }
}

/// A value while it is decoded.
private struct ReadValue: Decodable {
    let value: JSONValue

    private struct AnyName: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }

        init?(intValue: Int) { return nil }
    }

    init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: AnyName.self) {
            let names = container.allKeys.sorted { $0.stringValue < $1.stringValue }
            value = .object(
                try names.map { name in
                    (
                        name: name.stringValue,
                        value: try container.decode(ReadValue.self, forKey: name).value
                    )
                })
        } else if var container = try? decoder.unkeyedContainer() {
            var elements: [JSONValue] = []
            while !container.isAtEnd {
                elements.append(try container.decode(ReadValue.self).value)
            }
            value = .array(elements)
        } else {
            value = try Self.scalar(of: try decoder.singleValueContainer())
        }
    }

    private static func scalar(of container: any SingleValueDecodingContainer) throws -> JSONValue {
        if container.decodeNil() { return .null }
        if let flag = try? container.decode(Bool.self) { return .bool(flag) }
        if let number = try? container.decode(Int64.self) { return .integer(number) }
        if let number = try? container.decode(Double.self) { return .string(String(number)) }
        return .string(try container.decode(String.self))
    }
}
