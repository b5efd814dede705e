import FormatKit
import GenericFormat
import HTTPTypes
import Metrics
import NIOCore
import Registry
import TestSupport
import Testing

@testable import GatewayServer

@Suite struct MetricsTests {
    @Test func itIsWrittenAsPrometheusReadsIt() {
        let registry = PrometheusRegistry()
        registry.describe("things_total", "Things\nof \\ all kinds.")
        Counter(
            label: "things_total", dimensions: [("kind", "a\"b\\c\nd"), ("x", "1")],
            factory: registry
        ).increment(by: 3)
        Counter(label: "things_total", dimensions: [("kind", "z")], factory: registry).increment()
        let meter = Meter(label: "open.things", factory: registry)
        meter.set(2)
        meter.increment(by: 0.5)
        let timer = Metrics.Timer(label: "wait_seconds", factory: registry)
        timer.recordNanoseconds(400_000)
        timer.recordMilliseconds(7)
        timer.recordSeconds(100)
        #expect(
            registry.render() == """
                # TYPE open_things gauge
                open_things 2.5
                # HELP things_total Things\\nof \\\\ all kinds.
                # TYPE things_total counter
                things_total{kind="a\\"b\\\\c\\nd",x="1"} 3
                things_total{kind="z"} 1
                # TYPE wait_seconds histogram
                wait_seconds_bucket{le="0.0005"} 1
                wait_seconds_bucket{le="0.001"} 1
                wait_seconds_bucket{le="0.0025"} 1
                wait_seconds_bucket{le="0.005"} 1
                wait_seconds_bucket{le="0.01"} 2
                wait_seconds_bucket{le="0.025"} 2
                wait_seconds_bucket{le="0.05"} 2
                wait_seconds_bucket{le="0.1"} 2
                wait_seconds_bucket{le="0.25"} 2
                wait_seconds_bucket{le="0.5"} 2
                wait_seconds_bucket{le="1"} 2
                wait_seconds_bucket{le="2.5"} 2
                wait_seconds_bucket{le="5"} 2
                wait_seconds_bucket{le="10"} 2
                wait_seconds_bucket{le="30"} 2
                wait_seconds_bucket{le="+Inf"} 3
                wait_seconds_sum 100.0074
                wait_seconds_count 3

                """)
    }

    @Test func theSameLabelsAreTheSameInstrument() {
        let registry = PrometheusRegistry()
        for _ in 0..<3 { Counter(label: "a", factory: registry).increment() }
        // A name of another kind is not counted, and breaks nothing.
        Meter(label: "a", factory: registry).set(7)
        #expect(registry.render() == "# TYPE a counter\na 3\n")
    }

    @Test func labelsAreBounded() {
        let registry = PrometheusRegistry()
        for number in 0..<(PrometheusRegistry.seriesLimitCount + 10) {
            Counter(label: "a", dimensions: [("n", "\(number)")], factory: registry).increment()
        }
        let lines = registry.render().split(separator: "\n")
        #expect(lines.count == PrometheusRegistry.seriesLimitCount + 1)
    }

    @Test func requestsAreCountedByOperation() async {
        let registry = PrometheusRegistry()
        let metrics = RequestMetrics(factory: registry)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for number in 0..<600 {
                        metrics.record(
                            "op.\(number)", status: 200, duration: .milliseconds(1),
                            receivedBytes: 2, sentBytes: 3)
                    }
                }
            }
        }
        metrics.record(
            nil, status: 404, duration: .zero, receivedBytes: 0, sentBytes: 0)
        let text = registry.render()
        #expect(
            text.contains(
                #"packhouse_http_requests_total{operation="op.0",status="2xx"} 8"# + "\n"))
        #expect(
            text.contains(
                #"packhouse_http_requests_total{operation="unrecognized",status="4xx"} 1"# + "\n"))
        #expect(text.contains(#"packhouse_http_sent_bytes_total{operation="op.0"} 24"# + "\n"))
        // Beyond the limit all count as one, and nothing is lost.
        var sum = 0
        var operations: Set<Substring> = []
        let pattern =
            /packhouse_http_requests_total\{operation="([^"]+)",status="\dxx"\} (\d+)/
        for line in text.split(separator: "\n") {
            guard let match = line.wholeMatch(of: pattern) else { continue }
            sum += Int(match.2) ?? 0
            operations.insert(match.1)
        }
        #expect(sum == 8 * 600 + 1)
        #expect(operations.contains("other"))
        #expect(operations.count <= RequestMetrics.operationLimitCount + 2)
    }

    @Test func aServerCountsWhatItAnswers() async throws {
        let registry = PrometheusRegistry()
        let responder = ClosureResponder { request, _, trace in
            trace.note { $0.operation = "test.\(request.method.rawValue.lowercased())" }
            return FormatResponse(status: .ok, body: .bytes(ByteBuffer(string: "hello")))
        }
        try await RunningServer.run(
            responder: responder, metrics: RequestMetrics(factory: registry)
        ) { server in
            let client = try await RawClient.connect(port: server.port)
            for path in ["/1", "/2"] {
                try await client.send("GET \(path) HTTP/1.1\r\nHost: h\r\n\r\n")
                // The line is written behind the count.
                _ = try await server.accessLog.lines(about: path)
            }
            let text = registry.render()
            #expect(
                text.contains(
                    #"packhouse_http_requests_total{operation="test.get",status="2xx"} 2"#))
            #expect(text.contains(#"packhouse_http_sent_bytes_total{operation="test.get"} 10"#))
            #expect(
                text.contains(
                    #"packhouse_http_request_duration_seconds_count{operation="test.get"} 2"#))
        }
    }

    // MARK: The address

    @Test(arguments: DatabaseKind.allCases)
    func metricsAreForAdministratorsAndChosenAddresses(kind: DatabaseKind) async throws {
        try await TestGateway.run(
            on: kind, formats: [GenericFormat()],
            metricsAllowed: [try #require(CIDRBlock(parsing: "10.1.0.0/16"))]
        ) { test in
            #expect(try await test.send(.get, "/metrics").status == .unauthorized)
            #expect(
                try await test.send(.get, "/metrics", token: "nonsense").status == .unauthorized)
            let answer = try await test.send(.get, "/metrics", token: test.rootToken)
            #expect(answer.status == .ok)
            #expect(answer.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
            #expect(answer.text.contains("\npackhouse_gc_reviews_due 0\n"))
            #expect(answer.text.contains("\npackhouse_uploads_open 0\n"))
            #expect(answer.text.contains("\npackhouse_scrub_running 0\n"))
            #expect(answer.text.contains("\npackhouse_scrub_damaged_blobs 0\n"))
            #expect(!answer.text.contains("packhouse_scrub_began_timestamp_seconds"))
            #expect(answer.text.contains("packhouse_build{version=\"test\"} 1\n"))
            let near = try await test.send(.get, "/metrics", from: "10.1.2.3")
            #expect(near.status == .ok)
            let far = try await test.send(.get, "/metrics", from: "10.2.2.3")
            #expect(far.status == .unauthorized)
            let refused = try await test.send(.post, "/metrics", from: "10.1.2.3")
            #expect(refused.status == .methodNotAllowed)
        }
    }

    @Test func aUserMayNotReadThem() async throws {
        try await TestGateway.run(on: .sqlite, formats: []) { test in
            let cast = try await AccessCast.insert(into: test.store)
            for member in cast.members {
                let answer = try await test.send(.get, "/metrics", headers: member.headers)
                let decision = StandardAccessPolicy().decide(
                    AccessQuestion(
                        principal: member.principal, action: .monitorInstance, namespace: nil,
                        role: nil, family: nil))
                #expect((answer.status == .ok) == (decision == .allow), "\(member.name)")
            }
        }
    }
}
