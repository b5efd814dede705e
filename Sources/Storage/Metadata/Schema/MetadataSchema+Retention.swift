import Database

extension MetadataSchema {
    /// What projects and groups keep, and when that is applied. A policy is JSON that no statement
    /// looks into; what statements ask is whether it is enabled.
    static let retentionTables: [SQL] = [
        """
        CREATE TABLE retention_policies (
            namespace_id {integer} PRIMARY KEY REFERENCES namespaces (id) ON DELETE CASCADE,
            policy {text},
            policy_enabled_at {integer},
            translation {text},
            translation_source {text},
            translation_enabled_at {integer},
            updated_at {integer} NOT NULL
        ) {table}
        """,
        """
        CREATE TABLE retention_runs (
            project_id {integer} PRIMARY KEY REFERENCES namespaces (id) ON DELETE CASCADE,
            next_run_at {integer},
            leased_until {integer},
            attempts {integer} NOT NULL,
            started_at {integer},
            finished_at {integer},
            kept_count {integer} NOT NULL,
            removed_count {integer} NOT NULL,
            failure {text}
        ) {table}
        """,
        "CREATE INDEX retention_runs_due ON retention_runs (next_run_at)",
    ]
}
