import Testing

/// The rules of the house that a compiler does not know.
@Suite struct HouseRuleTests {
    /// Files that bind C, or wrap what is not `Sendable` by declaration: each with its reason.
    static let unsafeFiles: [String: String] = [
        "Sources/Formats/Kit/Archive/LibArchive.swift": "libarchive",
        "Sources/Registry/Patterns/NamePattern.swift": "PCRE2",
        "Sources/Formats/Kit/Gzip.swift": "libarchive",
        "Sources/Gateway/Server/Logging/LogLineWriter.swift": "write(2)",
        "Sources/Storage/Blobs/POSIXFileOperations.swift": "files by the system's own calls",
        "Sources/Storage/Blobs/RunningHashes.swift": "libcrypto's hash states",
        "Sources/Storage/Database/PostgresConnection.swift": "libpq",
        "Sources/Storage/Database/PostgresWire.swift": "libpq's values",
        "Sources/Storage/Database/SQLiteStateWatch.swift": "the memory that SQLite shares",
    ]

    /// Tests that let time pass: each with its reason.
    static let sleepingFiles: [String: String] = [
        "Tests/Gateway/Server/HTTP/RawClient.swift": "polls a socket until a deadline",
        "Tests/Gateway/Server/HTTP/RequestBodyTests.swift": "a client that is slow on purpose",
        "Tests/Gateway/Server/HTTP/RunningServer.swift": "polls for a state until a deadline",
        "Tests/Gateway/Server/Replicas.swift": "polls until another replica knows, or a deadline",
        "Tests/Gateway/Server/HTTP/TLSTests.swift": "polls for the new certificate",
        "Tests/Support/Blobs/BlobStoreContract.swift": "polls for a state until a deadline",
        "Tests/Gateway/Command/CrashTests.swift":
            "kills at random moments; its client pauses before it tries again",
        "Tests/Gateway/Command/CollectorCrashSite.swift":
            "kills at random moments; its client pauses before it tries again",
    ]

    /// Files that are longer than a file should be: each with its reason.
    static let longFiles: [String: String] = [:]

    /// The longest file, in lines.
    static let fileLimitLines = 400
    /// The longest line, in characters.
    static let lineLimitCharacters = 100

    @Test func sourcesAvoidWhatCannotFailGracefully() throws {
        for file in try SourceFile.list("Sources") {
            let code = file.code
            #expect(code.firstMatch(of: /\btry!|\bas!/) == nil, "\(file.path): try! or as!")
            #expect(
                code.firstMatch(of: /\bfatalError\s*\(/) == nil,
                "\(file.path): ends the process instead of throwing")
        }
    }

    @Test func unsafeConstructsStayInTheirFiles() throws {
        let pattern =
            #/
                @unchecked\s+Sendable | nonisolated\(unsafe\) | \bUnsafe\w*Pointer\b
                | \bwithUnsafe\w+ | \bOpaquePointer\b
            /#
        var used: Set<String> = []
        for file in try SourceFile.list("Sources") + SourceFile.list("Tests") {
            guard let match = file.code.firstMatch(of: pattern) else { continue }
            used.insert(file.path)
            #expect(
                Self.unsafeFiles[file.path] != nil,
                "\(file.path): \(match.output) belongs in the files that bind C")
        }
        #expect(Set(Self.unsafeFiles.keys).subtracting(used) == [], "listed without need")
    }

    /// I6: what a transaction runs cannot await, because its closure is not asynchronous.
    @Test func transactionsAreSynchronous() throws {
        for path in [
            "Sources/Registry/Metadata/MetadataStore.swift",
            "Sources/Storage/Database/SQLEngine.swift",
        ] {
            let bodies = try SourceFile.read(path).code.matches(
                of: /_ body: @escaping @Sendable \([^)]*\)([^-]*)->/)
            #expect(bodies.count >= 2, "\(path): read and write")
            for body in bodies { #expect(!body.output.1.contains("async"), "\(path)") }
        }
    }

    @Test func testsDoNotSleep() throws {
        var sleeping: Set<String> = []
        for file in try SourceFile.list("Tests")
        where file.code.contains(/\b(Task|Thread)\s*\.\s*sleep\b|\bu?sleep\s*\(/) {
            sleeping.insert(file.path)
            #expect(
                Self.sleepingFiles[file.path] != nil,
                "\(file.path): a sleep hides a race; wait for what has to happen")
        }
        #expect(Set(Self.sleepingFiles.keys).subtracting(sleeping) == [], "listed without need")
    }

    @Test func filesAreShort() throws {
        var long: Set<String> = []
        for file in try SourceFile.list("Sources") + SourceFile.list("Tests")
        where file.lines.count - 1 > Self.fileLimitLines {
            long.insert(file.path)
            #expect(
                Self.longFiles[file.path] != nil,
                "\(file.path): \(file.lines.count - 1) lines; usually that is two ideas")
        }
        #expect(Set(Self.longFiles.keys).subtracting(long) == [], "listed without need")
    }

    @Test func linesAreShort() throws {
        for file in try SourceFile.list("Sources") + SourceFile.list("Tests") {
            // Literals are left out, because nobody can break a line inside one.
            let lines = file.code.split(separator: "\n", omittingEmptySubsequences: false)
            for (index, line) in lines.enumerated() {
                #expect(
                    line.count <= Self.lineLimitCharacters,
                    "\(file.path):\(index + 1): \(line.count) characters")
            }
        }
    }

    @Test func theScannerSeesCodeOnly() {
        let file = SourceFile(
            path: "x",
            text: """
                let a = "try! \\(b("as!")) try!" // try!
                /* try! /* as! */ try! */ let c = #"fatalError("")"#
                try! d()
                """)
        #expect(file.code.matches(of: /try!/).count == 1)
        #expect(!file.code.contains("as!"))
        #expect(!file.code.contains("fatalError"))
        #expect(file.code.contains("let c"))
    }
}
