public import Registry

extension BlobUpload {
    /// Suspends the upload and gives the state that a replica would find.
    public consuming func suspend() async throws(RegistryError) -> UploadState {
        let kept = SendableBox<UploadState?>(nil)
        try await suspend { (state) throws(RegistryError) in kept.withValue { $0 = state } }
        guard let state = kept.withValue({ $0 }) else {
            throw RegistryError(.internalError, "the upload was suspended without a state")
        }
        return state
    }
}
