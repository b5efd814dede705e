import FormatKit
import HTTPTypes
import NIOCore
import Registry

extension NPMFormat {
    /// Characters of a token's key. npm lists six, and takes the beginning of a key for all of it.
    private static let keyCharacterCount = 6

    /// Lists what `npm login` and `npm token create` made here for the caller.
    ///
    /// *Source*: npm/cli, `npm-profile/lib/index.js`, `listTokens`; `lib/commands/token.js`.
    func listTokens(of caller: any CallerHandle) async throws(RegistryError) -> FormatResponse {
        let tokens = try await caller.listTokens()
        return .json([
            "objects": .array(tokens.map { .object(Self.members(of: $0, $0.prefix)) }),
            "urls": [:],
        ])
    }

    /// Makes a further token for a caller who says the password again.
    ///
    /// *Source*: npm/cli, `npm-profile/lib/index.js`, `createToken`.
    func createToken(
        body: consuming RequestBody, _ caller: any CallerHandle
    ) async throws(RegistryError) -> FormatResponse {
        let bytes = try await body.collect(limitBytes: Self.smallBodyLimitBytes)
        let wish = try TokenWish(parsing: Array(bytes.readableBytesView))
        let token: CallerToken
        let secret: String
        do throws(RegistryError) {
            (token, secret) = try await caller.createToken(
                password: wish.password, isReadOnly: wish.isReadOnly)
        } catch {
            guard error.code == .unauthenticated else { throw error }
            // A 401 would be about the token that the request was made with.
            throw RegistryError(.forbidden, "the password is wrong", reason: "password_wrong")
        }
        return .json(
            .object(Self.members(of: token, secret)), status: .created,
            headers: [.cacheControl: "no-store"])
    }

    /// Ends a token that is listed; npm sends its key, or the token itself.
    func revokeToken(
        _ key: String, _ caller: any CallerHandle
    ) async throws(RegistryError) -> FormatResponse {
        var isEnded = false
        if let id = Self.tokenID(of: key) {
            isEnded = try await caller.revokeToken(id)
        } else {
            isEnded = try await caller.logOut(key)
        }
        guard isEnded else {
            throw RegistryError(
                .notFound,
                "there is no such token that npm made here, or it may do more than the one in "
                    + "use: 'npm token list' lists them", reason: "token_unknown")
        }
        return FormatResponse(status: .noContent, headers: [.cacheControl: "no-store"])
    }

    private static func members(
        of token: CallerToken, _ text: String
    ) -> [(name: String, value: JSONValue)] {
        [
            ("token", .string(text)), ("key", .string(key(of: token.id))),
            ("cidr_whitelist", .null), ("readonly", .bool(token.isReadOnly)),
            ("created", .string(token.createdAt.iso8601)),
            ("updated", .string(token.createdAt.iso8601)),
            ("expires", .optional(token.expiresAt?.iso8601)),
        ]
    }

    /// `00000a`: none is the beginning of another.
    private static func key(of id: Int64) -> String {
        let digits = String(id, radix: 36)
        return String(repeating: "0", count: max(0, keyCharacterCount - digits.count)) + digits
    }

    private static func tokenID(of key: String) -> Int64? {
        guard key.count >= keyCharacterCount else { return nil }
        return Int64(key, radix: 36).flatMap { Self.key(of: $0) == key ? $0 : nil }
    }

    /// What `npm token create` asks for.
    private struct TokenWish {
        var password = ""
        var isReadOnly = false

        /// - Throws: `malformed` without a password, or for addresses that it shall be limited to.
        init(parsing body: [UInt8]) throws(RegistryError) {
            var found: (password: String?, isReadOnly: Bool, isLimited: Bool) = (nil, false, false)
            var scanner = JSONScanner(body)
            try scanner.readObject { (member, scanner) throws(RegistryError) in
                switch member {
                case "password": found.password = try scanner.readString()
                case "readonly":
                    found.isReadOnly = try scanner.readText().elementsEqual("true".utf8)
                case "cidr_whitelist":
                    let text = try scanner.readText()
                    found.isLimited = !["[]", "null"].contains { text.elementsEqual($0.utf8) }
                default: try scanner.skip()
                }
            }
            try scanner.finish()
            guard let password = found.password, !password.isEmpty else {
                throw RegistryError(
                    .malformed, "to create a token its user's password is needed",
                    reason: "password_missing")
            }
            guard !found.isLimited else {
                throw RegistryError(
                    .malformed, "a token cannot be limited to network addresses here",
                    reason: "cidr_unsupported")
            }
            self.password = password
            isReadOnly = found.isReadOnly
        }
    }
}
