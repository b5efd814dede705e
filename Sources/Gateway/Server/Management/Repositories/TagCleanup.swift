import Registry

/// Which tags of a repository a clean-up deletes. It is told one tag after another, and says of each
/// what becomes of it, and why.
///
/// The order of the questions is GitLab's: `latest`, the pattern to delete, the pattern to keep, the
/// newest, the age, the rules.
///
/// *Source*: GitLab, "Container registry API: Delete registry repository tags in bulk".
struct TagCleanup: Sendable {
    /// What the caller asked for.
    struct Selection: Sendable {
        var deletePattern: NamePattern
        /// The parameter that the pattern came in.
        var deleteParameter = "name_regex_delete"
        var keepPattern: NamePattern?
        /// How many of the newest that match are kept.
        var keepCount = 0
        var age: TagAge?
        var includesLatest = false
    }

    /// What decided about a tag.
    enum Reason: String, Sendable, CaseIterable {
        /// It was asked for, and nothing keeps it.
        case matched
        case latest
        case notMatched = "not_matched"
        case keepPattern = "name_regex_keep"
        case keepCount = "keep_n"
        case age = "older_than"
        case protected
        case immutable
        /// It was pushed, or deleted, while the clean-up ran.
        case changed
    }

    /// What becomes of a tag.
    struct Verdict: Sendable {
        let reason: Reason
        /// The reason in words.
        let message: String
        /// The pattern of the rule that keeps it.
        var rule: String?

        var isDeletion: Bool { reason == .matched }
    }

    let selection: Selection
    let protection: TagProtection
    let now: Timestamp
    private var matchedCount = 0

    init(_ selection: Selection, _ protection: TagProtection, now: Timestamp) {
        self.selection = selection
        self.protection = protection
        self.now = now
    }

    /// The order in which tags have to come: the newest first where the newest are kept, else the
    /// oldest first, so that a repository with very many is cleaned up call by call.
    var order: TagFilter {
        TagFilter(
            order: .updatedAt, direction: selection.keepCount > 0 ? .descending : .ascending)
    }

    /// Decides about the next tag.
    ///
    /// - Throws: `malformed` when a pattern of the caller's takes too long, `unprocessable` when one
    ///   of a rule does.
    mutating func judge(_ name: String, updatedAt: Timestamp) throws(RegistryError) -> Verdict {
        if name == Self.latest, !selection.includesLatest {
            return Verdict(
                reason: .latest, message: "'latest' is kept unless include_latest is true")
        }
        let parameter = selection.deleteParameter
        guard try Self.matches(selection.deletePattern, name, parameter) else {
            return Verdict(
                reason: .notMatched,
                message: "does not match \(parameter) '\(selection.deletePattern)' as a whole")
        }
        if let pattern = selection.keepPattern,
            try Self.matches(pattern, name, Reason.keepPattern.rawValue)
        {
            return Verdict(
                reason: .keepPattern, message: "matches name_regex_keep '\(pattern)'")
        }
        matchedCount += 1
        if matchedCount <= selection.keepCount {
            return Verdict(
                reason: .keepCount,
                message: "is one of the \(selection.keepCount) newest of those that match")
        }
        if let age = selection.age, updatedAt > now.advanced(bySeconds: -age.seconds) {
            return Verdict(reason: .age, message: "was pushed less than \(age) ago")
        }
        do throws(RegistryError) {
            try protection.checkRemoving(name)
        } catch {
            guard let verdict = Verdict(refusal: error) else { throw error }
            return verdict
        }
        return Verdict(
            reason: .matched,
            message: "matches \(parameter) '\(selection.deletePattern)', and nothing keeps it")
    }

    private static let latest = "latest"

    private static func matches(
        _ pattern: NamePattern, _ name: String, _ parameter: String
    ) throws(RegistryError) -> Bool {
        do throws(RegistryError) {
            return try pattern.matches(name)
        } catch {
            throw RegistryError.parameters("\(parameter) is invalid: \(error.message)")
        }
    }
}

extension TagCleanup.Verdict {
    /// The verdict of a rule; `nil` when `error` is no rule's.
    init?(refusal error: RegistryError) {
        let reason: TagCleanup.Reason
        switch error.reason {
        case TagProtection.immutableReason?: reason = .immutable
        case TagProtection.protectedReason?, PackageProtection.protectedReason?:
            reason = .protected
        default: return nil
        }
        self.init(
            reason: reason, message: error.message,
            rule: error.detail[TagProtection.ruleDetail])
    }
}
