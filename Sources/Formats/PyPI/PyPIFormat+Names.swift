extension PyPIFormat {
    /// What the package of a project is called: the normalized name, or the text as it is where it is
    /// no name.
    public static func packageName(_ text: String) -> String {
        (try? PyPIName(parsing: text).normalized) ?? text
    }

    /// What a version is called: its one spelling, or the text as it is where it is no version.
    public static func versionName(_ text: String) -> String {
        (try? PythonVersion(parsing: text).description) ?? text
    }
}
