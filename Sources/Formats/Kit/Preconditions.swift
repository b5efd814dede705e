public import HTTPTypes
public import Registry

/// What a representation is recognised by.
public struct Validators: Hashable, Sendable {
    public let entityTag: EntityTag
    public let lastModified: Timestamp

    public init(entityTag: EntityTag, lastModified: Timestamp) {
        self.entityTag = entityTag
        self.lastModified = lastModified
    }
}

/// The conditions that a request makes, and what follows from them. Pure.
///
/// *Source*: RFC 9110, section 13.
public struct Preconditions: Hashable, Sendable {
    /// The value of `If-Match` or `If-None-Match`.
    public enum TagCondition: Hashable, Sendable {
        /// `*`: any representation.
        case any
        case tags([EntityTag])
        /// Neither; a client that says it cannot be understood is not let change anything.
        case unreadable
    }

    /// What the conditions say about going on.
    public enum Verdict: Hashable, Sendable {
        case proceed
        /// 304: the client has it already.
        case notModified
        /// 412.
        case failed
    }

    public let ifMatch: TagCondition?
    public let ifNoneMatch: TagCondition?
    /// `nil` also where the date cannot be read, which the specification says to ignore.
    public let ifModifiedSince: Timestamp?
    public let ifUnmodifiedSince: Timestamp?

    /// The conditions in these header fields.
    public init(_ headers: HTTPFields) {
        ifMatch = headers[.ifMatch].map(Self.readTags)
        ifNoneMatch = headers[.ifNoneMatch].map(Self.readTags)
        ifModifiedSince = headers[.ifModifiedSince].flatMap { Timestamp(httpDate: $0) }
        ifUnmodifiedSince = headers[.ifUnmodifiedSince].flatMap { Timestamp(httpDate: $0) }
    }

    /// Whether there is any condition on changing something.
    public var guardsChange: Bool {
        ifMatch != nil || ifNoneMatch != nil || ifUnmodifiedSince != nil
    }

    /// Weighs the conditions in the order of the specification.
    ///
    /// `current` is `nil` where there is no representation; `isRead` is true for GET and HEAD.
    ///
    /// *Source*: RFC 9110, section 13.2.2.
    public func evaluate(_ current: Validators?, isRead: Bool) -> Verdict {
        if let ifMatch {
            guard Self.holdsIfMatch(ifMatch, current) else { return .failed }
        } else if let ifUnmodifiedSince, let current {
            guard current.lastModified.seconds <= ifUnmodifiedSince.seconds else {
                return .failed
            }
        }
        if let ifNoneMatch {
            if ifNoneMatch == .unreadable { return isRead ? .proceed : .failed }
            if !Self.holdsIfNoneMatch(ifNoneMatch, current) {
                return isRead ? .notModified : .failed
            }
        } else if isRead, let ifModifiedSince, let current {
            if current.lastModified.seconds <= ifModifiedSince.seconds { return .notModified }
        }
        return .proceed
    }

    /// Whether a `Range` applies to this representation, which it does without an `If-Range`.
    ///
    /// A date counts when it is the very `Last-Modified`; anything unreadable does not.
    ///
    /// *Source*: RFC 9110, section 13.1.5.
    public static func allowsRange(_ ifRange: String?, _ current: Validators) -> Bool {
        guard let ifRange else { return true }
        if let tag = EntityTag(parsing: ifRange) {
            return tag.matchesStrongly(current.entityTag)
        }
        return Timestamp(httpDate: ifRange)?.seconds == current.lastModified.seconds
    }

    private static func readTags(_ text: String) -> TagCondition {
        if text.utf8.filter({ $0 != 0x20 && $0 != 0x09 }).elementsEqual("*".utf8) { return .any }
        return EntityTag.parseList(text).map(TagCondition.tags) ?? .unreadable
    }

    private static func holdsIfMatch(_ condition: TagCondition, _ current: Validators?) -> Bool {
        guard let current else { return false }
        return switch condition {
        case .any: true
        case .tags(let tags): tags.contains { $0.matchesStrongly(current.entityTag) }
        case .unreadable: false
        }
    }

    private static func holdsIfNoneMatch(
        _ condition: TagCondition, _ current: Validators?
    ) -> Bool {
        guard let current else { return true }
        return switch condition {
        case .any: false
        case .tags(let tags): !tags.contains { $0.matchesWeakly(current.entityTag) }
        case .unreadable: true
        }
    }
}
