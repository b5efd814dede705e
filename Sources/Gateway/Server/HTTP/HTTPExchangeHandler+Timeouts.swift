import NIOCore
import Registry

extension HTTPExchangeHandler {
    /// The longest time between two looks at the timeouts.
    private static let longestTickNanoseconds: Int64 = 2_000_000_000

    private var idleTimeout: TimeAmount {
        .nanoseconds(Int64(settings.idleTimeoutSeconds * 1_000_000_000))
    }

    /// One timer looks at a connection now and then; setting one for each read and write would cost
    /// more than they do.
    func scheduleTick(_ context: ChannelHandlerContext) {
        let wait = min(Self.longestTickNanoseconds, idleTimeout.nanoseconds / 4)
        tick = context.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(wait)) {
            self.look()
        }
    }

    private func look() {
        guard let context, phase != .closed else { return }
        let now = NIODeadline.now()
        let isLate = now - lastProgress >= idleTimeout
        switch phase {
        case .awaitingHead where isLate && !link.isStream:
            context.close(promise: nil)
        case .serving where unfinishedWrites > 0:
            if noteWriteProgress(context) {
                lastProgress = now
            } else if isLate {
                context.close(promise: nil)
            }
        case .serving where isReading && !requestEnded && !inputFailed && isLate:
            inputFailed = true
            exchange?.end(
                .failure(RegistryError(.requestTimeout, "the client stopped sending the body")))
        case .draining where isLate || now >= phaseDeadline,
            .lingering where now >= phaseDeadline:
            context.close(promise: nil)
        case .lingering where unfinishedWrites > 0 && isLate:
            if noteWriteProgress(context) {
                lastProgress = now
            } else {
                context.close(promise: nil)
            }
        default:
            break
        }
        if phase != .closed { scheduleTick(context) }
    }

    /// Whether the client took something since the last look, though less than the whole of a write.
    private func noteWriteProgress(_ context: ChannelHandlerContext) -> Bool {
        // A stream has no such number; its writes are small enough to finish within the timeout.
        guard !link.isStream,
            let buffered = try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)
        else { return false }
        defer { bufferedBytesSeen = buffered }
        return buffered != bufferedBytesSeen
    }
}
