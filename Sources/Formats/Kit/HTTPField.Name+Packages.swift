public import HTTPTypes

extension HTTPField.Name {
    /// The sha256 of the whole file, in hexadecimal; understood by GitLab's and JFrog's clients.
    public static let xChecksumSHA256 = HTTPField.Name(known: "X-Checksum-Sha256")
    /// The sha1 of the whole file, in hexadecimal.
    public static let xChecksumSHA1 = HTTPField.Name(known: "X-Checksum-Sha1")
    /// The md5 of the whole file, in hexadecimal.
    public static let xChecksumMD5 = HTTPField.Name(known: "X-Checksum-Md5")
    /// The sha512 of the whole file, in hexadecimal.
    public static let xChecksumSHA512 = HTTPField.Name(known: "X-Checksum-Sha512")

    /// *Source*: RFC 9530, section 2.
    public static let contentDigest = HTTPField.Name(known: "Content-Digest")
    /// *Source*: RFC 9530, section 3.
    public static let reprDigest = HTTPField.Name(known: "Repr-Digest")
    /// *Source*: RFC 3230, section 4.3.2, which RFC 9530 obsoletes.
    public static let legacyDigest = HTTPField.Name(known: "Digest")
    /// *Source*: RFC 1864.
    public static let contentMD5 = HTTPField.Name(known: "Content-MD5")

    /// Web links, here to the other pages of a list.
    ///
    /// *Source*: RFC 8288.
    public static let link = HTTPField.Name(known: "Link")
    /// The number of this page. *Source*: GitLab, "REST API: Pagination".
    public static let xPage = HTTPField.Name(known: "X-Page")
    /// Rows of a page.
    public static let xPerPage = HTTPField.Name(known: "X-Per-Page")
    /// The number of the next page, empty on the last.
    public static let xNextPage = HTTPField.Name(known: "X-Next-Page")
    /// The number of the page before, empty on the first.
    public static let xPreviousPage = HTTPField.Name(known: "X-Prev-Page")
    /// Rows in all.
    public static let xTotal = HTTPField.Name(known: "X-Total")
    /// Pages in all.
    public static let xTotalPages = HTTPField.Name(known: "X-Total-Pages")

    /// What a browser says about who asks: `navigate`, `cors`. *Source*: W3C, "Fetch Metadata".
    public static let secFetchMode = HTTPField.Name(known: "Sec-Fetch-Mode")
    /// `XMLHttpRequest` from scripts in a page.
    public static let xRequestedWith = HTTPField.Name(known: "X-Requested-With")

    /// A name that is written in the source. A test holds every one above to its spelling, since a
    /// name that is not a token would become `From`.
    public init(known text: StaticString) {
        self = HTTPField.Name(text.description) ?? .from
    }
}
