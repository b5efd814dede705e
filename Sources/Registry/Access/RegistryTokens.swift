/// The signed tokens that docker and its kin fetch before they pull or push.
///
/// *Source*: distribution, "Token Authentication Specification".
public enum RegistryTokens {
    /// What challenges call the service, and whom tokens are made for.
    public static let service = "container_registry"
    /// Where tokens are fetched, below the origin.
    public static let realmPath = "/jwt/auth"
    /// The detail of an `unauthenticated` failure that names what a token would have to grant, as
    /// the `scope` of a challenge has it.
    public static let scopeDetail = "scope"
    /// The reason of an `unauthenticated` failure of a token that grants too little.
    public static let insufficientScopeReason = "insufficient_scope"
    /// The reason of an `unauthenticated` failure of a token whose time is over.
    public static let expiredReason = "token_expired"
}
