import Database

extension MetadataSchema {
    /// What formats need whose packages are published in several requests and named by tags.
    static let repositoryChanges: [SQL] = [
        // Where clients find the package. The path of a project never changes, so this does not.
        "ALTER TABLE packages ADD COLUMN address {text} NOT NULL DEFAULT ''",
        """
        UPDATE packages SET address =
            (SELECT n.path FROM namespaces n WHERE n.id = packages.project_id)
            || CASE WHEN name = '' THEN '' ELSE '/' || name END
        """,
        "CREATE INDEX packages_address ON packages (format, address)",
        // Bytes of the blobs that versions outside of the trash name, each once.
        "ALTER TABLE packages ADD COLUMN size_bytes {integer} NOT NULL DEFAULT 0",
        """
        UPDATE packages SET size_bytes = (
            SELECT COALESCE(SUM(b.size), 0) FROM blobs b WHERE EXISTS (
                SELECT 1 FROM files f JOIN versions v ON v.id = f.version_id
                WHERE f.blob_digest = b.digest AND f.package_id = packages.id
                    AND f.deleted_at IS NULL AND v.deleted_at IS NULL))
        """,
        "ALTER TABLE versions ADD COLUMN lifetime {text} NOT NULL DEFAULT 'explicit'",
        "ALTER TABLE version_links ADD COLUMN label {text} NOT NULL DEFAULT ''",
        "CREATE INDEX tags_updated ON tags (package_id, updated_at, name)",
        "CREATE INDEX blobs_sha512 ON blobs (sha512)",
        // The store's own name for the bytes of an upload, once there are any.
        "ALTER TABLE uploads ADD COLUMN store_id {text}",
        "ALTER TABLE uploads ADD COLUMN hashes {integer} NOT NULL DEFAULT 0",
        "CREATE UNIQUE INDEX uploads_store ON uploads (store_id)",
        "CREATE INDEX blob_leases_package ON blob_leases (package_id)",
        """
        CREATE TABLE tag_rules (
            id {identity},
            project_id {integer} NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
            format {text} NOT NULL,
            pattern {text} NOT NULL,
            push_role {integer},
            delete_role {integer},
            immutable_since {integer},
            created_at {integer} NOT NULL,
            UNIQUE (project_id, format, pattern)
        ) {table}
        """,
    ]

    /// Clients of images know names in lower case only, and the path of a project is found by any.
    static let addressChanges: [SQL] = [
        """
        UPDATE packages SET address =
            (SELECT n.path_key FROM namespaces n WHERE n.id = packages.project_id)
            || CASE WHEN name = '' THEN '' ELSE '/' || name END
        """
    ]
}
