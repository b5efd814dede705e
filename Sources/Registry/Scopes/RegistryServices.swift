/// What scopes work with. One value for the whole server.
public struct RegistryServices: Sendable {
    public let metadata: any MetadataStore
    public let blobs: any BlobStore
    public let policy: any AccessPolicy
    public let clock: any RegistryClock
    /// Downloads that are not written down yet.
    public let pulls = PullTracker()

    public init(
        metadata: any MetadataStore, blobs: any BlobStore,
        policy: any AccessPolicy = StandardAccessPolicy(), clock: any RegistryClock = SystemClock()
    ) {
        self.metadata = metadata
        self.blobs = blobs
        self.policy = policy
        self.clock = clock
    }
}
