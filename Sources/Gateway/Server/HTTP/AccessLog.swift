import HTTPTypes
import Logging
import Registry

/// One line a request, once its answer is written.
struct AccessLog: Sendable {
    let logger: Logger

    /// Writes the line: an error where the server failed, else a note.
    ///
    /// The path stands there as the client sent it, and without the query, which may hold secrets.
    func record(
        _ exchange: HTTPExchange, _ trace: RequestTrace, _ outcome: ResponseSender.Outcome,
        since start: ContinuousClock.Instant
    ) {
        let isFailure = outcome.status.code >= 500
        let level: Logger.Level = isFailure ? .error : .info
        guard logger.logLevel <= level else { return }
        let request = exchange.request
        let facts = trace.facts
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        let milliseconds = Double(seconds) * 1000 + Double(attoseconds / 1_000_000_000_000) / 1000
        var metadata: Logger.Metadata = [
            "request_id": .string(trace.requestID),
            "method": .string(request.method.rawValue),
            "path": .string(Self.path(of: request.target, facts)),
            "status": .stringConvertible(outcome.status.code),
            "duration_ms": .stringConvertible(milliseconds),
            "bytes_in": .stringConvertible(exchange.receivedBytes),
            "bytes_out": .stringConvertible(outcome.bodyBytes),
            "client": .string(facts.clientAddress ?? request.peerAddress),
        ]
        metadata["operation"] = facts.operation.map { .string($0) }
        metadata["project"] = facts.project.map { .string($0) }
        metadata["package"] = facts.package.map { .string($0) }
        metadata["principal"] = facts.principal.map { .string($0) }
        if !outcome.isComplete { metadata["aborted"] = .stringConvertible(true) }
        if isFailure || !outcome.isComplete, let failure = facts.failure ?? outcome.failure {
            metadata["failure"] = .string(failure.description)
        }
        logger.log(level: level, "request", metadata: metadata)
    }

    private static func path(of target: String, _ facts: RequestTrace.Facts) -> String {
        let path =
            target.utf8.firstIndex(of: UInt8(ascii: "?")).map { String(target[..<$0]) } ?? target
        guard facts.endsPathWithSecret else { return path }
        let shown = path.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        return shown + "/" + SecretNames.redacted
    }
}
