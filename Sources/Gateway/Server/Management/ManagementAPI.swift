import FormatKit
import HTTPTypes
import Registry

/// The management API below `/api/v4`, in GitLab's shapes.
///
/// *Source*: GitLab, "REST API resources".
struct ManagementAPI: RequestSurface {
    /// Every call there is; tests of access and of the document go through all of them.
    static let endpoints: [ManagementEndpoint] =
        InstanceEndpoints.all + GroupEndpoints.all + ProjectEndpoints.all + NamespaceEndpoints.all
        + UserEndpoints.all + MemberEndpoints.all + PersonalTokenEndpoints.all
        + DeployTokenEndpoints.all + JobTokenEndpoints.all + PackageEndpoints.all
        + PackageStatusEndpoints.all
        + RepositoryEndpoints.all + RepositoryTagEndpoints.all + TagRuleEndpoints.all
        + PackageRuleEndpoints.all + TrashEndpoints.all + RetentionEndpoints.all
        + CollectorEndpoints.all

    static let router = ManagementRouter(endpoints)

    /// What `GET /version` answers.
    let version: String
    /// The names of the formats that projects can have settings of.
    let formats: [String]
    let passwords: PasswordHasher
    let collector: any GarbageCollecting
    /// What the formats say of names and statuses.
    var formatRules = FormatRules([])

    func prepare(_ head: RequestHead) throws(RegistryError) -> PreparedOperation? {
        guard let (endpoint, path) = try Self.router.find(head.method, head.tail.segments) else {
            return nil
        }
        let address = ManagementAddress(path: path, query: head.query)
        return PreparedOperation(
            label: "management.\(endpoint.label)", access: endpoint.access(address),
            bodyLimitBytes: endpoint.takesBody ? Int64(ManagementLimits.bodyBytes) : 0,
            family: nil
        ) { context, body throws(RegistryError) in
            try await run(endpoint, address, context, body)
        }
    }

    private func run(
        _ endpoint: ManagementEndpoint, _ address: ManagementAddress, _ context: RequestContext,
        _ body: consuming RequestBody
    ) async throws(RegistryError) -> FormatResponse {
        var raw = RequestParameters.read(context.head.query)
        if endpoint.takesBody {
            let given = try await RequestParameters.read(body, context.head.headers)
            raw.merge(given) { _, fromBody in fromBody }
        } else {
            while try await body.next() != nil {}
        }
        raw.merge(address.path.mapValues(JSONValue.string)) { _, fromPath in fromPath }
        if let name = endpoint.unsupported.first(where: { raw[$0].map(\.asks) ?? false }) {
            throw RegistryError.parameters("\(name) is not supported")
        }
        let call = ManagementCall(
            api: self, context: context, address: address,
            arguments: try Arguments(raw, for: endpoint.parameters),
            now: context.services.clock.now())
        return try await endpoint.handler(call)
    }
}

extension JSONValue {
    /// Whether the value of a filter asks for anything.
    fileprivate var asks: Bool {
        switch self {
        case .null, .bool(false), .string("false"), .string("0"), .string(""): false
        default: true
        }
    }
}
