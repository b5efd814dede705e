import FormatKit
import HTTPTypes
import NIOCore
import Registry

extension PyPIFormat {
    /// Answers GET and HEAD of the description of a release; of the newest one for `nil`.
    func describe(
        _ name: String, _ version: String?, _ head: RequestHead, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let address = "\(head.origin)\(head.mountPath)"
        let revisions = try await revisions(of: name, in: scope)
        let variant = "release \(version ?? "")"
        let page = PageRequestHead(
            head, validators: revisions.validators(version.map { "r\($0)-" } ?? "r"),
            [
                .contentType: "application/json", .vary: "Accept-Encoding",
                .cacheControl: FileResponse.cacheControl, .xContentTypeOptions: "nosniff",
            ])
        if let answer = page.answerUnchanged() { return answer }
        if let known = find(revisions, variant, address) { return page.answer(known) }
        let project = try SimpleProject(
            name: name, try await scope.loadPackage(name, format: Self.id))
        let release: SimpleProject.Release?
        if let version {
            let wanted = try PythonVersion(parsing: version)
            release = project.releases.first { $0.version == wanted }
        } else {
            release = project.newestRelease
        }
        guard let release else {
            throw RegistryError(
                .notFound, "there is no release '\(version ?? "")' of the project '\(name)'")
        }
        let description = ReleaseDocument(
            project: project, release: release,
            metadata: try await readMetadata(of: release, project, in: scope), address: address,
            listsReleases: version == nil)
        let document = try PyPIDocument(description.value.bytes)
        keep(document, revisions, variant, address: address)
        return page.answer(document)
    }

    /// The metadata of one of the files of a release: of a wheel where there is one.
    private func readMetadata(
        of release: SimpleProject.Release, _ project: SimpleProject, in scope: any ScopeHandle
    ) async throws(RegistryError) -> CoreMetadata {
        let files = project.files.filter { $0.version.id == release.record.id }
        let file = files.first { $0.attributes.kind == .wheel } ?? files.first
        guard let file else { return CoreMetadata(parsing: []) }
        let stored = try await scope.findFile(
            FileAddress(
                format: Self.id, package: file.version.package.name, version: release.name,
                path: Sidecar.metadata.path(of: file.name)))
        guard let stored else { return CoreMetadata(parsing: []) }
        let reader = try await scope.open(stored.file)
        let bytes = try await reader.read(at: 0, limitBytes: Int(clamping: reader.size))
        return CoreMetadata(parsing: Array(bytes.readableBytesView))
    }

    /// Changes the status of a project.
    func changeStatus(
        _ name: String, body: consuming RequestBody, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let bytes = try await body.collect(limitBytes: Self.statusLimitBytes)
        let status = try ProjectStatus(requested: Array(bytes.readableBytesView))
        let package = try await scope.change(
            name, format: Self.id, expecting: nil, [.updatePackage(attributes: status.encoded)])
        guard package != nil else {
            throw RegistryError(.notFound, "there is no project '\(name)'")
        }
        return .json([
            "name": .string(name), "status": .string(status.marker.rawValue),
            "reason": .optional(status.reason),
        ])
    }
}

extension SimpleProject {
    /// The newest release that people should use: final ones before others, and yanked ones last.
    var newestRelease: Release? {
        releases.last { $0.yank == nil && !$0.version.isPrerelease }
            ?? releases.last { $0.yank == nil } ?? releases.last
    }
}

extension ProjectStatus {
    /// Reads the body of a request: `{"status": "archived", "reason": "…"}`.
    ///
    /// - Throws: `malformed` for anything else.
    init(requested bytes: [UInt8]) throws(RegistryError) {
        self.init()
        var (marker, reason) = (String?.none, String?.none)
        var scanner = JSONScanner(bytes)
        try scanner.readObject { (member, scanner) throws(RegistryError) in
            switch member {
            case "status": marker = try scanner.readString()
            case "reason":
                reason = try scanner.skipNull() ? nil : try scanner.readString()
            default:
                throw RegistryError(.malformed, "there is no member '\(member.prefix(50))' here")
            }
        }
        try scanner.finish()
        guard let marker = marker.flatMap(Marker.init) else {
            throw RegistryError(
                .malformed,
                "status is one of "
                    + Marker.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", "))
        }
        guard reason?.utf8.count ?? 0 <= Self.reasonLimitBytes else {
            throw RegistryError(
                .malformed, "a reason has at most \(Self.reasonLimitBytes) bytes")
        }
        self.marker = marker
        self.reason = reason.flatMap { $0.isEmpty ? nil : $0 }
    }
}
