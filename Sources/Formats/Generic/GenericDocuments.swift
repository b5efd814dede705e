import FormatKit
import Registry

/// The JSON that the generic format answers with.
enum GenericDocuments {
    /// The address of a file, below the prefix that the client used.
    static func url(of address: FileAddress, _ head: RequestHead) -> String {
        head.url(
            forTail: [address.package, address.version.description]
                + address.path.split(separator: "/").map(String.init))
    }

    /// A file in the list of its version.
    ///
    /// *Source*: GitLab, "Packages API: List package files", with `file_sha512`, `media_type` and
    /// `url` beside what it has.
    static func listedFile(_ file: FileRecord, url: String) -> JSONValue {
        [
            "id": .integer(file.id),
            "package_id": .integer(file.versionID),
            "created_at": .string(file.createdAt.iso8601),
            "file_name": .string(file.path),
            "size": .integer(file.size),
            "file_md5": .optional(file.digests.md5),
            "file_sha1": .optional(file.digests.sha1),
            "file_sha256": .string(file.digests.sha256.hex),
            "file_sha512": .optional(file.digests.sha512),
            "media_type": .string(file.mediaType ?? MediaType.octetStream),
            "url": .string(url),
        ]
    }

    /// The answer to an upload with `?select=package_file`. The fields about verification belong to
    /// GitLab's replication and are constant; clients with fixed types expect them.
    ///
    /// *Source*: GitLab, "Generic packages repository: Publish a single file".
    static func storedFile(_ file: FileRecord, url: String) -> JSONValue {
        [
            "id": .integer(file.id),
            "package_id": .integer(file.versionID),
            "created_at": .string(file.createdAt.iso8601),
            "updated_at": .string(file.createdAt.iso8601),
            "size": .integer(file.size),
            "file_store": 1,
            "file_md5": .optional(file.digests.md5),
            "file_sha1": .optional(file.digests.sha1),
            "file_name": .string(file.path),
            "file": ["url": .string(url)],
            "file_sha256": .string(file.digests.sha256.hex),
            "verification_retry_at": .null,
            "verified_at": .null,
            "verification_failure": .null,
            "verification_retry_count": .null,
            "verification_checksum": .null,
            "verification_state": 0,
            "verification_started_at": .null,
            "new_file_path": .null,
        ]
    }
}
