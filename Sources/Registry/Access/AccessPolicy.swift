/// A question that a policy decides: everything it may look at, and nothing else.
public struct AccessQuestion: Sendable {
    public let principal: Principal
    public let action: AccessAction
    /// The namespace the action is asked in; `nil` for the instance as a whole.
    public let namespace: NamespaceRecord?
    /// The role of the principal's user in the namespace, inherited ones included.
    public let role: Role?
    /// Which family of token scopes applies; `nil` for the management API.
    public let family: ScopeFamily?
    /// Whether the caller presented a token that the gateway signed, for anonymous perhaps.
    public let hasSignedToken: Bool

    public init(
        principal: Principal, action: AccessAction, namespace: NamespaceRecord?, role: Role?,
        family: ScopeFamily?, hasSignedToken: Bool = false
    ) {
        self.principal = principal
        self.action = action
        self.namespace = namespace
        self.role = role
        self.family = family
        self.hasSignedToken = hasSignedToken
    }
}

/// What a policy answers.
public enum AccessDecision: Hashable, Sendable {
    case allow
    /// 401: who are you? In the format's own way.
    case challenge
    /// 403, with what is missing.
    case refuse(String)
    /// 404: the caller may not know that there is anything.
    case conceal
}

/// Decides who may do what: a pure function, and the only place that knows the rules.
public protocol AccessPolicy: Sendable {
    func decide(_ question: AccessQuestion) -> AccessDecision
}
