import Foundation
import TestSupport
import Testing

/// P-12: the list of all projects of a large index.
@Suite(.serialized) struct ProjectListTests {
    /// How many projects there are.
    static let projectCount = 200_000
    /// How much more memory the server may take while it sends the list to `clientCount` at once, in
    /// mebibytes: less than the names take in it once.
    static let growthLimitMebibytes = 24
    static let clientCount = 4

    /// Every name, once and in order, in both forms, while the memory of the server stays what it was.
    @Test(arguments: DatabaseKind.allCases)
    func sendsEveryNameInConstantMemory(_ kind: DatabaseKind) async throws {
        var options: [String] = []
        var address: String?
        if kind == .postgres {
            address = try await kind.makeDatabase(isMigrated: false).address
            options = ["--database-url", address ?? ""]
        }
        try await PythonSite.run(options: options) { site in
            try await ManyPackages.insert(
                Self.projectCount, format: "pypi", intoProject: "acme/tools", on: kind,
                at: address ?? site.folder.path("data/packhouse.sqlite3"))
            let names = (1...Self.projectCount).map(ManyPackages.name)
            for (path, type, expected) in [
                (
                    site.projectPaths[0], "text/html",
                    names.map { "<a href=\"\($0)/\">\($0)</a><br/>\n" }.joined()
                        + "</body>\n</html>\n"
                ),
                (
                    site.groupPaths[0], "application/vnd.pypi.simple.v1+json",
                    "\"projects\":["
                        + names.map { "{\"name\":\"\($0)\"}" }.joined(separator: ",") + "]}"
                ),
            ] {
                try await list(path, type, expected, of: site, "\(kind) \(type)")
            }
        }
    }

    private func list(
        _ path: String, _ type: String, _ expected: String, of site: PythonSite, _ name: String
    ) async throws {
        let process = site.server.processID
        try Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/\(process)/clear_refs"))
        let before = try mebibytes("VmHWM", of: process)
        let start = ContinuousClock.now
        try await withThrowingTaskGroup { group in
            for _ in 0..<Self.clientCount {
                group.addTask {
                    let file = site.folder.path("list-\(UUID().uuidString)")
                    try await site.fetch("\(path)/simple/", accept: type, to: file)
                    let list = try Data(contentsOf: URL(fileURLWithPath: file))
                    let tail = Data(expected.utf8)
                    // Without a message that has all of it.
                    let isComplete = list.count > tail.count && list.suffix(tail.count) == tail
                    #expect(isComplete, "\(list.count) bytes end in \(tail.count) others")
                    #expect(list.count < tail.count + 1024, "something stands before the names")
                }
            }
            try await group.waitForAll()
        }
        let growth = try mebibytes("VmHWM", of: process) - before
        print("\(name): \(Self.clientCount) lists in \(start.duration(to: .now)), \(growth) MiB")
        #expect(growth <= Self.growthLimitMebibytes)
    }

    /// A line of what the system says about a process, rounded up.
    private func mebibytes(_ field: String, of process: Int32) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix(field) })
        let kibibytes = line.split { !$0.isNumber }.compactMap { Int($0) }.first
        return (try #require(kibibytes) + 1023) / 1024
    }
}
