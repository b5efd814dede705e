import FormatKit
import Registry
import Testing

@testable import GatewayServer

@Suite struct ArgumentTests {
    private static let parameters: [Parameter] = [
        .required("name", .text(limitCharacters: 5), ""),
        .optional("count", .integer(1...10), ""),
        .optional("flag", .boolean, ""),
        .optional("when", .moment, ""),
        .optional("level", .level([10, 20]), ""),
        .optional("sort", .choice(["asc", "desc"]), ""),
        .optional("scopes", .choices(["api", "read_api"]), ""),
        .optional("extra", .object(.boolean), ""),
    ]

    @Test(arguments: [
        (#"{}"#, "name is missing"),
        (#"{"name":null,"count":0}"#, "name is missing, count does not have a valid value"),
        (#"{"name":""}"#, "name is empty"),
        (#"{"name":"abcdef"}"#, "name is too long (maximum is 5 characters)"),
        (#"{"name":["a"]}"#, "name is invalid"),
        (#"{"name":"a\u0000"}"#, "name is invalid"),
        (#"{"name":"a","count":"x"}"#, "count is invalid"),
        (#"{"name":"a","count":1.5}"#, "count is invalid"),
        (#"{"name":"a","count":99999999999999999999}"#, "count is invalid"),
        (#"{"name":"a","flag":"maybe"}"#, "flag is invalid"),
        (#"{"name":"a","when":"yesterday"}"#, "when is invalid"),
        (#"{"name":"a","level":15}"#, "level does not have a valid value"),
        (#"{"name":"a","sort":"up"}"#, "sort does not have a valid value"),
        (#"{"name":"a","scopes":["sudo"]}"#, "scopes does not have a valid value"),
        (#"{"name":"a","scopes":[1]}"#, "scopes is invalid"),
        (#"{"name":"a","extra":1}"#, "extra is invalid"),
    ])
    func wrongOnesAreNamed(_ text: String, _ problem: String) throws {
        let raw = try raw(text)
        let failure = #expect(throws: RegistryError.self) {
            try Arguments(raw, for: Self.parameters)
        }
        #expect(failure?.code == .malformed)
        #expect(failure?.message == problem)
    }

    @Test func rightOnesAreRead() throws {
        let arguments = try Arguments(
            raw(
                #"{"name":7,"count":"3","flag":"1","when":"2026-11-21","level":"20","sort":"desc","#
                    + #""scopes":["api"],"extra":{"a":true},"unknown":1}"#),
            for: Self.parameters)
        #expect(arguments.findText("name") == "7")
        #expect(arguments.findInteger("count") == 3)
        #expect(arguments.findFlag("flag") == true)
        #expect(arguments.findMoment("when") == Timestamp(iso8601: "2026-11-21"))
        #expect(arguments.findInteger("level") == 20)
        #expect(arguments.findText("sort") == "desc")
        #expect(arguments.findTexts("scopes") == ["api"])
        #expect(arguments.findObject("extra")?["a"]?.text == "true")
        #expect(!arguments.has("unknown"))
    }

    @Test(arguments: [
        ("name=a&scopes[]=api&scopes[]=read_api", ["api", "read_api"]),
        ("name=a&scopes%5B%5D=api", ["api"]),
        ("name=a&scopes=api,read_api", ["api", "read_api"]),
        ("name=a&scopes=api", ["api"]),
    ])
    func formsCanHaveLists(_ form: String, _ scopes: [String]) throws {
        let raw = RequestParameters.read(try RequestQuery(parsing: form))
        let arguments = try Arguments(raw, for: Self.parameters)
        #expect(arguments.findTexts("scopes") == scopes)
    }

    @Test func formsCanNest() throws {
        let raw = RequestParameters.read(
            try RequestQuery(
                parsing: "s[generic][on]=true&s[npm][on]=false&[]=x&a[b][c][d][e][f]=1"))
        #expect(
            raw["s"]?.text == #"{"generic":{"on":"true"},"npm":{"on":"false"}}"#)
    }

    @Test func jsonKeepsWhatItSays() throws {
        let text = #"{"a":[1,-2,true,null,"x\"\\\n\u0001é"],"b":{"c":9223372036854775807}}"#
        let value = try #require(JSONValue(parsing: Array(text.utf8)))
        #expect(value.text == text)
        #expect(JSONValue(parsing: Array("{".utf8)) == nil)
    }

    private func raw(_ text: String) throws -> [String: JSONValue] {
        guard case .object(let members)? = JSONValue(parsing: Array(text.utf8)) else { return [:] }
        return Dictionary(members.map { ($0.name, $0.value) }) { $1 }
    }
}
