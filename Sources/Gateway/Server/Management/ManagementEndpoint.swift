import HTTPTypes
import Registry

/// One call of the management API, as a value: routing, checking, access and the OpenAPI document
/// are all made from it.
struct ManagementEndpoint: Sendable {
    /// What it answers when it succeeds.
    struct Success: Sendable {
        let status: HTTPResponse.Status
        /// `nil` where there is no body.
        let body: ResponseSchema?
        /// Whether the answer carries the headers of a paged list.
        let isPaged: Bool

        static func one(
            _ body: ResponseSchema, status: HTTPResponse.Status = .ok
        ) -> Success {
            Success(status: status, body: body, isPaged: false)
        }

        static func page(_ body: ResponseSchema) -> Success {
            Success(status: .ok, body: body, isPaged: true)
        }

        static let noContent = Success(status: .noContent, body: nil, isPaged: false)

        /// Something was done, and there is nothing to show for it.
        static let done = Success(
            status: .ok, body: .inline(.object([("message", .string())], required: [])),
            isPaged: false)

        /// The removal of something that takes its time.
        static let accepted = Success(
            status: .accepted, body: .inline(.object([("message", .string())], required: [])),
            isPaged: false)
    }

    typealias Handler =
        @Sendable (ManagementCall) async throws(RegistryError) -> FormatResponse

    let method: HTTPRequest.Method
    /// The path below `/api/v4`; a segment that begins with a colon names a parameter:
    /// `projects/:id/members`.
    let path: String
    /// The operation's name in metrics, logs and the document: `project.create`.
    let label: String
    let summary: String
    let parameters: [Parameter]
    /// Filters that GitLab has and this gateway lacks: refused, because an answer that ignored one
    /// would be wrong.
    let unsupported: [String]
    let success: Success
    /// What it answers instead when it was asked to do nothing, and only say what it would do.
    let preview: Success?
    /// What it can fail with, beside what its parameters and its access imply.
    let failures: [RegistryError.Code]
    let access: @Sendable (ManagementAddress) -> [AccessRequirement]
    let handler: Handler
    /// Whether a DELETE takes its parameters from a body as well, as `curl --data` sends them.
    let takesForm: Bool

    init(
        _ method: HTTPRequest.Method, _ path: String, _ label: String, _ summary: String,
        parameters: [Parameter] = [], unsupported: [String] = [], success: Success,
        preview: Success? = nil, takesForm: Bool = false,
        failures: [RegistryError.Code] = [],
        access: @escaping @Sendable (ManagementAddress) -> [AccessRequirement],
        handler: @escaping Handler
    ) {
        self.method = method
        self.path = path
        self.label = label
        self.summary = summary
        self.parameters = parameters
        self.unsupported = unsupported
        self.success = success
        self.preview = preview
        self.takesForm = takesForm
        self.failures = failures
        self.access = access
        self.handler = handler
    }

    /// The segments of the path.
    var segments: [String] { path.split(separator: "/").map(String.init) }

    /// Whether the parameter stands in the path.
    func isInPath(_ parameter: Parameter) -> Bool { segments.contains(":\(parameter.name)") }

    /// Whether parameters that do not stand in the path belong in the body.
    var describesBody: Bool { method == .post || method == .put || method == .patch }

    /// Whether the endpoint takes a body.
    var takesBody: Bool { describesBody || takesForm }
}

/// The address of a request as far as access depends on it.
struct ManagementAddress: Sendable {
    /// The parameters of the path, decoded.
    let path: [String: String]
    let query: RequestQuery

    /// The namespace that the path's `id` names: a number, or else a path.
    func namespace(_ kind: NamespaceKind?) -> NamespaceReference {
        let text = path["id"] ?? ""
        guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }),
            let id = Int64(text)
        else { return .path(text, kind) }
        return .id(id, kind)
    }
}

/// What a call asks for that does one thing in the project, group or namespace of its address.
func asking(
    _ action: AccessAction, in kind: NamespaceKind?
) -> @Sendable (ManagementAddress) -> [AccessRequirement] {
    { address in [AccessRequirement(action, on: .namespace(address.namespace(kind)))] }
}

/// What a call asks for that does one thing on the instance.
func asking(_ action: AccessAction) -> @Sendable (ManagementAddress) -> [AccessRequirement] {
    { _ in [AccessRequirement(action, on: .instance)] }
}
