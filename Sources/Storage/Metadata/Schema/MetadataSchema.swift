import Database

/// The schema, as the steps that led to it. A released step is never edited: a change is a new step.
///
/// Times are microseconds since 1970. A `…_key` column is the text in lower case, for comparing and
/// searching without case. What only a format understands is JSON text that no statement looks into.
enum MetadataSchema {
    static let migrations = [
        Migration(
            number: 1, name: "tables of namespaces, packages, blobs and identities",
            statements: namespaceTables + identityTables + packageTables + blobTables
                + eventTables),
        Migration(
            number: 2, name: "addresses and sizes of packages, uploads in parts, rules about tags",
            statements: repositoryChanges),
        Migration(number: 3, name: "the collector's switch", statements: collectionChanges),
        Migration(
            number: 4, name: "attributes of packages, and what they are searched by",
            statements: releaseChanges),
        Migration(number: 5, name: "downloads of versions", statements: pullTables),
        Migration(number: 6, name: "what projects keep", statements: retentionTables),
        Migration(
            number: 7, name: "addresses of packages in lower case", statements: addressChanges),
        Migration(
            number: 8, name: "what the collector did and cannot do",
            statements: collectorActivityChanges),
        Migration(number: 9, name: "how far the scrub is", statements: scrubTable),
        Migration(
            number: 10, name: "the trash of tags, periods, rules about packages",
            statements: trashChanges),
        Migration(
            number: 11, name: "the period of blobs that nothing names",
            statements: unreferencedChanges),
        Migration(number: 12, name: "logins on a page", statements: pageLoginTable),
    ]

    private static let namespaceTables: [SQL] = [
        """
        CREATE TABLE namespaces (
            id {identity},
            kind {text} NOT NULL,
            path {text} NOT NULL,
            path_key {text} NOT NULL,
            parent_id {integer} REFERENCES namespaces (id) ON DELETE RESTRICT,
            name {text} NOT NULL,
            name_key {text} NOT NULL,
            summary {text} NOT NULL,
            visibility {integer} NOT NULL,
            effective_visibility {integer} NOT NULL,
            settings {text} NOT NULL,
            creator_id {integer},
            created_at {integer} NOT NULL,
            deleted_at {integer}
        ) {table}
        """,
        """
        CREATE UNIQUE INDEX namespaces_path ON namespaces (path_key) WHERE deleted_at IS NULL
        """,
        "CREATE INDEX namespaces_parent ON namespaces (parent_id)",
        """
        CREATE TABLE namespace_ancestors (
            namespace_id {integer} NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
            ancestor_id {integer} NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
            depth {integer} NOT NULL,
            PRIMARY KEY (namespace_id, ancestor_id)
        ) {table}
        """,
        """
        CREATE INDEX namespace_ancestors_below
            ON namespace_ancestors (ancestor_id, namespace_id)
        """,
        """
        CREATE TABLE administration_epoch (
            id {integer} PRIMARY KEY,
            epoch {integer} NOT NULL
        ) {table}
        """,
        "INSERT INTO administration_epoch (id, epoch) VALUES (1, 1)",
        """
        CREATE TABLE feature_gates (
            feature {text} NOT NULL,
            condition {text} NOT NULL,
            target_id {integer} NOT NULL,
            value {integer} NOT NULL,
            PRIMARY KEY (feature, condition, target_id)
        ) {table}
        """,
    ]

    private static let identityTables: [SQL] = [
        """
        CREATE TABLE principals (
            id {identity},
            username {text} NOT NULL,
            username_key {text} NOT NULL UNIQUE,
            name {text} NOT NULL,
            name_key {text} NOT NULL,
            email {text} NOT NULL,
            email_key {text} NOT NULL,
            is_admin {integer} NOT NULL,
            state {text} NOT NULL,
            password_hash {text},
            namespace_id {integer} NOT NULL REFERENCES namespaces (id) ON DELETE RESTRICT,
            created_at {integer} NOT NULL
        ) {table}
        """,
        """
        CREATE TABLE memberships (
            namespace_id {integer} NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
            user_id {integer} NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
            role {integer} NOT NULL,
            created_at {integer} NOT NULL,
            expires_at {integer},
            PRIMARY KEY (namespace_id, user_id)
        ) {table}
        """,
        "CREATE INDEX memberships_user ON memberships (user_id, namespace_id)",
        """
        CREATE TABLE tokens (
            id {identity},
            kind {text} NOT NULL,
            name {text} NOT NULL,
            username {text} NOT NULL,
            user_id {integer} REFERENCES principals (id) ON DELETE CASCADE,
            namespace_id {integer} REFERENCES namespaces (id) ON DELETE CASCADE,
            scopes {text} NOT NULL,
            job_id {integer},
            pipeline_id {integer},
            ref {text},
            sha {text},
            secret_hash {text} NOT NULL UNIQUE,
            created_at {integer} NOT NULL,
            expires_at {integer},
            revoked_at {integer},
            last_used_at {integer}
        ) {table}
        """,
        "CREATE INDEX tokens_user ON tokens (user_id, kind, id)",
        "CREATE INDEX tokens_namespace ON tokens (namespace_id, kind, id)",
    ]

    private static let eventTables: [SQL] = [
        """
        CREATE TABLE audit_events (
            id {identity},
            action {text} NOT NULL,
            principal {text} NOT NULL,
            user_id {integer},
            request_id {text} NOT NULL,
            remote_address {text} NOT NULL,
            namespace_id {integer},
            subject {text} NOT NULL,
            created_at {integer} NOT NULL
        ) {table}
        """,
        "CREATE INDEX audit_events_namespace ON audit_events (namespace_id, id)",
        """
        CREATE TABLE outbox (
            id {identity},
            event {text} NOT NULL,
            payload {text} NOT NULL,
            attempts {integer} NOT NULL,
            due_at {integer} NOT NULL,
            leased_until {integer},
            created_at {integer} NOT NULL
        ) {table}
        """,
        "CREATE INDEX outbox_due ON outbox (due_at)",
    ]
}
