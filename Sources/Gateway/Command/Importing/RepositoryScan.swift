import Foundation
import OCIFormat
import Registry

/// Finds out what of one source repository can be taken. Blocks, and changes nothing.
struct RepositoryScan {
    private let folder: DistributionFolder
    private let options: ImportOptions
    private var repository: SourceRepository
    /// Tags by what they name.
    private var tags: [Digest: [String]] = [:]
    /// Every manifest of the repository that could be read; the reason why not for the others.
    private var manifests: [Digest: Result<OCIManifest, RegistryError>] = [:]
    /// What was looked at: whether it can be taken.
    private var isUsable: [Digest: Bool] = [:]

    private init(_ folder: DistributionFolder, _ options: ImportOptions, _ name: String) {
        self.folder = folder
        self.options = options
        repository = SourceRepository(name: name, package: options.mapping.package(for: name))
    }

    /// Reads all links and manifests of a repository.
    ///
    /// - Throws: `CommandError` when a folder cannot be read.
    static func run(
        _ folder: DistributionFolder, _ options: ImportOptions, repository name: String
    ) throws -> SourceRepository {
        var scan = RepositoryScan(folder, options, name)
        try scan.readManifests()
        try scan.readTags()
        for digest in scan.selection() { _ = scan.take(digest) }
        return scan.repository
    }

    private mutating func readManifests() throws {
        for digest in try folder.listRevisions(of: repository.name) {
            do throws(RegistryError) {
                guard try folder.hasRevision(digest, of: repository.name) else { continue }
                manifests[digest] = .success(try readManifest(digest))
            } catch {
                manifests[digest] = .failure(error)
            }
        }
    }

    private func readManifest(_ digest: Digest) throws(RegistryError) -> OCIManifest {
        guard let size = folder.size(of: digest) else {
            throw RegistryError(.notFound, "its bytes are not there")
        }
        guard size <= OCIManifest.limitBytes else {
            throw RegistryError(
                .malformed, "it has more than the \(OCIManifest.limitBytes) bytes of a manifest")
        }
        let bytes: Data
        do {
            bytes = try Data(contentsOf: URL(fileURLWithPath: folder.path(of: digest)))
        } catch {
            throw RegistryError(.notFound, "its bytes cannot be read", cause: error)
        }
        return try OCIManifest(parsing: Array(bytes), contentType: nil)
    }

    private mutating func readTags() throws {
        for tag in try folder.listTags(of: repository.name) {
            do throws(RegistryError) {
                guard let digest = try folder.findTag(tag, of: repository.name) else { continue }
                _ = try OCITag(parsing: tag)
                guard manifests[digest] != nil else {
                    throw RegistryError(.notFound, "it names \(digest), which is not there")
                }
                tags[digest, default: []].append(tag)
            } catch {
                note(":\(tag)", Console.describe(error))
            }
        }
    }

    // MARK: Choice

    /// Everything, or what is tagged and what is about that; parts are taken with what they are
    /// parts of.
    private func selection() -> [Digest] {
        let all = manifests.keys.sorted { $0.hex < $1.hex }
        guard !options.includesUntagged else { return all }
        var chosen = Set(tags.keys)
        var fresh = Array(chosen)
        let abouts = Dictionary(
            grouping: all.filter { subject(of: $0) != nil }, by: { subject(of: $0) })
        while let digest = fresh.popLast() {
            let parts = (try? manifests[digest]?.get())?.children.map(\.digest) ?? []
            for other in parts + (abouts[digest] ?? [])
            where manifests[other] != nil && chosen.insert(other).inserted {
                fresh.append(other)
            }
        }
        return all.filter(chosen.contains)
    }

    private func subject(of digest: Digest) -> Digest? {
        (try? manifests[digest]?.get())?.subject?.digest
    }

    /// Adds a manifest behind its parts, if all that it names is there.
    ///
    /// - Returns: whether it is among those that can be taken.
    private mutating func take(_ digest: Digest) -> Bool {
        if let known = isUsable[digest] { return known }
        // No manifest is a part of itself, for that would need a digest that names itself.
        isUsable[digest] = false
        let tags = tags[digest] ?? []
        do throws(RegistryError) {
            let manifest = try require(digest)
            repository.manifests.append(
                SourceManifest(
                    digest: digest, size: manifest.size, tags: tags,
                    blobs: try blobs(of: manifest), children: try takeChildren(of: manifest)))
            isUsable[digest] = true
            return true
        } catch {
            for subject in tags.isEmpty ? ["@\(digest)"] : tags.map({ ":\($0)" }) {
                note(subject, Console.describe(error))
            }
            return false
        }
    }

    private func require(_ digest: Digest) throws(RegistryError) -> OCIManifest {
        guard let manifest = manifests[digest] else {
            throw RegistryError(.notFound, "it is not there")
        }
        return try manifest.get()
    }

    private mutating func takeChildren(
        of manifest: OCIManifest
    ) throws(RegistryError) -> [Digest] {
        var taken: [Digest] = []
        for child in manifest.children.map(\.digest) where !taken.contains(child) {
            if take(child) {
                taken.append(child)
            } else if manifest.kind == .index,
                manifests[child] != nil || !options.allowsMissingChildren
            {
                throw RegistryError(
                    .notFound, "its part \(child) is not there or cannot be taken")
            }
        }
        return taken
    }

    private func blobs(of manifest: OCIManifest) throws(RegistryError) -> [SourceBlob] {
        var blobs: [SourceBlob] = []
        for reference in manifest.references {
            do throws(RegistryError) {
                blobs.append(try find(reference))
            } catch {
                if reference.isRequired { throw error }
            }
        }
        return blobs
    }

    private func find(_ reference: OCIBlobReference) throws(RegistryError) -> SourceBlob {
        let digest = reference.digest
        guard let stored = try folder.findLayer(digest, of: repository.name),
            let size = folder.size(of: stored)
        else {
            throw RegistryError(.notFound, "the blob \(digest) is not there")
        }
        guard size == reference.size else {
            throw RegistryError(
                .unprocessable,
                "the blob \(digest) has \(size) bytes, and should have \(reference.size)")
        }
        return SourceBlob(digest: digest, storedDigest: stored, size: size)
    }

    private mutating func note(_ subject: String, _ reason: String) {
        repository.problems.append(
            ImportProblem(repository: repository.name, subject: subject, reason: reason))
    }
}
