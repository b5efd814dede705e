import Registry
import Testing

@Suite struct TimestampTests {
    @Test(arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00.000Z"),
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37.000Z"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT", "2000-02-29T00:00:00.000Z"),
        (-1, "Wed, 31 Dec 1969 23:59:59 GMT", "1969-12-31T23:59:59.000Z"),
        (4_102_444_799, "Thu, 31 Dec 2099 23:59:59 GMT", "2099-12-31T23:59:59.000Z"),
    ])
    func writesAndReadsDates(seconds: Int64, http: String, iso: String) {
        let moment = Timestamp(seconds: seconds)
        #expect(moment.httpDate == http)
        #expect(moment.iso8601 == iso)
        #expect(Timestamp(httpDate: http) == moment)
        #expect(Timestamp(iso8601: iso) == moment)
    }

    @Test func everyDayOfFourCenturiesRoundTrips() throws {
        for day in Int64(-146_097)...146_097 {
            let moment = Timestamp(seconds: day * 86_400)
            #expect(Timestamp(startOf: moment.day) == moment)
        }
    }

    @Test func keepsMilliseconds() {
        let moment = Timestamp(microseconds: 1_000_123_456)
        #expect(moment.iso8601 == "1970-01-01T00:16:40.123Z")
        #expect(
            Timestamp(iso8601: "1970-01-01T00:16:40.123456Z")?.microseconds == 1_000_123_456)
    }

    @Test(arguments: [
        "", "2026", "2026-02-30", "2026-13-01", "2026-01-01T", "2026-01-01T25:00:00Z",
        "2026-01-01T00:00:00", "2026-01-01T00:00:00.1.2Z", "yesterday",
    ])
    func refusesWhatIsNoDate(text: String) {
        #expect(Timestamp(iso8601: text) == nil)
    }

    @Test(arguments: [
        "", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT",
    ])
    func refusesWhatIsNoHTTPDate(text: String) {
        #expect(Timestamp(httpDate: text) == nil)
    }
}
