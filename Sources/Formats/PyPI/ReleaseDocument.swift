import FormatKit
import Registry

/// The description of a project that older tools read: a release with its metadata, and where its
/// files are.
///
/// What PyPI says about vulnerabilities is left out: nothing here knows any, and an empty list would
/// say that there are none.
///
/// *Source*: PyPI, "JSON API".
struct ReleaseDocument: Sendable {
    let project: SimpleProject
    let release: SimpleProject.Release
    let metadata: CoreMetadata
    /// Where the format is mounted, as clients reach it.
    let address: String
    /// Whether every release is listed, and not this one alone.
    let listsReleases: Bool

    var value: JSONValue {
        var members: [(name: String, value: JSONValue)] = [("info", info)]
        if listsReleases {
            let releases = project.releases.map { release in
                (name: release.name, value: files(of: release))
            }
            members.append(("releases", .object(releases)))
        }
        members.append(("urls", files(of: release)))
        return .object(members)
    }

    private var info: JSONValue {
        func list(_ name: String) -> JSONValue {
            let values = metadata.values(name)
            return values.isEmpty ? .null : .array(values.map(JSONValue.string))
        }
        let page = "\(address)/simple/\(project.name)/"
        let urls = metadata.values("project-url").compactMap { line in
            let halves = line.split(separator: ",", maxSplits: 1).map {
                $0.drop { $0 == " " }
            }
            return halves.count == 2
                ? (name: String(halves[0]), value: JSONValue.string(String(halves[1]))) : nil
        }
        var members: [(name: String, value: JSONValue)] = Self.texts.map { name, field in
            (name, .optional(metadata[field]))
        }
        members += [
            ("classifiers", .array(metadata.values("classifier").map(JSONValue.string))),
            ("description", .optional(metadata.description)),
            ("license_files", list("license-file")),
            ("name", .string(project.displayName)),
            ("package_url", .string(page)), ("project_url", .string(page)),
            ("project_urls", urls.isEmpty ? .null : .object(urls)),
            ("provides_extra", list("provides-extra")),
            ("release_url", .string("\(address)/pypi/\(project.name)/\(encodedVersion)/json")),
            ("requires_dist", list("requires-dist")),
            ("version", .string(release.name)), ("yanked", .bool(release.yank != nil)),
            ("yanked_reason", .optional(release.yank?.reason)),
        ]
        return .object(members.sorted { $0.name < $1.name })
    }

    private var encodedVersion: String { PercentEncoding.encode(release.name) }

    /// Members with one text, and the fields that they come from.
    private static let texts: [(name: String, field: String)] = [
        ("author", "author"), ("author_email", "author-email"),
        ("description_content_type", "description-content-type"),
        ("download_url", "download-url"), ("home_page", "home-page"), ("keywords", "keywords"),
        ("license", "license"), ("license_expression", "license-expression"),
        ("maintainer", "maintainer"), ("maintainer_email", "maintainer-email"),
        ("platform", "platform"), ("requires_python", "requires-python"), ("summary", "summary"),
    ]

    private func files(of release: SimpleProject.Release) -> JSONValue {
        .array(
            project.files.filter { $0.version.name == release.name }.map { json(of: $0) })
    }

    private func json(of file: SimpleProject.File) -> JSONValue {
        let digests = file.record.digests
        let url =
            "\(address)/files/\(digests.sha256.hex)/\(PercentEncoding.encode(file.name))"
        let time = file.record.createdAt.iso8601
        return [
            "comment_text": .optional(file.attributes.comment),
            "digests": ["md5": .optional(digests.md5), "sha256": .string(digests.sha256.hex)],
            "filename": .string(file.name), "has_sig": false,
            "md5_digest": .optional(digests.md5),
            "packagetype": .string(file.attributes.kind.rawValue),
            "python_version": .string(file.attributes.pythonTag),
            "requires_python": .optional(file.attributes.requiresPython),
            "size": .integer(file.record.size),
            "upload_time": .string(String(time.prefix(19))),
            "upload_time_iso_8601": .string(time), "url": .string(url),
            "yanked": .bool(file.yank != nil),
            "yanked_reason": .optional(file.yank?.reason),
        ]
    }
}
