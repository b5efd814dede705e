import Database

extension MetadataSchema {
    /// The trash of tags, periods that can be set, and rules about packages.
    static let trashChanges: [SQL] = [
        // A tag that was removed and can be restored. While it can be, its version is kept.
        """
        CREATE TABLE removed_tags (
            id {identity},
            package_id {integer} NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
            name {text} NOT NULL,
            version_id {integer} NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
            updated_at {integer} NOT NULL,
            deleted_at {integer} NOT NULL,
            remover {text} NOT NULL,
            remover_id {integer}
        ) {table}
        """,
        "CREATE INDEX removed_tags_name ON removed_tags (package_id, name, deleted_at)",
        "CREATE INDEX removed_tags_version ON removed_tags (version_id, deleted_at)",
        // Until when, at least, somebody needed a version of lifetime 'referenced': what the period
        // without a tag is counted from. Until now only the review knew.
        "ALTER TABLE versions ADD COLUMN needed_at {integer} NOT NULL DEFAULT 0",
        """
        UPDATE versions SET needed_at = COALESCE((
            SELECT r.review_after - 604800000000 FROM reviews r
            WHERE r.subject_kind = 'version' AND r.subject = CAST(versions.id AS TEXT)),
            created_at)
        """,
        "CREATE INDEX versions_in_package ON versions (package_id, id)",
        """
        CREATE INDEX versions_deleted ON versions (package_id, deleted_at)
            WHERE deleted_at IS NOT NULL
        """,
        "CREATE INDEX files_deleted ON files (package_id, deleted_at) WHERE deleted_at IS NOT NULL",
        "ALTER TABLE collector ADD COLUMN trash_period {text}",
        "ALTER TABLE collector ADD COLUMN untagged_period {text}",
        // The format '' stands for all of them; tokens are separated by commas.
        """
        CREATE TABLE package_rules (
            id {identity},
            project_id {integer} NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
            format {text} NOT NULL,
            subject {text} NOT NULL,
            pattern {text} NOT NULL,
            publish_role {integer},
            publish_tokens {text} NOT NULL,
            delete_role {integer},
            delete_tokens {text} NOT NULL,
            created_at {integer} NOT NULL,
            UNIQUE (project_id, format, subject, pattern)
        ) {table}
        """,
    ]
}
