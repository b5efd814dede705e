import Foundation
import HTTPTypes
import NIOCore
import Registry
import TestSupport
import Testing

@testable import OCIFormat

/// C-28: whatever goes wrong, the answer is in the specification's form.
@Suite("Failures of OCI")
struct OCIFailureTests {
    private static func render(
        _ failure: RegistryError, _ tail: String = "/a/manifests/x",
        origin: PublicOrigin = PublicOrigin(scheme: "https", authority: "x.example:8443")
    ) throws -> (response: FormatResponse, error: [String: Any]) {
        let head = RequestHead(
            method: .get, tail: try RequestPath(parsing: tail), query: RequestQuery(), headers: [:],
            origin: origin, mountPath: "/v2", requestID: "r1")
        let response = OCIFormat().render(failure, for: head)
        let body = try JSONSerialization.jsonObject(with: Data(try response.bytes))
        let object = try #require(body as? [String: [[String: Any]]])
        let error = try #require(object["errors"]?.first)
        #expect(object.count == 1)
        #expect(object["errors"]?.count == 1)
        #expect(response.headers[.contentType] == "application/json")
        #expect(response.headers[.dockerAPIVersion] == "registry/2.0")
        return (response, error)
    }

    @Test(arguments: RegistryError.Code.allCases)
    func everyFailureHasACode(_ code: RegistryError.Code) throws {
        for tail in ["/a/manifests/x", "/a/blobs/x", "/a/blobs/uploads/1", "/", "/nowhere/at/all"] {
            let (response, error) = try Self.render(RegistryError(code, "why"), tail)
            let name = try #require(error["code"] as? String)
            #expect(name.wholeMatch(of: /[A-Z_]+/) != nil)
            #expect(error["message"] as? String == "why")
            #expect(error["detail"] == nil)
            #expect(response.status.code >= 400)
        }
    }

    @Test(
        arguments: [
            (RegistryError.Code.unauthenticated, nil, 401, "UNAUTHORIZED"),
            (.forbidden, nil, 403, "DENIED"), (.forbidden, "tag_protected", 403, "DENIED"),
            (.conflict, "tag_immutable", 409, "DENIED"),
            (.notFound, nil, 404, "NAME_UNKNOWN"), (.notFound, "name_unknown", 404, "NAME_UNKNOWN"),
            (.notFound, "manifest_unknown", 404, "MANIFEST_UNKNOWN"),
            (.notFound, "blob_unknown", 404, "BLOB_UNKNOWN"),
            (.notFound, "upload_unknown", 404, "BLOB_UPLOAD_UNKNOWN"),
            (.notFound, "content_lost", 404, "MANIFEST_UNKNOWN"),
            (.malformed, "digest_invalid", 400, "DIGEST_INVALID"),
            (.unprocessable, "digest_mismatch", 400, "DIGEST_INVALID"),
            (.malformed, "name_invalid", 400, "NAME_INVALID"),
            (.malformed, "tag_invalid", 400, "TAG_INVALID"),
            (.malformed, "manifest_invalid", 400, "MANIFEST_INVALID"),
            (.unprocessable, "size_mismatch", 400, "MANIFEST_INVALID"),
            (.malformed, "size_invalid", 400, "SIZE_INVALID"),
            (.malformed, "page_invalid", 400, "PAGINATION_NUMBER_INVALID"),
            (.malformed, "named_blob_unknown", 400, "MANIFEST_BLOB_UNKNOWN"),
            (.malformed, "named_version_unknown", 400, "MANIFEST_BLOB_UNKNOWN"),
            (.conflict, "version_referenced", 409, "MANIFEST_REFERENCED_IN_LIST"),
            (.rangeNotSatisfiable, "chunk_out_of_order", 416, "RANGE_INVALID"),
            (.bodyTooLarge, nil, 413, "SIZE_INVALID"),
            (.tooManyRequests, nil, 429, "TOOMANYREQUESTS"),
            (.methodNotAllowed, nil, 405, "UNSUPPORTED"), (.unavailable, nil, 503, "UNAVAILABLE"),
            (.internalError, nil, 500, "UNKNOWN"), (.insufficientStorage, nil, 507, "UNAVAILABLE"),
        ] as [(RegistryError.Code, String?, Int, String)])
    func codes(
        _ code: RegistryError.Code, _ reason: String?, _ status: Int, _ name: String
    ) throws {
        let (response, error) = try Self.render(RegistryError(code, "why", reason: reason))
        #expect(response.status.code == status)
        #expect(error["code"] as? String == name)
    }

    @Test func sizesAndLostBytesOfBlobs() throws {
        let blob = "/a/blobs/uploads/1"
        let size = try Self.render(
            RegistryError(.unprocessable, "why", reason: "size_mismatch"), blob)
        #expect(size.error["code"] as? String == "SIZE_INVALID")
        let lost = try Self.render(
            RegistryError(.notFound, "why", reason: "content_lost"), "/a/blobs/x")
        #expect(lost.error["code"] as? String == "BLOB_UNKNOWN")
    }

    @Test func detailsAndHeadersArePassedOn() throws {
        let (response, error) = try Self.render(
            RegistryError(
                .tooManyRequests, "why", detail: ["b": "2", "a": "\"1\""], retryAfterSeconds: 7,
                headers: [.range: "0-4"]))
        #expect(error["detail"] as? [String: String] == ["a": "\"1\"", "b": "2"])
        #expect(response.headers[.retryAfter] == "7")
        #expect(response.headers[.range] == "0-4")
    }

    @Test func challenges() throws {
        let realm = #"Bearer realm="https://x.example:8443/jwt/auth",service="container_registry""#
        let plain = try Self.render(RegistryError(.unauthenticated, "why")).response
        #expect(plain.headers[.wwwAuthenticate] == realm)
        let scoped = try Self.render(
            RegistryError(
                .unauthenticated, "why", reason: RegistryTokens.insufficientScopeReason,
                detail: [RegistryTokens.scopeDetail: "repository:a:pull,push repository:b:pull"])
        ).response
        #expect(
            scoped.headers[.wwwAuthenticate]
                == realm + #",scope="repository:a:pull,push repository:b:pull""#
                + #",error="insufficient_scope""#)
        let expired = try Self.render(
            RegistryError(.unauthenticated, "why", reason: RegistryTokens.expiredReason),
            origin: PublicOrigin(scheme: "http", authority: "y", pathPrefix: "/sub")
        ).response
        #expect(
            expired.headers[.wwwAuthenticate]
                == #"Bearer realm="http://y/sub/jwt/auth",service="container_registry","#
                + #"error="invalid_token""#)
    }
}

extension FormatResponse {
    /// The body of an answer that has it in memory.
    fileprivate var bytes: [UInt8] {
        get throws {
            guard case .bytes(let buffer) = body else { throw RegistryError.uploadUnknown() }
            return Array(buffer.readableBytesView)
        }
    }
}
