import GarbageCollection
import Registry
import TestSupport
import Testing

/// A project with images and versions, and servers that apply what it keeps.
struct RetentionBench {
    static let day: Int64 = 86_400

    let bench: CollectorBench
    let project: NamespaceRecord
    let group: NamespaceRecord

    static func run(
        on kind: DatabaseKind, _ body: (RetentionBench) async throws -> Void
    ) async throws {
        try await CollectorBench.run(on: kind) { bench in
            guard let project = bench.scopes.project.namespace,
                let group = bench.scopes.group.namespace
            else { return }
            try await body(RetentionBench(bench: bench, project: project, group: group))
        }
    }

    var metadata: any MetadataStore { bench.metadata }
    var clock: ManualClock { bench.clock }

    func runner(
        on store: (any MetadataStore)? = nil, replica: Int = 0,
        _ change: (inout RetentionRunner.Limits) -> Void = { _ in }
    ) -> RetentionRunner {
        var limits = RetentionRunner.Limits()
        change(&limits)
        return RetentionRunner(
            metadata: store ?? bench.scopes.replicas[replica].metadata, clock: clock,
            formatRules: FormatRules([]), limits: limits)
    }

    /// Sets the policy of the project, or of another namespace, and makes it due.
    func set(
        _ rules: String, enabled: Bool = true, of namespace: NamespaceRecord? = nil
    ) async throws {
        let policy = try RetentionPolicy(
            parsing: "{\"enabled\": \(enabled), \"rules\": [\(rules)]}")
        let (namespace, now) = (namespace ?? project, clock.now())
        try await metadata.write { tx in
            try tx.setRetention(RetentionSettings(policy: policy), of: namespace, at: now)
        }
    }

    /// Applies what the project keeps, now.
    @discardableResult
    func apply(_ runner: RetentionRunner? = nil) async throws -> RetentionReport? {
        try await (runner ?? self.runner()).runNext(projectID: project.id)
    }

    /// Pushes an image under each of these tags, one day after the other.
    func push(_ tags: [String], to package: String = "api") async throws {
        for tag in tags {
            clock.advance(bySeconds: Self.day)
            try await bench.publish(
                "\(package) \(tag)", tags: [tag], to: try bench.package(package))
        }
    }

    /// Publishes these versions, one day after the other.
    func publish(_ versions: [String], of package: String = "tool") async throws {
        for version in versions {
            clock.advance(bySeconds: Self.day)
            var upload = try await bench.scopes.project.beginUpload(hashes: [])
            try await upload.append(body: CollectorBench.body("\(package) \(version)"))
            let blob = try await upload.commit()
            _ = try await bench.scopes.project.publish(
                PublishDraft(
                    package: package, version: version,
                    files: [FileDraft(path: "file", blob: blob)]),
                format: "generic")
        }
    }

    /// The tags that are there, in bytewise order.
    func tags(of package: String = "api") async throws -> [String] {
        let package = try bench.package(package)
        guard let row = try await package.find() else { return [] }
        return try await package.listTagNames(of: row, after: nil, limit: 1000)
    }

    /// The versions that are there, in the order in which they came.
    func versions(of package: String = "tool", isDeleted: Bool = false) async throws -> [String] {
        let filter = VersionFilter(format: "generic", packageName: package, isDeleted: isDeleted)
        let id = project.id
        return try await metadata.read { tx in
            try tx.listVersions(
                filter, in: .project(id), readableBy: .everything,
                page: PageRequest(size: PageRequest.limitCount)
            ).rows.map(\.name)
        }
    }

    /// What the policy says of everything in the project: what stays, and what would go.
    func explain(_ runner: RetentionRunner? = nil) async throws -> (kept: [String], gone: [String])
    {
        let (project, runner) = (project, runner ?? self.runner())
        let (rules, packages) = try await metadata.read { tx in
            (
                try tx.findEffectiveRetention(of: project).rules(trying: nil),
                try tx.listRetentionPackages(projectID: project.id, after: 0, limit: 1000)
            )
        }
        var (kept, gone): ([String], [String]) = ([], [])
        for package in packages {
            let found = try await runner.explain(package, rules, lineLimitCount: .max)
            for line in found?.lines ?? [] {
                let name = "\(package.name) \(line.unit.name)"
                if line.verdict.isRemoval { gone.append(name) } else { kept.append(name) }
            }
            let removedCount = (found?.lines ?? []).count { $0.verdict.isRemoval }
            #expect(found?.removedCount ?? 0 == Int64(removedCount))
        }
        return (kept, gone)
    }

    func record() async throws -> RetentionRunRecord? {
        let id = project.id
        return try await metadata.read { tx in try tx.listRetentionRuns([id])[id] }
    }
}

/// A store that does something before each write: the other side of a race, or a crash.
struct HookedStore: MetadataStore {
    let base: any MetadataStore
    /// Before which write, from 1, and whether after it instead.
    let hook: @Sendable (_ number: Int, _ isAfter: Bool) async throws -> Void
    private let count = SendableBox(0)

    init(
        _ base: any MetadataStore,
        hook: @escaping @Sendable (_ number: Int, _ isAfter: Bool) async throws -> Void
    ) {
        self.base = base
        self.hook = hook
    }

    /// Writes so far.
    var writeCount: Int { count.withValue { $0 } }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any MetadataReading) throws -> Value
    ) async throws(RegistryError) -> Value {
        try await base.read(body)
    }

    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any MetadataWriting) throws -> Value
    ) async throws(RegistryError) -> Value {
        let number = count.withValue { count in
            count += 1
            return count
        }
        try await call(number, false)
        let value = try await base.write(body)
        try await call(number, true)
        return value
    }

    private func call(_ number: Int, _ isAfter: Bool) async throws(RegistryError) {
        do {
            try await hook(number, isAfter)
        } catch {
            throw RegistryError.wrapping(error)
        }
    }
}
