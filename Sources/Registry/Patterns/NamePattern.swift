import CPCRE2

/// A regular expression that has to match the whole of a name: a tag, a package, a version.
///
/// Patterns come from the people who manage a project and names from those who publish, so a match
/// is bounded: a pattern that needs more than `stepLimit` steps for a name has no answer.
public struct NamePattern: Sendable, Hashable, CustomStringConvertible {
    /// The longest pattern, in bytes of UTF-8.
    public static let limitBytes = 255
    /// The most steps that one match may take.
    static let stepLimit: UInt32 = 100_000
    /// The most memory that one match may take, in KiB.
    static let heapLimitKibibytes: UInt32 = 1024

    /// The expression as it was written.
    public let description: String
    private let code: CompiledPattern

    /// Compiles `text`.
    ///
    /// - Throws: `malformed` with what is wrong with the expression, and where.
    public init(_ text: String) throws(RegistryError) {
        guard !text.isEmpty, text.utf8.count <= Self.limitBytes else {
            throw RegistryError(
                .malformed, "a pattern has 1 to \(Self.limitBytes) bytes",
                reason: "pattern_invalid")
        }
        description = text
        code = try CompiledPattern(text)
    }

    /// Whether the expression matches the whole of `name`.
    ///
    /// - Throws: `unprocessable` when that would take more than the limits.
    public func matches(_ name: String) throws(RegistryError) -> Bool {
        guard let isMatch = code.matches(name) else {
            throw RegistryError(
                .unprocessable,
                "the pattern '\(description)' takes too long to match; make it simpler",
                reason: "pattern_too_costly")
        }
        return isMatch
    }

    public static func == (left: NamePattern, right: NamePattern) -> Bool {
        left.description == right.description
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(description)
    }
}

/// An expression that PCRE2 compiled; it is only read after that, from any thread.
private final class CompiledPattern: @unchecked Sendable {
    private let code: OpaquePointer

    init(_ text: String) throws(RegistryError) {
        var (error, offset): (CInt, Int) = (0, 0)
        let bytes = Array(text.utf8)
        guard let code = packhouse_pcre2_compile(bytes, bytes.count, &error, &offset) else {
            throw RegistryError(
                .malformed,
                "the pattern '\(text)' cannot be read: \(Self.message(error)), at character "
                    + "\(offset + 1)",
                reason: "pattern_invalid")
        }
        self.code = code
    }

    deinit {
        packhouse_pcre2_free(code)
    }

    /// `nil` when a limit was reached.
    func matches(_ name: String) -> Bool? {
        let bytes = Array(name.utf8)
        let result = packhouse_pcre2_match(
            code, bytes, bytes.count, NamePattern.stepLimit, NamePattern.heapLimitKibibytes)
        return result < 0 ? nil : result == 1
    }

    private static func message(_ error: CInt) -> String {
        var text = [UInt8](repeating: 0, count: 256)
        guard packhouse_pcre2_message(error, &text, text.count) >= 0 else { return "unknown" }
        return String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
    }
}
