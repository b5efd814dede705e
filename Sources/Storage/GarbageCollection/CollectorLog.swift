public import Logging
public import Registry

/// One line for each thing that the collector worked on: what was deleted at the level `info`, what
/// failed as a warning, and what stays at `debug`.
public struct CollectorLog: Sendable {
    private let logger: Logger

    public init(logger: Logger) {
        self.logger = logger
    }

    public func record(_ event: CollectionEvent) {
        switch event {
        case .reviewed(let review, let outcome):
            let level: Logger.Level = outcome.isDeletion ? .info : .debug
            guard logger.logLevel <= level else { return }
            var metadata = Self.metadata(of: review)
            metadata["outcome"] = .string(outcome.word)
            switch outcome {
            case .collected(let bytes): metadata["bytes"] = .stringConvertible(bytes)
            case .postponed(let moment): metadata["next_review"] = .string(moment.iso8601)
            case .kept, .absent: break
            }
            logger.log(level: level, "reviewed garbage", metadata: metadata)
        case .reviewFailed(let review, let failure, let nextTryAt):
            log(failure, nextTryAt, Self.metadata(of: review))
        case .removed(let unlink):
            guard logger.logLevel <= .debug else { return }
            var metadata = Self.metadata(of: unlink)
            metadata["outcome"] = "removed"
            logger.debug("removed a file", metadata: metadata)
        case .removalFailed(let unlink, let failure, let nextTryAt):
            log(failure, nextTryAt, Self.metadata(of: unlink))
        }
    }

    private func log(
        _ failure: RegistryError, _ nextTryAt: Timestamp, _ metadata: Logger.Metadata
    ) {
        var metadata = metadata
        metadata["outcome"] = "failed"
        metadata["failure"] = .string(failure.description)
        metadata["next_try"] = .string(nextTryAt.iso8601)
        logger.warning("garbage cannot be collected now; it is tried again", metadata: metadata)
    }

    private static func metadata(of review: Review) -> Logger.Metadata {
        [
            "subject": .string("\(review.subject)"), "event": .string(review.event),
            "attempts": .stringConvertible(review.attemptCount),
        ]
    }

    private static func metadata(of unlink: Unlink) -> Logger.Metadata {
        let subject =
            switch unlink.target {
            case .blob(let key): "file:\(key)"
            case .upload(let id): "file:uploads/\(id)"
            }
        return [
            "subject": .string(subject), "event": "row.deleted",
            "bytes": .stringConvertible(unlink.size),
            "attempts": .stringConvertible(unlink.attemptCount),
        ]
    }
}

extension ReviewOutcome {
    fileprivate var isDeletion: Bool { if case .collected = self { true } else { false } }
}
