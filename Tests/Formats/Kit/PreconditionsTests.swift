import FormatKit
import HTTPTypes
import Registry
import Testing

@Suite("Conditional requests (RFC 9110, section 13)")
struct PreconditionsTests {
    private static let stored = Timestamp(microseconds: 1_800_000_000_500_000)
    private static let tag = EntityTag(opaque: "now")
    private static let current = Validators(entityTag: tag, lastModified: stored)
    private static let before = stored.advanced(bySeconds: -60).httpDate
    private static let same = stored.httpDate
    private static let after = stored.advanced(bySeconds: 60).httpDate

    struct Case: Sendable, CustomTestStringConvertible {
        let headers: [(HTTPField.Name, String)]
        let read: Preconditions.Verdict
        let change: Preconditions.Verdict
        /// Where there is no representation.
        let changeOfNothing: Preconditions.Verdict

        init(
            _ headers: [(HTTPField.Name, String)], read: Preconditions.Verdict,
            change: Preconditions.Verdict, changeOfNothing: Preconditions.Verdict
        ) {
            self.headers = headers
            self.read = read
            self.change = change
            self.changeOfNothing = changeOfNothing
        }

        var fields: HTTPFields {
            var fields = HTTPFields()
            for (name, value) in headers { fields.append(HTTPField(name: name, value: value)) }
            return fields
        }

        var testDescription: String { "\(headers.map { "\($0.0): \($0.1)" })" }
    }

    static let cases: [Case] = [
        Case([], read: .proceed, change: .proceed, changeOfNothing: .proceed),
        // If-Match compares strongly.
        Case([(.ifMatch, #""now""#)], read: .proceed, change: .proceed, changeOfNothing: .failed),
        Case(
            [(.ifMatch, #""a", "now""#)], read: .proceed, change: .proceed, changeOfNothing: .failed
        ),
        Case(
            [(.ifMatch, #""a""#), (.ifMatch, #""now""#)], read: .proceed, change: .proceed,
            changeOfNothing: .failed),
        Case([(.ifMatch, "*")], read: .proceed, change: .proceed, changeOfNothing: .failed),
        Case([(.ifMatch, " * ")], read: .proceed, change: .proceed, changeOfNothing: .failed),
        Case([(.ifMatch, #"W/"now""#)], read: .failed, change: .failed, changeOfNothing: .failed),
        Case([(.ifMatch, #""old""#)], read: .failed, change: .failed, changeOfNothing: .failed),
        Case([(.ifMatch, "now")], read: .failed, change: .failed, changeOfNothing: .failed),
        Case([(.ifMatch, "")], read: .failed, change: .failed, changeOfNothing: .failed),
        // If-None-Match compares weakly.
        Case(
            [(.ifNoneMatch, #""now""#)], read: .notModified, change: .failed,
            changeOfNothing: .proceed),
        Case(
            [(.ifNoneMatch, #"W/"now""#)], read: .notModified, change: .failed,
            changeOfNothing: .proceed),
        Case(
            [(.ifNoneMatch, #""a", W/"now""#)], read: .notModified, change: .failed,
            changeOfNothing: .proceed),
        Case([(.ifNoneMatch, "*")], read: .notModified, change: .failed, changeOfNothing: .proceed),
        Case(
            [(.ifNoneMatch, #""old""#)], read: .proceed, change: .proceed, changeOfNothing: .proceed
        ),
        Case([(.ifNoneMatch, "now")], read: .proceed, change: .failed, changeOfNothing: .failed),
        // Dates.
        Case(
            [(.ifModifiedSince, before)], read: .proceed, change: .proceed,
            changeOfNothing: .proceed),
        Case(
            [(.ifModifiedSince, same)], read: .notModified, change: .proceed,
            changeOfNothing: .proceed),
        Case(
            [(.ifModifiedSince, after)], read: .notModified, change: .proceed,
            changeOfNothing: .proceed),
        Case(
            [(.ifModifiedSince, "yesterday")], read: .proceed, change: .proceed,
            changeOfNothing: .proceed),
        Case(
            [(.ifUnmodifiedSince, before)], read: .failed, change: .failed,
            changeOfNothing: .proceed),
        Case(
            [(.ifUnmodifiedSince, same)], read: .proceed, change: .proceed,
            changeOfNothing: .proceed),
        Case(
            [(.ifUnmodifiedSince, after)], read: .proceed, change: .proceed,
            changeOfNothing: .proceed),
        Case(
            [(.ifUnmodifiedSince, "yesterday")], read: .proceed, change: .proceed,
            changeOfNothing: .proceed),
        // Tags go before dates.
        Case(
            [(.ifMatch, #""now""#), (.ifUnmodifiedSince, before)], read: .proceed, change: .proceed,
            changeOfNothing: .failed),
        Case(
            [(.ifMatch, #""old""#), (.ifUnmodifiedSince, after)], read: .failed, change: .failed,
            changeOfNothing: .failed),
        Case(
            [(.ifNoneMatch, #""old""#), (.ifModifiedSince, after)], read: .proceed,
            change: .proceed, changeOfNothing: .proceed),
        Case(
            [(.ifNoneMatch, #""now""#), (.ifModifiedSince, before)], read: .notModified,
            change: .failed, changeOfNothing: .proceed),
        // Both kinds are weighed, the first failure decides.
        Case(
            [(.ifMatch, #""now""#), (.ifNoneMatch, #""now""#)], read: .notModified, change: .failed,
            changeOfNothing: .failed),
        Case(
            [(.ifMatch, #""old""#), (.ifNoneMatch, #""old""#)], read: .failed, change: .failed,
            changeOfNothing: .failed),
        Case(
            [(.ifMatch, "*"), (.ifNoneMatch, #""old""#)], read: .proceed, change: .proceed,
            changeOfNothing: .failed),
        Case(
            [(.ifUnmodifiedSince, after), (.ifNoneMatch, #""now""#)], read: .notModified,
            change: .failed, changeOfNothing: .proceed),
        Case(
            [(.ifUnmodifiedSince, before), (.ifModifiedSince, after)], read: .failed,
            change: .failed, changeOfNothing: .proceed),
    ]

    @Test(arguments: cases)
    func verdicts(_ each: Case) {
        let conditions = Preconditions(each.fields)
        #expect(conditions.evaluate(Self.current, isRead: true) == each.read)
        #expect(conditions.evaluate(Self.current, isRead: false) == each.change)
        #expect(conditions.evaluate(nil, isRead: false) == each.changeOfNothing)
    }

    @Test(
        arguments: [
            (nil, true), (#""now""#, true), (#"W/"now""#, false), (#""old""#, false),
            (#""now", "old""#, false), (same, true), (before, false), (after, false), ("", false),
            ("now", false), ("*", false),
        ] as [(String?, Bool)])
    func ifRange(_ value: String?, _ allows: Bool) {
        #expect(Preconditions.allowsRange(value, Self.current) == allows)
    }

    @Test func whatGuardsAChange() {
        #expect(!Preconditions([:]).guardsChange)
        #expect(!Preconditions([.ifModifiedSince: Self.same]).guardsChange)
        #expect(Preconditions([.ifMatch: "*"]).guardsChange)
        #expect(Preconditions([.ifNoneMatch: "*"]).guardsChange)
        #expect(Preconditions([.ifUnmodifiedSince: Self.same]).guardsChange)
    }
}
