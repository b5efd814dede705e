import GatewayServer
import Logging

extension TestGateway {
    /// Runs `body` while the gateway listens on a port of 127.0.0.1 that the system chose, for real
    /// clients; gives it the server's address, `http://127.0.0.1:…`.
    public func listening(_ body: (_ origin: String) async throws -> Void) async throws {
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let server = GatewayHTTPServer(
            settings: HTTPServerSettings(port: 0), responder: gateway,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, accessLogger: nil,
            onListening: { port.yield($0) })
        let running = Task {
            defer { port.finish() }
            try await server.run()
        }
        for await number in ports {
            do {
                try await body("http://127.0.0.1:\(number)")
            } catch {
                running.cancel()
                throw error
            }
            running.cancel()
            break
        }
        // Ends when the server has closed; only a failure to listen is news.
        do {
            try await running.value
        } catch is CancellationError {}
    }
}
