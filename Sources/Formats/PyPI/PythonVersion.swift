import Registry

/// A version of a Python project.
///
/// Two versions are equal when their order says so, whatever zeros stand at their ends: `1.0` and
/// `1.0.0` are, and mean one release.
///
/// *Source*: PyPA, "Version specifiers" (PEP 440), with its rules for spellings and their order.
struct PythonVersion: Sendable, Comparable, CustomStringConvertible {
    /// The longest version, in characters.
    static let limitCharacters = 200

    /// How mature a release before the final one is.
    enum Phase: Int, Sendable, Comparable {
        case alpha
        case beta
        case candidate

        var letters: String {
            switch self {
            case .alpha: "a"
            case .beta: "b"
            case .candidate: "rc"
            }
        }

        static func < (left: Phase, right: Phase) -> Bool { left.rawValue < right.rawValue }
    }

    let epoch: Number
    /// `1`, `2` and `0` of `1.2.0`; at least one.
    let release: [Number]
    let pre: (phase: Phase, number: Number)?
    let post: Number?
    let dev: Number?
    /// The pieces of what stands behind a `+`.
    let local: [LocalPart]

    /// A whole number of any size, without zeros in front.
    struct Number: Hashable, Sendable, Comparable, CustomStringConvertible {
        let description: String

        static let zero = Number(digits: [])

        init(digits: some Sequence<UInt8>) {
            let significant = Array(digits.drop { $0 == UInt8(ascii: "0") })
            description = significant.isEmpty ? "0" : String(decoding: significant, as: UTF8.self)
        }

        static func < (left: Number, right: Number) -> Bool {
            (left.description.utf8.count, left.description)
                < (right.description.utf8.count, right.description)
        }
    }

    /// A piece of a local version.
    enum LocalPart: Hashable, Sendable, Comparable {
        /// Comes before every number.
        case word(String)
        case number(Number)

        static func < (left: LocalPart, right: LocalPart) -> Bool {
            switch (left, right) {
            case (.word(let left), .word(let right)): left < right
            case (.number(let left), .number(let right)): left < right
            case (.word, .number): true
            case (.number, .word): false
            }
        }

        var text: String {
            switch self {
            case .word(let word): word
            case .number(let number): number.description
            }
        }
    }

    /// Whether it comes before a final release.
    var isPrerelease: Bool { pre != nil || dev != nil }

    /// The one spelling of it, with its own zeros at the end: `1.0rc1.post2.dev3+local.1`.
    var description: String { spell(release) }

    /// The most numbers of a release with which other spellings are made.
    static let spelledReleaseLimitCount = 8

    /// How versions that are equal to this one are spelled: as it is itself, and then with ever more
    /// zeros at the end, `1`, `1.0`, `1.0.0`, up to a limit.
    var spellings: [String] {
        var release = release
        while release.count > 1, release.last == .zero { release.removeLast() }
        var spellings = [description]
        while release.count <= max(Self.spelledReleaseLimitCount, self.release.count) {
            if release.count != self.release.count { spellings.append(spell(release)) }
            release.append(.zero)
        }
        return spellings
    }

    private func spell(_ release: [Number]) -> String {
        var text = epoch == .zero ? "" : "\(epoch)!"
        text += release.map(\.description).joined(separator: ".")
        if let pre { text += pre.phase.letters + pre.number.description }
        if let post { text += ".post\(post)" }
        if let dev { text += ".dev\(dev)" }
        if !local.isEmpty { text += "+" + local.map(\.text).joined(separator: ".") }
        return text
    }

    /// Reads a version in any spelling that is allowed.
    ///
    /// - Throws: `malformed` with the rule that was broken.
    init(parsing text: some StringProtocol) throws(RegistryError) {
        guard text.utf8.count <= Self.limitCharacters, let version = Self(scanning: text) else {
            throw RegistryError(
                .malformed,
                "'\(text.prefix(100))' is not a version of the form that Python projects have "
                    + "(PEP 440): N.N.N, perhaps with a, b or rc and a number, .postN, .devN and "
                    + "+local",
                reason: "version_invalid")
        }
        self = version
    }

    private init?(scanning text: some StringProtocol) {
        var scanner = VersionScanner(text)
        scanner.skipSpace()
        _ = scanner.take("v")
        guard var first = scanner.takeNumber() else { return nil }
        if scanner.take("!") {
            epoch = first
            guard let number = scanner.takeNumber() else { return nil }
            first = number
        } else {
            epoch = .zero
        }
        release = scanner.takeRelease(after: first)
        pre = scanner.takePre()
        post = scanner.takePost()
        dev = scanner.takeDev()
        guard let local = scanner.takeLocal() else { return nil }
        self.local = local
        scanner.skipSpace()
        guard scanner.isAtEnd else { return nil }
    }

    // MARK: Order

    static func == (left: PythonVersion, right: PythonVersion) -> Bool {
        order(left, right) == 0
    }

    static func < (left: PythonVersion, right: PythonVersion) -> Bool {
        order(left, right) < 0
    }

    /// Less than 0, 0 or more, as `left` comes before `right`, with it, or after it.
    private static func order(_ left: PythonVersion, _ right: PythonVersion) -> Int {
        var result = compare(left.epoch, right.epoch)
        if result == 0 { result = compareReleases(left.release, right.release) }
        if result == 0 { result = compare(left.preRank, right.preRank) }
        if result == 0 {
            result = compare(left.pre?.number ?? .zero, right.pre?.number ?? .zero)
        }
        if result == 0 { result = compareOptional(left.post, right.post, absent: -1) }
        if result == 0 { result = compareOptional(left.dev, right.dev, absent: 1) }
        if result == 0 { result = compareLocals(left.local, right.local) }
        return result
    }

    /// Where it stands among releases before the final one: one for developers comes before all of
    /// them, and the final one after them.
    private var preRank: Int {
        if let pre { return pre.phase.rawValue }
        return post == nil && dev != nil ? -1 : 3
    }

    private static func compare<Value: Comparable>(_ left: Value, _ right: Value) -> Int {
        left < right ? -1 : left == right ? 0 : 1
    }

    private static func compareOptional(_ left: Number?, _ right: Number?, absent: Int) -> Int {
        switch (left, right) {
        case (nil, nil): 0
        case (nil, _): absent
        case (_, nil): -absent
        case (let left?, let right?): compare(left, right)
        }
    }

    private static func compareReleases(_ left: [Number], _ right: [Number]) -> Int {
        for index in 0..<max(left.count, right.count) {
            let result = compare(
                index < left.count ? left[index] : .zero,
                index < right.count ? right[index] : .zero)
            if result != 0 { return result }
        }
        return 0
    }

    private static func compareLocals(_ left: [LocalPart], _ right: [LocalPart]) -> Int {
        for (left, right) in zip(left, right) where left != right {
            return left < right ? -1 : 1
        }
        return compare(left.count, right.count)
    }
}

/// Reads a version, piece by piece, without regard to case.
private struct VersionScanner {
    private let bytes: [UInt8]
    private var index = 0

    init(_ text: some StringProtocol) {
        bytes = text.utf8.map {
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0
        }
    }

    var isAtEnd: Bool { index == bytes.count }

    mutating func skipSpace() {
        while index < bytes.count, [0x20, 0x09, 0x0A, 0x0B, 0x0C, 0x0D].contains(bytes[index]) {
            index += 1
        }
    }

    mutating func take(_ word: StaticString) -> Bool {
        let word = word.description.utf8
        guard bytes[index...].starts(with: word) else { return false }
        index += word.count
        return true
    }

    mutating func takeNumber() -> PythonVersion.Number? {
        let digits = bytes[index...].prefix {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        }
        guard !digits.isEmpty else { return nil }
        index += digits.count
        return PythonVersion.Number(digits: digits)
    }

    mutating func takeRelease(
        after first: PythonVersion.Number
    ) -> [PythonVersion.Number] {
        var release = [first]
        while true {
            let start = index
            guard take("."), let number = takeNumber() else {
                index = start
                return release
            }
            release.append(number)
        }
    }

    mutating func takePre() -> (phase: PythonVersion.Phase, number: PythonVersion.Number)? {
        let words: [(StaticString, PythonVersion.Phase)] = [
            ("alpha", .alpha), ("beta", .beta), ("preview", .candidate), ("pre", .candidate),
            ("rc", .candidate), ("a", .alpha), ("b", .beta), ("c", .candidate),
        ]
        let start = index
        takeSeparator()
        for (word, phase) in words where take(word) {
            return (phase, takeSeparatedNumber())
        }
        index = start
        return nil
    }

    mutating func takePost() -> PythonVersion.Number? {
        let start = index
        if take("-"), let number = takeNumber() { return number }
        index = start
        takeSeparator()
        if take("post") || take("rev") || take("r") { return takeSeparatedNumber() }
        index = start
        return nil
    }

    mutating func takeDev() -> PythonVersion.Number? {
        let start = index
        takeSeparator()
        if take("dev") { return takeSeparatedNumber() }
        index = start
        return nil
    }

    /// - Returns: nothing for no local version, and `nil` for a bad one.
    mutating func takeLocal() -> [PythonVersion.LocalPart]? {
        guard take("+") else { return [] }
        var parts: [PythonVersion.LocalPart] = []
        repeat {
            let word = bytes[index...].prefix(while: PyPIName.isAlphanumeric)
            guard !word.isEmpty else { return nil }
            index += word.count
            let isNumber = word.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
            }
            parts.append(
                isNumber
                    ? .number(PythonVersion.Number(digits: word))
                    : .word(String(decoding: word, as: UTF8.self)))
        } while takeSeparator()
        return parts
    }

    @discardableResult
    private mutating func takeSeparator() -> Bool {
        take(".") || take("-") || take("_")
    }

    /// The number behind a word, which may be missing and is 0 then.
    private mutating func takeSeparatedNumber() -> PythonVersion.Number {
        let start = index
        takeSeparator()
        if let number = takeNumber() { return number }
        index = start
        return .zero
    }
}
