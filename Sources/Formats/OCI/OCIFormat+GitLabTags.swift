import FormatKit
import HTTPTypes
import Registry

extension OCIFormat {
    /// Answers GET and HEAD of the tags of a repository with what they name.
    ///
    /// *Source*: GitLab, "Container registry HTTP API V1: List repository tags".
    func listTagDetails(
        _ name: OCIRepositoryName, _ query: GitLabTagQuery, _ head: RequestHead,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let package = try scope.hostedPackage(Self.id)
        guard let row = try await package.find() else { throw Self.nameUnknown(name) }
        let isBackward = query.before != nil
        var tags = try await package.listTags(
            of: row, query.filter, after: query.before ?? query.last, isBackward: isBackward,
            limit: query.size + 1)
        let hasMore = tags.count > query.size
        if hasMore { tags.remove(at: isBackward ? 0 : tags.count - 1) }
        var rows: [JSONValue] = []
        for tag in tags { rows.append(try await describe(tag, query, in: package)) }
        var links: [String] = []
        if let last = tags.last, hasMore || isBackward {
            links.append(head.link("next", ["n": String(query.size), "last": last.name]))
        }
        if let first = tags.first, isBackward ? hasMore : query.last != nil {
            links.append(head.link("previous", ["n": String(query.size), "before": first.name]))
        }
        var response = FormatResponse.json(.array(rows))
        if !links.isEmpty { response.headers[.link] = links.joined(separator: ", ") }
        return response
    }

    private func describe(
        _ tag: TagRecord, _ query: GitLabTagQuery, in package: HostedPackage
    ) async throws(RegistryError) -> JSONValue {
        let attributes = try ImageAttributes(decoding: tag.version.attributes)
        var members: [(name: String, value: JSONValue)] = [
            ("name", .string(tag.name)), ("digest", .string(tag.version.name)),
        ]
        if let config = attributes.config {
            members.append(("config_digest", .string(config.digest)))
        }
        members += [
            ("media_type", .string(attributes.mediaType)),
            ("size_bytes", .integer(attributes.totalSize ?? 0)),
            ("created_at", .string(tag.updatedAt.iso8601)),
            ("published_at", .string(tag.updatedAt.iso8601)),
        ]
        if query.listsReferrers {
            let referrers = try await referrers(of: tag.version.name, query, in: package)
            members.append(("referrers", .array(referrers)))
        }
        return .object(members)
    }

    private func referrers(
        of digest: String, _ query: GitLabTagQuery, in package: HostedPackage
    ) async throws(RegistryError) -> [JSONValue] {
        let found = try await package.listLinkedFiles(
            .subject, target: digest, label: nil, path: ImageAttributes.manifestPath, after: nil,
            limit: Self.referrerLimitCount)
        var referrers: [JSONValue] = []
        for referrer in found {
            let type = try ImageAttributes(decoding: referrer.version.attributes).artifactType ?? ""
            guard query.referrerTypes.isEmpty || query.referrerTypes.contains(type) else {
                continue
            }
            referrers.append(
                ["artifactType": .string(type), "digest": .string(referrer.version.name)])
        }
        return referrers
    }

    /// Answers GET and HEAD of one tag: the image that it names, or those of an index.
    ///
    /// *Source*: GitLab, "Container registry HTTP API V1: Get repository tag details".
    func showTagDetail(
        _ name: OCIRepositoryName, _ tag: OCITag, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let package = try scope.hostedPackage(Self.id)
        guard let row = try await package.find() else { throw Self.nameUnknown(name) }
        let found = try await package.listTags(
            of: row, TagFilter(exactName: tag.description), after: nil, isBackward: false,
            limit: 1
        ).first
        guard let found else { throw Self.manifestUnknown(.tag(tag)) }
        let attributes = try ImageAttributes(decoding: found.version.attributes)
        var image = Self.image(found.version.name, attributes)
        if attributes.totalSize == nil, let platforms = attributes.platforms {
            var references: [JSONValue] = []
            for platform in platforms {
                let child = try await package.findFile(
                    .name(platform.digest), path: ImageAttributes.manifestPath)
                guard let child else { continue }
                references.append(
                    .object(
                        Self.image(
                            platform.digest,
                            try ImageAttributes(decoding: child.version.attributes))))
            }
            image.append(("references", .array(references)))
        }
        return .json([
            "repository": .string(name.description), "name": .string(found.name),
            "image": .object(image), "created_at": .string(found.updatedAt.iso8601),
            "published_at": .string(found.updatedAt.iso8601),
        ])
    }

    private static func image(
        _ digest: String, _ attributes: ImageAttributes
    ) -> [(name: String, value: JSONValue)] {
        var members: [(name: String, value: JSONValue)] = [
            ("size_bytes", .integer(attributes.totalSize ?? 0)),
            (
                "manifest",
                ["digest": .string(digest), "media_type": .string(attributes.mediaType)]
            ),
        ]
        guard let config = attributes.config else { return members }
        var described: [(name: String, value: JSONValue)] = [
            ("digest", .string(config.digest)), ("media_type", .string(config.mediaType)),
        ]
        if let platform = attributes.platforms?.first {
            described.append(
                (
                    "platform",
                    [
                        "architecture": .string(platform.architecture),
                        "os": .string(platform.os),
                    ]
                ))
        }
        members.append(("config", .object(described)))
        return members
    }
}

extension GitLabTagQuery {
    /// The tags that are asked for, in the order that is.
    fileprivate var filter: TagFilter {
        let (order, direction): (TagFilter.Order, SortDirection) =
            switch self.order {
            case .name: (.name, .ascending)
            case .nameDescending: (.name, .descending)
            case .publishedAt: (.updatedAt, .ascending)
            case .publishedAtDescending: (.updatedAt, .descending)
            }
        return TagFilter(
            nameContains: nameContains, exactName: nameIs, order: order, direction: direction)
    }
}
