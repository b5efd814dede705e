import Foundation
import NIOCore
import NIOPosix
import TestSupport
import Testing

/// nginx before one or several servers, one request to each in turn.
final class ReverseProxy: Sendable {
    /// What it does beside passing on.
    struct Plan: Sendable {
        /// The path below which the servers appear; it ends with a slash.
        var prefix = "/"
        /// Whether it says, in `X-Forwarded-…`, how the client reached it.
        var isForwarding = true
        /// The certificate that it speaks TLS with.
        var certificate: Certificate?
    }

    let port: Int
    let plan: Plan
    private let folder: TemporaryFolder
    private let process: ChildProcess

    private init(port: Int, plan: Plan, folder: TemporaryFolder, process: ChildProcess) {
        self.port = port
        self.plan = plan
        self.folder = folder
        self.process = process
    }

    deinit {
        // The master ends its workers.
        process.terminate()
    }

    /// The address of the servers as clients see it, without a slash at its end.
    var origin: String {
        "\(plan.certificate == nil ? "http" : "https")://127.0.0.1:\(port)\(plan.prefix.dropLast())"
    }

    /// Starts it on `port`, and waits until it listens.
    static func start(
        _ plan: Plan = Plan(), on port: Int, before servers: [ServerProcess]
    ) async throws -> ReverseProxy {
        let folder = try TemporaryFolder()
        let path = try folder.write(
            configuration(plan, port: port, servers: servers, folder: folder), to: "nginx.conf")
        let process = try Program.nginx.start(["-p", folder.url.path, "-c", path])
        _ = try await process.firstLine(containing: "start worker process")
        return ReverseProxy(port: port, plan: plan, folder: folder, process: process)
    }

    private static func configuration(
        _ plan: Plan, port: Int, servers: [ServerProcess], folder: TemporaryFolder
    ) -> String {
        let scheme = servers.first?.baseURL.scheme ?? "http"
        let addresses = servers.map {
            "server 127.0.0.1:\($0.baseURL.port ?? 0) max_fails=0;"
        }
        let tls = plan.certificate.map {
            "ssl_certificate \($0.chain); ssl_certificate_key \($0.key);"
        }
        let forwarding = """
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Prefix \(plan.prefix);
            """
        return """
            daemon off;
            \(geteuid() == 0 ? "user root;" : "")
            worker_processes 1;
            pid \(folder.path("pid"));
            error_log stderr notice;
            events { worker_connections 1024; }
            http {
                access_log off;
                client_max_body_size 0;
                client_body_temp_path \(folder.path("body"));
                proxy_temp_path \(folder.path("proxy"));
                fastcgi_temp_path \(folder.path("fastcgi"));
                uwsgi_temp_path \(folder.path("uwsgi"));
                scgi_temp_path \(folder.path("scgi"));
                upstream servers { \(addresses.joined(separator: " ")) }
                server {
                    listen 127.0.0.1:\(port)\(plan.certificate == nil ? "" : " ssl");
                    \(tls ?? "")
                    location \(plan.prefix) {
                        proxy_pass \(scheme)://servers/;
                        proxy_http_version 1.1;
                        proxy_request_buffering off;
                        proxy_buffering off;
                        proxy_set_header Host $http_host;
                        \(plan.isForwarding ? forwarding : "")
                    }
                }
            }
            """
    }
}

/// Ports of 127.0.0.1 that nothing listens on.
enum FreePort {
    /// One that the system chose; somebody else may be faster, which is seldom.
    static func find() async throws -> Int {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = channel.localAddress?.port ?? 0
        try await channel.close()
        return port
    }
}
