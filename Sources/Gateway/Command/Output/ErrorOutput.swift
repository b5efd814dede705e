import Foundation

/// The error output of the process.
enum ErrorOutput {
    /// Writes `text` and a line break.
    static func write(_ text: String) {
        // A closed terminal is no reason to stop serving, and there is nowhere left to say so.
        try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
    }
}
