import Database
import Registry

/// Statements on `package_rules`.
extension MetadataTransaction {
    private static let packageRuleColumns: SQL = """
        id, project_id, format, subject, pattern, publish_role, publish_tokens, delete_role,
        delete_tokens, created_at
        """

    func listPackageRules(projectID: Int64) throws -> [PackageRule] {
        try all(
            """
            SELECT \(Self.packageRuleColumns) FROM package_rules
            WHERE project_id = \(projectID) ORDER BY id
            """
        ) { try PackageRule(&$0) }
    }

    func insertPackageRule(
        _ terms: PackageRuleTerms, projectID: Int64, at now: Timestamp
    ) throws -> PackageRule {
        // Also puts inserts in order, so that two cannot both be the last that fits.
        try raiseAdministrationEpoch()
        let count = try one(
            "SELECT COUNT(*) FROM package_rules WHERE project_id = \(projectID)"
        ) { try $0.integer() }
        guard count < PackageRule.limitCount else {
            throw RegistryError(
                .conflict, "a project has at most \(PackageRule.limitCount) rules about packages",
                reason: "too_many_rules")
        }
        return try orRuleExists {
            try one(
                """
                INSERT INTO package_rules (
                    project_id, format, subject, pattern, publish_role, publish_tokens,
                    delete_role, delete_tokens, created_at)
                VALUES (
                    \(projectID), \(terms.format?.name ?? ""), \(terms.subject.rawValue),
                    \(terms.pattern.description), \(terms.publish.role?.level),
                    \(terms.publish.tokens.joined(separator: ",")), \(terms.delete.role?.level),
                    \(terms.delete.tokens.joined(separator: ",")), \(now))
                RETURNING \(Self.packageRuleColumns)
                """
            ) { try PackageRule(&$0) }
        }
    }

    func updatePackageRule(
        _ id: Int64, projectID: Int64, _ terms: PackageRuleTerms
    ) throws -> PackageRule? {
        try raiseAdministrationEpoch()
        return try orRuleExists {
            try first(
                """
                UPDATE package_rules SET
                    format = \(terms.format?.name ?? ""), subject = \(terms.subject.rawValue),
                    pattern = \(terms.pattern.description),
                    publish_role = \(terms.publish.role?.level),
                    publish_tokens = \(terms.publish.tokens.joined(separator: ",")),
                    delete_role = \(terms.delete.role?.level),
                    delete_tokens = \(terms.delete.tokens.joined(separator: ","))
                WHERE id = \(id) AND project_id = \(projectID)
                RETURNING \(Self.packageRuleColumns)
                """
            ) { try PackageRule(&$0) }
        }
    }

    func removePackageRule(_ id: Int64, projectID: Int64) throws -> Bool {
        try raiseAdministrationEpoch()
        return try session.execute(
            "DELETE FROM package_rules WHERE id = \(id) AND project_id = \(projectID)") == 1
    }

    private func orRuleExists<Value>(_ body: () throws -> Value) throws -> Value {
        try orConflict(
            "the project has a rule with this pattern already", reason: "rule_exists", body)
    }
}

extension Role {
    /// GitLab's number of the role, as it is stored.
    fileprivate var level: Int64 { Int64(rawValue) }
}

extension PackageRule {
    fileprivate init(_ row: inout SQLRow) throws {
        let (id, projectID) = (try row.integer(), try row.integer())
        let format = try row.text()
        let subject = try row.choice(PackageRuleTerms.Subject.self)
        let pattern = try WildcardPattern(row.text())
        let terms = PackageRuleTerms(
            pattern: pattern, subject: subject,
            format: format.isEmpty ? nil : FormatID(stored: format),
            publish: try RuleRequirement(&row), delete: try RuleRequirement(&row))
        self.init(id: id, projectID: projectID, terms: terms, createdAt: try row.timestamp())
    }
}

extension RuleRequirement {
    fileprivate init(_ row: inout SQLRow) throws {
        let level = try row.optionalInteger()
        let tokens = try row.text().split(separator: ",").map(String.init)
        guard let level else {
            self.init(tokens: tokens)
            return
        }
        guard let role = Role(rawValue: Int(level)) else {
            throw DatabaseError(.other, "\(level) is no role")
        }
        self.init(role: role, tokens: tokens)
    }
}
