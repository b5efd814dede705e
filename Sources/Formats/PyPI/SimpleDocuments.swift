import FormatKit
import NIOCore
import Registry

/// The pages of the index, in both forms. Pure: the same rows are always the same bytes.
///
/// Addresses of files are relative to the page, so that whatever address brought a client to the
/// page, with whatever credential, brings it to the files.
enum SimpleDocuments {
    /// Bytes that a file takes in a page, about: the capacity that is reserved.
    private static let fileBytes = 512

    /// The page of a project.
    ///
    /// - Parameter address: where the format is mounted, as clients reach it; for provenance, whose
    ///   addresses have to be whole.
    static func page(
        of project: SimpleProject, _ form: SimpleMediaType, address: String
    ) -> ByteBuffer {
        var page = ByteBuffer()
        page.reserveCapacity(1024 + project.files.count * fileBytes)
        switch form {
        case .html: writeHTML(project, address, to: &page)
        case .json: writeJSON(project, address, to: &page)
        }
        return page
    }

    /// The address of a file, from the page of its project.
    static func relativeAddress(of file: SimpleProject.File) -> String {
        "../../files/\(file.record.digests.sha256.hex)/\(PercentEncoding.encode(file.name))"
    }

    /// Where the provenance of a file is served.
    ///
    /// *Source*: PyPI, "Integrity API".
    static func provenanceAddress(
        of file: SimpleProject.File, _ project: String, _ address: String
    ) -> String {
        let segments = ["integrity", project, file.version.name, file.name, "provenance"]
        return address + segments.map { "/" + PercentEncoding.encode($0) }.joined()
    }

    // MARK: HTML

    private static func writeHTML(
        _ project: SimpleProject, _ address: String, to page: inout ByteBuffer
    ) {
        var head = ""
        if project.status != .active {
            head += meta("pypi:project-status", project.status.marker.rawValue)
            if let reason = project.status.reason {
                head += meta("pypi:project-status-reason", reason)
            }
        }
        page.writeString(htmlHead("Links for \(project.displayName)", more: head))
        for file in project.files {
            let hex = file.record.digests.sha256.hex
            page.writeString("<a href=\"\(relativeAddress(of: file))#sha256=\(hex)\"")
            if let python = file.attributes.requiresPython {
                page.writeString(" data-requires-python=\"\(HTMLText.escape(python))\"")
            }
            if let metadata = file.metadata {
                let value = "sha256=\(metadata.digests.sha256.hex)"
                // The name that PEP 714 gave it, and the one that older clients look for.
                page.writeString(
                    " data-dist-info-metadata=\"\(value)\" data-core-metadata=\"\(value)\"")
            }
            if let yank = file.yank {
                page.writeString(" data-yanked=\"\(HTMLText.escape(yank.reason ?? ""))\"")
            }
            if file.hasProvenance {
                let url = provenanceAddress(of: file, project.name, address)
                page.writeString(" data-provenance=\"\(HTMLText.escape(url))\"")
            }
            page.writeString(">\(HTMLText.escape(file.name))</a><br/>\n")
        }
        page.writeString(htmlTail)
    }

    /// What stands before the links of a page.
    static func htmlHead(_ title: String, more: String = "") -> String {
        let title = HTMLText.escape(title)
        return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            + meta("pypi:repository-version", SimpleMediaType.apiVersion) + more
            + "<title>\(title)</title>\n</head>\n<body>\n<h1>\(title)</h1>\n"
    }

    static let htmlTail = "</body>\n</html>\n"

    private static func meta(_ name: String, _ content: String) -> String {
        "<meta name=\"\(name)\" content=\"\(HTMLText.escape(content))\">\n"
    }

    // MARK: JSON

    private static func writeJSON(
        _ project: SimpleProject, _ address: String, to page: inout ByteBuffer
    ) {
        var head: [(name: String, value: JSONValue)] = [
            ("meta", ["api-version": .string(SimpleMediaType.apiVersion)]),
            ("name", .string(project.name)),
        ]
        if project.status != .active {
            var status: [(name: String, value: JSONValue)] = [
                ("status", .string(project.status.marker.rawValue))
            ]
            if let reason = project.status.reason { status.append(("reason", .string(reason))) }
            head.append(("project-status", .object(status)))
        }
        let versions = project.releases.map { JSONValue.string($0.name) }
        let files = project.files.map { json(of: $0, project.name, address) }
        head.append(("versions", .array(versions)))
        head.append(("files", .array(files)))
        var document = JSONValue.object(head).bytes
        page.writeBuffer(&document)
    }

    private static func json(
        of file: SimpleProject.File, _ project: String, _ address: String
    ) -> JSONValue {
        var hashes: [(name: String, value: JSONValue)] = [
            ("sha256", .string(file.record.digests.sha256.hex))
        ]
        if let md5 = file.record.digests.md5 { hashes.append(("md5", .string(md5))) }
        var members: [(name: String, value: JSONValue)] = [
            ("filename", .string(file.name)), ("url", .string(relativeAddress(of: file))),
            ("hashes", .object(hashes)), ("size", .integer(file.record.size)),
            ("upload-time", .string(file.record.createdAt.iso8601)),
        ]
        if let python = file.attributes.requiresPython {
            members.append(("requires-python", .string(python)))
        }
        if let metadata = file.metadata {
            // Not under its old name as well: pip 22.3 to 23.1 fails at the sight of that.
            members.append(
                ("core-metadata", ["sha256": .string(metadata.digests.sha256.hex)]))
        }
        let yanked = file.yank.map { $0.reason.map(JSONValue.string) ?? .bool(true) }
        members.append(("yanked", yanked ?? .bool(false)))
        members.append(
            (
                "provenance",
                file.hasProvenance
                    ? .string(provenanceAddress(of: file, project, address)) : .null
            ))
        return .object(members)
    }
}
