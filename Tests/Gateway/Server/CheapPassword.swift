/// A password whose stored hash is cheap to verify, for tests that sign in often: what a hash costs
/// is stored with it.
enum CheapPassword {
    static let text = "correct horse battery"
    /// Made with Python:
    /// `hashlib.scrypt(text, salt=b"salt of the test", n=16, r=1, p=1, dklen=32)`.
    static let hash =
        "scrypt$4$1$1$73616c74206f66207468652074657374$"
        + "6ef123f0d6ba5c81526646118a66f3ace45e5cf6f9010b6dde7272be840f91df"
}
