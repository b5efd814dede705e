import FormatKit
import Registry

/// A user as answers show one.
struct UserView: Sendable {
    let user: UserRecord
    let origin: PublicOrigin

    /// What everybody may see.
    static let basic = Entity<UserView>("UserBasic", "A user, as everybody sees one.", basicFields)

    /// What administrators see, and users of themselves.
    static let full = Entity<UserView>(
        "User", "A user, as administrators and the user see it.",
        basicFields + [
            EntityField("email", .string()) { .string($0.user.email) },
            EntityField("is_admin", .boolean) { .bool($0.user.isAdmin) },
            EntityField("created_at", .moment) { .string($0.user.createdAt.iso8601) },
            EntityField("namespace_id", .integer(), "The user's own namespace.") {
                .integer($0.user.namespaceID)
            },
        ])

    static let basicFields: [EntityField<UserView>] = [
        EntityField("id", .integer()) { .integer($0.user.id) },
        EntityField("username", .string()) { .string($0.user.username) },
        EntityField("name", .string()) { .string($0.user.name) },
        EntityField("state", .string(choices: UserRecord.State.allCases.map(\.rawValue))) {
            .string($0.user.state.rawValue)
        },
        EntityField("locked", .boolean) { _ in false },
        EntityField("avatar_url", JSONSchema.string().nullable) { _ in .null },
        EntityField("web_url", .string(format: "uri")) {
            .string("\($0.origin)/\($0.user.username)")
        },
    ]
}

/// A member as answers show one: the user, and what the membership says.
struct MemberView: Sendable {
    let member: MemberRecord
    let origin: PublicOrigin

    static let entity = Entity<MemberView>(
        "Member", "A member of a project or group.",
        UserView.basicFields.map { field in
            field.lifted { UserView(user: $0.member.user, origin: $0.origin) }
        } + [
            EntityField("access_level", .integer(), "10, 20, 30, 40 or 50.") {
                .integer(Int64($0.member.role.rawValue))
            },
            EntityField("created_at", .moment) { .string($0.member.createdAt.iso8601) },
            EntityField("expires_at", JSONSchema.day.nullable) {
                .optional($0.member.expiresAt?.dateText)
            },
            EntityField("membership_state", .string()) { _ in "active" },
        ])
}
