// swift-tools-version: 6.2
import PackageDescription

/// One set of compiler settings for every target: Swift 6 mode, strict imports, no warnings.
let houseSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

// Products of other packages, by the name the targets use.
let asyncHTTPClient = Target.Dependency.product(
    name: "AsyncHTTPClient", package: "async-http-client")
let argumentParser = Target.Dependency.product(
    name: "ArgumentParser", package: "swift-argument-parser")
let configuration = Target.Dependency.product(
    name: "Configuration", package: "swift-configuration")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let grdbSQLite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdHTTP2 = Target.Dependency.product(name: "HummingbirdHTTP2", package: "hummingbird")
let hummingbirdTLS = Target.Dependency.product(name: "HummingbirdTLS", package: "hummingbird")
let hummingbirdTesting = Target.Dependency.product(
    name: "HummingbirdTesting", package: "hummingbird")
let jwtKit = Target.Dependency.product(name: "JWTKit", package: "jwt-kit")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let nioCertificateReloading = Target.Dependency.product(
    name: "NIOCertificateReloading", package: "swift-nio-extras")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioFoundationCompat = Target.Dependency.product(
    name: "NIOFoundationCompat", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioHTTPTypesHTTP1 = Target.Dependency.product(
    name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let serviceLifecycle = Target.Dependency.product(
    name: "ServiceLifecycle", package: "swift-service-lifecycle")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let unixSignals = Target.Dependency.product(
    name: "UnixSignals", package: "swift-service-lifecycle")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
    name: "packhouse",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "packhouse", targets: ["packhouse"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(
            url: "https://github.com/apple/swift-configuration", from: "1.4.0",
            traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
    ],
    targets: [
        // MARK: Domain

        .systemLibrary(
            name: "CPCRE2", path: "Sources/Registry/CPCRE2",
            pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
        .target(
            name: "Registry",
            dependencies: ["CPCRE2", httpTypes, nioCore, crypto, logging],
            path: "Sources/Registry", exclude: ["CPCRE2"], swiftSettings: houseSettings),

        // MARK: Formats

        .systemLibrary(
            name: "CArchive", path: "Sources/Formats/Kit/CArchive",
            pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
        .target(
            name: "FormatKit",
            dependencies: ["CArchive", "Registry", httpTypes, nioCore],
            path: "Sources/Formats/Kit", exclude: ["CArchive"], swiftSettings: houseSettings),
        .target(
            name: "GenericFormat",
            dependencies: ["Registry", "FormatKit", httpTypes, nioCore],
            path: "Sources/Formats/Generic", swiftSettings: houseSettings),
        .target(
            name: "OCIFormat",
            dependencies: ["Registry", "FormatKit", httpTypes, nioCore],
            path: "Sources/Formats/OCI", swiftSettings: houseSettings),
        .target(
            name: "PyPIFormat",
            dependencies: ["Registry", "FormatKit", httpTypes, nioCore],
            path: "Sources/Formats/PyPI", swiftSettings: houseSettings),
        .target(
            name: "NPMFormat",
            dependencies: ["Registry", "FormatKit", httpTypes, nioCore],
            path: "Sources/Formats/NPM", swiftSettings: houseSettings),

        // MARK: Storage

        .systemLibrary(
            name: "CCrypto", path: "Sources/Storage/CCrypto",
            pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CFileSync", path: "Sources/Storage/CFileSync"),
        .target(
            name: "BlobStorage",
            dependencies: ["Registry", "CCrypto", "CFileSync", nioCore, nioPosix, crypto],
            path: "Sources/Storage/Blobs", swiftSettings: houseSettings),
        .systemLibrary(
            name: "CLibPQ", path: "Sources/Storage/CLibPQ",
            pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(
            name: "Database",
            dependencies: ["CLibPQ", grdb, grdbSQLite, logging],
            path: "Sources/Storage/Database", swiftSettings: houseSettings),
        .target(
            name: "MetadataStorage",
            dependencies: ["Registry", "Database"],
            path: "Sources/Storage/Metadata", swiftSettings: houseSettings),

        .target(
            name: "GarbageCollection",
            dependencies: ["Registry", logging, serviceLifecycle],
            path: "Sources/Storage/GarbageCollection", swiftSettings: houseSettings),

        // MARK: Gateway

        .target(
            name: "GatewayServer",
            dependencies: [
                "Registry", "FormatKit", httpTypes, hummingbird, hummingbirdCore,
                hummingbirdHTTP2, hummingbirdTLS, jwtKit, logging, metrics, crypto, cryptoExtras,
                nioCore,
                nioPosix, nioHTTP1, nioHTTP2, nioHTTPTypes, nioHTTPTypesHTTP1, nioSSL, nioTLS,
                nioCertificateReloading, serviceLifecycle,
            ],
            path: "Sources/Gateway/Server", swiftSettings: houseSettings),
        .executableTarget(
            name: "packhouse",
            dependencies: [
                "Registry", "GarbageCollection", "FormatKit", "GenericFormat", "OCIFormat",
                "NPMFormat", "PyPIFormat", "BlobStorage", "Database",
                "MetadataStorage", "GatewayServer", argumentParser, configuration, logging,
                metrics,
                serviceLifecycle, unixSignals, yams, nioCore, nioPosix,
            ],
            path: "Sources/Gateway/Command", swiftSettings: houseSettings),

        // MARK: Tests

        .target(
            name: "TestSupport",
            dependencies: [
                "Registry", "FormatKit", "GenericFormat", "OCIFormat", "BlobStorage", "Database",
                "GarbageCollection", "MetadataStorage", "GatewayServer", httpTypes, crypto,
                hummingbird,
                hummingbirdTesting, logging, nioCore, nioPosix, subprocess,
            ],
            path: "Tests/Support", swiftSettings: houseSettings),
        .testTarget(
            name: "RegistryTests", dependencies: ["Registry", "TestSupport", httpTypes, nioCore],
            path: "Tests/Registry", swiftSettings: houseSettings),
        .testTarget(
            name: "FormatKitTests",
            dependencies: ["FormatKit", "Registry", "TestSupport", httpTypes, nioCore],
            path: "Tests/Formats/Kit", swiftSettings: houseSettings),
        .testTarget(
            name: "GenericFormatTests",
            dependencies: [
                "GenericFormat", "FormatKit", "Registry", "TestSupport", httpTypes, nioCore,
            ],
            path: "Tests/Formats/Generic", swiftSettings: houseSettings),
        .testTarget(
            name: "OCIFormatTests",
            dependencies: [
                "OCIFormat", "FormatKit", "GatewayServer", "Registry", "TestSupport", httpTypes,
                nioCore,
            ],
            path: "Tests/Formats/OCI", swiftSettings: houseSettings),
        .testTarget(
            name: "PyPIFormatTests",
            dependencies: [
                "PyPIFormat", "FormatKit", "GatewayServer", "Registry", "TestSupport", httpTypes,
                nioCore,
            ],
            path: "Tests/Formats/PyPI", exclude: ["Golden"], swiftSettings: houseSettings),
        .testTarget(
            name: "NPMFormatTests",
            dependencies: [
                "NPMFormat", "FormatKit", "GatewayServer", "Registry", "TestSupport", crypto,
                httpTypes, nioCore,
            ],
            path: "Tests/Formats/NPM", swiftSettings: houseSettings),
        .testTarget(
            name: "BlobStorageTests",
            dependencies: [
                "BlobStorage", "MetadataStorage", "Registry", "TestSupport", nioCore, nioPosix,
            ],
            path: "Tests/Storage/Blobs", swiftSettings: houseSettings),
        .testTarget(
            name: "DatabaseTests", dependencies: ["Database", "TestSupport", logging],
            path: "Tests/Storage/Database", swiftSettings: houseSettings),
        .testTarget(
            name: "MetadataStorageTests",
            dependencies: ["MetadataStorage", "Database", "Registry", "TestSupport"],
            path: "Tests/Storage/Metadata", swiftSettings: houseSettings),
        .testTarget(
            name: "GarbageCollectionTests",
            dependencies: [
                "GarbageCollection", "BlobStorage", "MetadataStorage", "Registry", "TestSupport",
                nioCore, nioPosix, logging,
            ],
            path: "Tests/Storage/GarbageCollection", swiftSettings: houseSettings),
        .testTarget(
            name: "GatewayServerTests",
            dependencies: [
                "GatewayServer", "FormatKit", "GenericFormat", "OCIFormat", "NPMFormat",
                "PyPIFormat", "BlobStorage",
                "Database", "GarbageCollection", "MetadataStorage", "Registry", "TestSupport",
                httpTypes, hummingbird, hummingbirdTesting, jwtKit, logging, metrics, crypto,
                nioCore, nioEmbedded, nioHTTP1, nioPosix,
                serviceLifecycle, subprocess,
            ],
            path: "Tests/Gateway/Server", swiftSettings: houseSettings),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "packhouse", "TestSupport", "Database", "GatewayServer", "MetadataStorage",
                "Registry", argumentParser, asyncHTTPClient, crypto, logging, nioCore,
                nioFoundationCompat, nioHTTP1, subprocess,
            ],
            path: "Tests/Gateway/Command", swiftSettings: houseSettings),
        .target(
            name: "ClientSupport",
            dependencies: ["TestSupport", nioCore, nioPosix],
            path: "Tests/Clients/Support", swiftSettings: houseSettings),
        .testTarget(
            name: "OCIClientTests",
            dependencies: [
                "packhouse", "ClientSupport", "Database", "MetadataStorage", "OCIFormat",
                "Registry", "TestSupport",
                asyncHTTPClient, crypto, httpTypes, nioCore, nioFoundationCompat, nioHTTP1,
                nioPosix,
            ],
            path: "Tests/Clients/OCI", exclude: ["Fixtures"], swiftSettings: houseSettings),
        .testTarget(
            name: "NPMClientTests",
            dependencies: ["packhouse", "ClientSupport", "TestSupport"],
            path: "Tests/Clients/NPM", swiftSettings: houseSettings),
        .testTarget(
            name: "PyPIClientTests", dependencies: ["packhouse", "TestSupport"],
            path: "Tests/Clients/PyPI", exclude: ["Fixtures"], swiftSettings: houseSettings),
        .testTarget(
            name: "ArchitectureTests", dependencies: ["TestSupport"],
            path: "Tests/Architecture", swiftSettings: houseSettings),
    ]
)
