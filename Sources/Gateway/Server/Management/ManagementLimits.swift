/// The limits of the management API, each with its unit.
enum ManagementLimits {
    /// The longest body of a request, in bytes.
    static let bodyBytes = 1 << 20
    /// The longest name of a group, project, user or token, in characters.
    static let nameCharacters = 255
    /// The longest description, in characters.
    static let descriptionCharacters = 2000
    /// The longest e-mail address, in characters.
    ///
    /// *Source*: RFC 5321, section 4.5.3.1.3.
    static let emailCharacters = 254
    /// The longest password, in characters.
    static let passwordCharacters = 1024
    /// The longest search text, in characters.
    static let searchCharacters = 255
    /// The longest branch or tag of a CI job, in characters.
    static let refCharacters = 1024
    /// The longest commit id, in characters.
    static let shaCharacters = 64
    /// The longest name of a package or version to filter by, in characters.
    static let packageNameCharacters = 1024
    /// The longest life of a personal access token, in days.
    static let personalTokenLifetimeDays: Int64 = 400
    /// The life of a personal access token for which nobody said, in days.
    static let personalTokenDefaultLifetimeDays: Int64 = 365
    /// The life of a rotated token for which nobody said, in days.
    static let rotatedTokenLifetimeDays: Int64 = 7
    /// The longest life of a job token, in seconds: a week.
    static let jobTokenLifetimeSeconds: Int64 = 604_800
    /// The life of a job token for which nobody said, in seconds.
    static let jobTokenDefaultLifetimeSeconds: Int64 = 3600
    /// The most ids, names or scopes in one list of a request.
    static let listCount = 100
    /// The most tags that a list of repositories shows of each.
    static let repositoryTagCount = 1000
    /// The most tags that one clean-up looks at.
    static let examinedTagCount = 1_000_000
    /// The most tags that one clean-up deletes.
    static let deletedTagCount = 10_000
    /// The most tags that the answer to a clean-up names.
    static let namedTagCount = 10_000
    /// The tags that a clean-up reads, or deletes, before others get their turn at the database.
    static let tagBatchCount = 200
    /// The versions that the answer to a dry run of a policy names before it ends.
    static let retentionPageCount = 1000
    /// The most versions of one package that it names.
    static let retentionNamedCount = 10_000
    /// The packages that one dry run of a policy looks at before it ends.
    static let retentionPackageCount = 5000
    /// The projects or packages that one statement lists for a policy.
    static let retentionBatchCount = 100
    /// The longest name of a tag, in characters.
    ///
    /// *Source*: OCI distribution specification, "Pulling manifests", `<reference>`.
    static let tagCharacters = 128
    /// The longest text that says how long something is kept, in characters.
    static let periodCharacters = 32
    /// The longest text that says how old something is, in characters.
    static let ageCharacters = 64
}
