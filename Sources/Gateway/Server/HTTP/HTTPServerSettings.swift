/// How the HTTP server listens, and every limit that it keeps.
public struct HTTPServerSettings: Sendable {
    /// The certificate and key of a TLS server, both PEM; read again when the files change.
    public struct TLSFiles: Sendable, Hashable {
        /// Path of the certificate chain, the server's own first.
        public var certificatePath: String
        /// Path of the private key.
        public var privateKeyPath: String
        /// Seconds between two looks at the files.
        public var reloadIntervalSeconds: Double

        public init(
            certificatePath: String, privateKeyPath: String, reloadIntervalSeconds: Double = 10
        ) {
            self.certificatePath = certificatePath
            self.privateKeyPath = privateKeyPath
            self.reloadIntervalSeconds = reloadIntervalSeconds
        }
    }

    /// A host name or address.
    public var host: String
    /// 0 lets the system choose.
    public var port: Int
    /// With it the server speaks TLS, HTTP/2 and HTTP/1.1; without it HTTP/1.1 in clear.
    public var tls: TLSFiles?
    /// Seconds without progress after which the server gives up: from being ready for a request to
    /// its complete head, between two parts of a body, between two parts of an answer that the client
    /// takes. There is no limit on the whole of a transfer. A timeout may be a quarter late.
    public var idleTimeoutSeconds: Double
    /// The most bytes of a request's header fields together, and of its target.
    public var headerLimitBytes: Int
    /// The most header fields of a request.
    public var headerLimitCount: Int
    /// The most connections at a time; more wait in the system's queue.
    public var connectionLimitCount: Int
    /// The most HTTP/2 streams at a time on one connection.
    public var streamLimitCount: Int
    /// Seconds that requests in flight have to finish after a shutdown began.
    public var drainTimeoutSeconds: Double
    /// The most bytes of a refused body that are read and thrown away, so that a client that is still
    /// sending sees the answer.
    public var refusedBodyLimitBytes: Int64
    /// The most seconds that reading a refused body may take.
    public var refusedBodyLimitSeconds: Double
    /// The proxies whose forwarding headers are believed.
    public var trustedProxies: [CIDRBlock]

    public init(
        host: String = "127.0.0.1", port: Int = 8080, tls: TLSFiles? = nil,
        idleTimeoutSeconds: Double = 60, headerLimitBytes: Int = 64 * 1024,
        headerLimitCount: Int = 200, connectionLimitCount: Int = 10_000,
        streamLimitCount: Int = 100, drainTimeoutSeconds: Double = 30,
        refusedBodyLimitBytes: Int64 = 256 * 1024 * 1024, refusedBodyLimitSeconds: Double = 30,
        trustedProxies: [CIDRBlock] = []
    ) {
        self.host = host
        self.port = port
        self.tls = tls
        self.idleTimeoutSeconds = idleTimeoutSeconds
        self.headerLimitBytes = headerLimitBytes
        self.headerLimitCount = headerLimitCount
        self.connectionLimitCount = connectionLimitCount
        self.streamLimitCount = streamLimitCount
        self.drainTimeoutSeconds = drainTimeoutSeconds
        self.refusedBodyLimitBytes = refusedBodyLimitBytes
        self.refusedBodyLimitSeconds = refusedBodyLimitSeconds
        self.trustedProxies = trustedProxies
    }
}
