import Foundation
import NIOCore

/// Says in words why the server cannot listen.
enum StartFailure {
    /// `error` with advice where there is some, or `error` itself.
    static func explain(_ error: any Error, _ settings: Settings) -> any Error {
        let address = "\(settings.listen.host):\(settings.listen.port)"
        switch error {
        case let error as IOError where error.errnoCode == EADDRINUSE:
            return CommandError(
                "cannot listen on \(address): another program does; stop it, or choose another "
                    + "port with --listen")
        case let error as IOError where error.errnoCode == EACCES:
            return CommandError(
                "cannot listen on \(address): only root may use this port; choose one above 1023 "
                    + "with --listen")
        case let error as IOError where error.errnoCode == EADDRNOTAVAIL:
            return CommandError(
                "cannot listen on \(address): this machine has no such address; see --listen")
        case is SocketAddressError, is SocketAddressError.UnknownHost:
            return CommandError(
                "cannot listen on \(address): there is no host of this name; see --listen")
        default:
            guard let tls = settings.tls, !(error is IOError), !(error is CancellationError) else {
                return error
            }
            // Whatever else ends a TLS server before it listens is about its two files.
            return CommandError(
                "cannot use the certificate \(tls.certificatePath) with the key \(tls.keyPath): "
                    + "\(error); see --tls-cert and --tls-key")
        }
    }
}
