import Logging
import NIOCertificateReloading
import NIOSSL

/// The certificate of the server, kept up to date with its files.
///
/// The files are read by path each time, so a directory that is swapped by a symbolic link, as
/// Kubernetes mounts secrets, is seen like any other change.
struct ServerCertificate {
    let context: NIOSSLContext
    /// Reads the files now and then, until it is cancelled.
    let reloader: TimedCertificateReloader

    init(_ files: HTTPServerSettings.TLSFiles, logger: Logger) throws {
        var configuration = TimedCertificateReloader.Configuration(
            refreshInterval: .milliseconds(Int64(files.reloadIntervalSeconds * 1000)),
            certificateSource: .init(location: .file(path: files.certificatePath), format: .pem),
            privateKeySource: .init(location: .file(path: files.privateKeyPath), format: .pem))
        configuration.onCertificateLoaded = { change in
            guard change.previousCertificateChain != nil else { return }
            logger.notice("the TLS certificate was read again")
        }
        configuration.onCertificateLoadFailed = { failure in
            logger.warning(
                "the TLS certificate cannot be read; the one in use stays",
                metadata: ["error": "\(failure.error)"])
        }
        reloader = try TimedCertificateReloader.makeReloaderValidatingSources(
            configuration: configuration)
        var tls = try TLSConfiguration.makeServerConfiguration(certificateReloader: reloader)
        tls.minimumTLSVersion = .tlsv12
        tls.applicationProtocols = ["h2", "http/1.1"]
        context = try NIOSSLContext(configuration: tls)
    }
}
