import HTTPTypes
import NIOCore
import Registry

/// `/livez` and `/readyz`, for load balancers: no credential, no database session of their own.
struct HealthSurface: RequestSurface {
    let probe: ReadinessProbe

    func prepare(_ head: RequestHead) throws(RegistryError) -> PreparedOperation? {
        guard head.tail.segments.count == 1, let name = head.tail.segments.first else {
            return nil
        }
        guard head.method == .get || head.method == .head else {
            throw RegistryError(
                .methodNotAllowed, "this address takes GET and HEAD",
                headers: [.allow: "GET, HEAD"])
        }
        let probe = probe
        return PreparedOperation(
            label: "health.\(name)", access: [], bodyLimitBytes: 0, family: nil,
            run: { (_, _) async throws(RegistryError) -> FormatResponse in
                if name == "readyz" { try await probe.check() }
                return FormatResponse(
                    headers: [.contentType: "application/json", .cacheControl: "no-store"],
                    body: .bytes(ByteBuffer(string: #"{"status":"ok"}"#)))
            })
    }

    func render(_ failure: RegistryError, for head: RequestHead) -> FormatResponse {
        FallbackSurface().render(failure, for: head)
    }
}

/// Whether the database and the blob store can be reached. The answer is kept for a second, so that
/// probes cost nothing.
actor ReadinessProbe {
    /// How long an answer is good for.
    static let answerLifetime = Duration.seconds(1)

    private let services: RegistryServices
    private var answer: (at: ContinuousClock.Instant, failure: RegistryError?)?

    init(services: RegistryServices) {
        self.services = services
    }

    /// - Throws: `unavailable` when one of the two cannot be reached.
    func check() async throws(RegistryError) {
        if let answer, ContinuousClock.now - answer.at < Self.answerLifetime {
            if let failure = answer.failure { throw failure }
            return
        }
        do throws(RegistryError) {
            _ = try await services.metadata.read { tx in try tx.findAdministrationEpoch() }
            try await services.blobs.checkHealth()
            answer = (ContinuousClock.now, nil)
        } catch {
            let failure = RegistryError(
                .unavailable, "the database or the blob store cannot be reached",
                retryAfterSeconds: 1, cause: error)
            answer = (ContinuousClock.now, failure)
            throw failure
        }
    }
}
