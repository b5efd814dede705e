public import HTTPTypes
public import Registry

extension HTTPFields {
    /// Adds every digest that is known, in hexadecimal, as `X-Checksum-…`.
    public mutating func setChecksums(_ digests: BlobDigests) {
        self[.xChecksumSHA256] = digests.sha256.hex
        if let sha1 = digests.sha1 { self[.xChecksumSHA1] = sha1 }
        if let md5 = digests.md5 { self[.xChecksumMD5] = md5 }
        if let sha512 = digests.sha512 { self[.xChecksumSHA512] = sha512 }
    }

    /// Adds `ETag` and `Last-Modified`.
    public mutating func setValidators(_ validators: Validators) {
        self[.eTag] = validators.entityTag.description
        self[.lastModified] = validators.lastModified.httpDate
    }
}

extension BlobDigests {
    /// The value of `Repr-Digest`, and of `Content-Digest` where the whole is sent.
    ///
    /// *Source*: RFC 9530, sections 2 and 3.
    public var digestField: String {
        let members = [("sha-256", sha256.hex), ("sha-512", sha512)].compactMap { key, hex in
            hex.flatMap { Hex.decode($0) }.map { "\(key)=:\(Base64.encode($0)):" }
        }
        return members.joined(separator: ", ")
    }
}
