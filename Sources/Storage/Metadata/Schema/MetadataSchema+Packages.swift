import Database

extension MetadataSchema {
    /// A trashed version or file keeps its row; its name is free for another meanwhile.
    static let packageTables: [SQL] = [
        """
        CREATE TABLE packages (
            id {identity},
            project_id {integer} NOT NULL REFERENCES namespaces (id) ON DELETE RESTRICT,
            format {text} NOT NULL,
            name {text} NOT NULL,
            name_key {text} NOT NULL,
            revision {integer} NOT NULL,
            created_at {integer} NOT NULL,
            updated_at {integer} NOT NULL,
            deleted_at {integer},
            UNIQUE (project_id, format, name)
        ) {table}
        """,
        "CREATE INDEX packages_name ON packages (format, name)",
        """
        CREATE TABLE versions (
            id {identity},
            package_id {integer} NOT NULL REFERENCES packages (id) ON DELETE RESTRICT,
            name {text} NOT NULL,
            status {text} NOT NULL,
            attributes {text} NOT NULL,
            creator {text} NOT NULL,
            creator_id {integer},
            pipeline_id {integer},
            ref {text},
            sha {text},
            created_at {integer} NOT NULL,
            deleted_at {integer}
        ) {table}
        """,
        """
        CREATE UNIQUE INDEX versions_name ON versions (package_id, name)
            WHERE deleted_at IS NULL
        """,
        "CREATE INDEX versions_package ON versions (package_id, name)",
        """
        CREATE TABLE tags (
            package_id {integer} NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
            name {text} NOT NULL,
            version_id {integer} NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
            updated_at {integer} NOT NULL,
            PRIMARY KEY (package_id, name)
        ) {table}
        """,
        "CREATE INDEX tags_version ON tags (version_id, name)",
        """
        CREATE TABLE version_links (
            version_id {integer} NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
            kind {text} NOT NULL,
            target_digest {text} NOT NULL,
            PRIMARY KEY (version_id, kind, target_digest)
        ) {table}
        """,
        "CREATE INDEX version_links_target ON version_links (target_digest, kind)",
    ]

    /// Files stand here because they name blobs. RESTRICT is the safety of the collector (I3).
    static let blobTables: [SQL] = [
        """
        CREATE TABLE blobs (
            digest {text} PRIMARY KEY,
            size {integer} NOT NULL,
            md5 {text},
            sha1 {text},
            sha512 {text},
            storage_key {text} NOT NULL UNIQUE,
            created_at {integer} NOT NULL,
            last_seen_at {integer} NOT NULL
        ) {table}
        """,
        """
        CREATE TABLE files (
            id {identity},
            package_id {integer} NOT NULL REFERENCES packages (id) ON DELETE RESTRICT,
            version_id {integer} NOT NULL REFERENCES versions (id) ON DELETE RESTRICT,
            path {text} NOT NULL,
            blob_digest {text} NOT NULL REFERENCES blobs (digest) ON DELETE RESTRICT,
            media_type {text},
            attributes {text} NOT NULL,
            created_at {integer} NOT NULL,
            deleted_at {integer}
        ) {table}
        """,
        """
        CREATE UNIQUE INDEX files_path ON files (version_id, path) WHERE deleted_at IS NULL
        """,
        "CREATE INDEX files_version ON files (version_id, path)",
        "CREATE INDEX files_blob ON files (blob_digest, package_id)",
        "CREATE INDEX files_package ON files (package_id)",
        """
        CREATE TABLE blob_leases (
            digest {text} NOT NULL REFERENCES blobs (digest) ON DELETE RESTRICT,
            package_id {integer} NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
            expires_at {integer} NOT NULL,
            PRIMARY KEY (digest, package_id)
        ) {table}
        """,
        """
        CREATE TABLE uploads (
            id {text} PRIMARY KEY,
            project_id {integer} NOT NULL REFERENCES namespaces (id) ON DELETE RESTRICT,
            format {text} NOT NULL,
            package_name {text} NOT NULL,
            creator {text} NOT NULL,
            byte_offset {integer} NOT NULL,
            state {bytes} NOT NULL,
            created_at {integer} NOT NULL,
            updated_at {integer} NOT NULL,
            expires_at {integer} NOT NULL
        ) {table}
        """,
        "CREATE INDEX uploads_expiry ON uploads (expires_at)",
        """
        CREATE TABLE reviews (
            subject_kind {text} NOT NULL,
            subject {text} NOT NULL,
            event {text} NOT NULL,
            review_after {integer} NOT NULL,
            attempts {integer} NOT NULL,
            leased_until {integer},
            PRIMARY KEY (subject_kind, subject)
        ) {table}
        """,
        "CREATE INDEX reviews_due ON reviews (review_after)",
        """
        CREATE TABLE unlinks (
            storage_key {text} PRIMARY KEY,
            attempts {integer} NOT NULL,
            leased_until {integer},
            created_at {integer} NOT NULL
        ) {table}
        """,
    ]
}
