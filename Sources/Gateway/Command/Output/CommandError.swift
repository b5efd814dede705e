/// Why a command cannot go on, in words for the person at the keyboard.
struct CommandError: Error, CustomStringConvertible {
    /// What is wrong, and how to put it right.
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
