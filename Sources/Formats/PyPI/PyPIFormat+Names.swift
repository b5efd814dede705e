public import Registry

extension PyPIFormat {
    /// Of a release that is yanked, installers take a file only for who asks for that very version.
    ///
    /// *Source*: PEP 592.
    public static let statuses: [VersionStatus] = [.default, .hidden, .yanked, .deprecated]

    /// What the package of a project is called: the normalized name, or the text as it is where it is
    /// no name.
    public static func canonicalName(_ text: String) -> String {
        (try? PyPIName(parsing: text).normalized) ?? text
    }

    /// What a version may be called, since `1.0` and `1` are one release: as it is written first. The
    /// text as it is where it is no version.
    public static func versionSpellings(_ text: String) -> [String] {
        (try? PythonVersion(parsing: text).spellings) ?? [text]
    }
}
