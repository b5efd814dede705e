import Foundation

/// One thing that can be set, with all that people are told about it. Flags, variables, keys of the
/// file, their help and `packhouse config` are made from `Setting.all`, and from nothing else.
struct Setting: Hashable, Sendable {
    /// What a value may be.
    enum Kind: Hashable, Sendable {
        case text
        case number(ClosedRange<Int>)
        case choice([String])
    }

    /// How much of a value may be shown.
    enum Secrecy: Hashable, Sendable {
        case open
        /// A URL whose password is masked.
        case hasPassword
        case secret
    }

    /// The name as a flag without its dashes, and as a key of the file: `database-url`.
    let name: String
    /// What stands for the value in the help: `URL`.
    let valueName: String
    let kind: Kind
    /// The value where nobody set one; `nil` where there is none.
    let defaultText: String?
    /// One sentence, without a full stop.
    let help: String
    let secrecy: Secrecy
    /// Whether there is a flag; a secret has none, because other users see the arguments.
    let isFlag: Bool
    /// Whether the file may hold it.
    let isKey: Bool

    init(
        _ name: String, _ valueName: String, kind: Kind = .text, default defaultText: String? = nil,
        secrecy: Secrecy = .open, isFlag: Bool = true, isKey: Bool = true, help: String
    ) {
        self.name = name
        self.valueName = valueName
        self.kind = kind
        self.defaultText = defaultText
        self.help = help
        self.secrecy = secrecy
        self.isFlag = isFlag
        self.isKey = isKey
    }

    /// The environment variable: `PACKHOUSE_DATABASE_URL`.
    var environmentName: String {
        Self.environmentPrefix + name.uppercased().replacing("-", with: "_")
    }

    /// What every variable of Packhouse begins with.
    static let environmentPrefix = "PACKHOUSE_"

    /// `value` as it may be shown to people.
    func shown(_ value: String) -> String {
        switch secrecy {
        case .open: value
        case .secret: "***"
        case .hasPassword: Self.maskingPassword(in: value)
        }
    }

    /// `postgres://me:***@host/db` for a URL with a password, in its authority or its query.
    static func maskingPassword(in url: String) -> String {
        var shown = url
        if let scheme = url.range(of: "://") {
            let rest = url[scheme.upperBound...]
            let authority = rest.prefix { $0 != "/" && $0 != "?" }
            if let at = authority.lastIndex(of: "@"),
                let colon = authority[..<at].firstIndex(of: ":")
            {
                shown = url[...colon] + "***" + url[at...]
            }
        }
        return shown.replacing(/password=[^&]*/) { _ in "password=***" }
    }
}
