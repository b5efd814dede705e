import Registry

/// How old a tag has to be, as people write it: `1h`, `2d`, `1month`, `1 week 2 days`.
///
/// *Source*: GitLab, "Container registry API", `older_than`.
struct TagAge: Hashable, Sendable, CustomStringConvertible {
    private let period: NamedPeriod

    /// As it was written.
    var description: String { period.description }
    var seconds: Int64 { period.seconds }

    /// Reads numbers with their units.
    ///
    /// - Throws: `malformed` for anything else.
    init(parsing text: String) throws(RegistryError) {
        do throws(RegistryError) {
            period = try NamedPeriod(parsing: text)
        } catch {
            throw RegistryError.parameters("older_than is invalid: \(error.message)")
        }
    }
}
