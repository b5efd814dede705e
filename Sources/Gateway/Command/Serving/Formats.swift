import GenericFormat
import NPMFormat
import OCIFormat
import PyPIFormat
import Registry

/// The formats that this program serves. A new format is one line here.
enum Formats {
    static let all: [any PackageFormat] = [
        GenericFormat(), OCIFormat(), NPMFormat(), PyPIFormat(),
    ]

    /// The format of this name.
    static func find(_ name: String) -> (any PackageFormat)? {
        all.first { type(of: $0).id.name == name }
    }

    /// What to tell somebody who named a format that there is not.
    static func unknown(_ name: String) -> String {
        let known = all.map { type(of: $0).id.name }
        let nearest = NearestName.find(name, among: known).map { "; did you mean '\($0)'?" } ?? ""
        return "there is no format '\(name)'\(nearest)"
    }
}
