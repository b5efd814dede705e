import Registry

/// Rows against each other.
extension StoreVerification {
    func verifyRows(_ summary: inout Summary) async throws {
        observer.begin(.rows, count: 0, bytes: 0)
        try await verifyPackageSizes(&summary)
        guard options.isWhole else { return }
        for kind in RowProblem.Kind.allCases { try await verifyRows(kind, &summary) }
    }

    private func verifyPackageSizes(_ summary: inout Summary) async throws {
        let projectID = options.projectID
        var last: Int64 = 0
        while true {
            let previous = last
            let page = try await metadata.read { tx in
                try tx.listPackageSizes(
                    after: previous, inProject: projectID, limit: Self.packagePageLimitCount)
            }
            guard let end = page.last else { return }
            for size in page where size.recorded != size.actual {
                var finding = Finding(
                    .packageSize, "its row says \(size.recorded) bytes, its files \(size.actual)")
                finding.subject = size.address
                if options.repairs {
                    // `false`: it is right by now, or the package is gone.
                    _ = try await metadata.write { tx in
                        try tx.correctPackageSize(size.packageID)
                    }
                    finding.repair = .corrected
                }
                try await report(finding, &summary)
            }
            observer.finish(page.count)
            summary.packageCount += page.count
            last = end.packageID
        }
    }

    private func verifyRows(_ kind: RowProblem.Kind, _ summary: inout Summary) async throws {
        while true {
            let problems = try await metadata.read { tx in
                try tx.listRowProblems(kind, limit: Self.rowProblemLimitCount)
            }
            var correctedCount = 0
            for problem in problems {
                var finding = Finding(Finding.Kind(kind), Self.detail(of: kind))
                finding.subject = problem.subject
                if options.repairs, kind.isCorrectable {
                    let now = clock.now()
                    _ = try await metadata.write { tx in try tx.correctRow(problem, at: now) }
                    finding.repair = .corrected
                    correctedCount += 1
                }
                if kind == .unreviewedBlob { finding.digest = problem.id }
                if kind == .unlinkOfNamedKey { finding.storageKey = problem.id }
                try await report(finding, &summary)
            }
            // What was corrected is not listed again: the next may be behind it.
            guard problems.count == Self.rowProblemLimitCount, correctedCount > 0 else { return }
        }
    }

    private static func detail(of kind: RowProblem.Kind) -> String {
        switch kind {
        case .fileOfOtherPackage: "the file belongs to another package than its version"
        case .tagOfOtherPackage: "the tag names a version of another package"
        case .linkOfUnknownKind: "there is no such kind of link"
        case .unlinkOfNamedKey: "bytes that a blob names are to be removed"
        case .unreviewedBlob: "nothing names the blob, and the collector was not asked to look"
        case .unreviewedVersion:
            "the version has to go one day, and the collector was not asked to look"
        case .unreviewedUpload: "the collector was not asked to look when the upload expires"
        }
    }
}
