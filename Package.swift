// swift-tools-version: 6.2

import PackageDescription

// Scripts/test sets this, so that a newer compiler's new warnings never stop a user's build.
let warningsAreErrors = Context.environment["CARDSTATUS_WARNINGS_AS_ERRORS"] == "1"

// Lifetimes lets CardView and its kin hold a Span: borrowed bytes that the compiler keeps from
// escaping (docs/adr/0003-borrowed-views.md).
let settings: [SwiftSetting] =
    [
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableExperimentalFeature("Lifetimes"),
    ]
    + (warningsAreErrors ? [.treatAllWarnings(as: .error)] : [])

// Scripts/fuzz sets this: libFuzzer, which the runner calls, is linked in its build only.
let withFuzzRunner = Context.environment["CARDSTATUS_FUZZ"] == "1"

let fuzzRunner: [Target] = [
    .executableTarget(
        name: "fuzz", dependencies: ["FuzzTargets"], path: "Tests/FuzzRunner",
        swiftSettings: settings)
]

let package = Package(
    name: "cardstatus",
    products: [
        .executable(name: "cardstatus", targets: ["cardstatus"]),
        // For Benchmarks/Micro, a package of its own. No interface to build upon.
        .library(
            name: "CardParts",
            targets: ["CardAPI", "CardCSV", "CardIndex", "CardModel", "HTTPFront"]),
        .executable(name: "load-test", targets: ["LoadTest"]),
    ],
    dependencies: [
        // docs/adr/0002-dependencies.md says why each of these is in.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // C libraries: a module map, and a shim only for what Swift cannot call.
        .systemLibrary(
            name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
        .systemLibrary(
            name: "CMicroHTTPD", pkgConfig: "libmicrohttpd",
            providers: [.apt(["libmicrohttpd-dev"])]),
        .systemLibrary(
            name: "CGnuTLS", pkgConfig: "gnutls", providers: [.apt(["libgnutls28-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(
            name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-gnutls-dev"])]),
        .systemLibrary(name: "CExpat", pkgConfig: "expat", providers: [.apt(["libexpat1-dev"])]),

        // Thread-local storage and prefetch, for the index.
        .target(name: "CMachine"),

        // Wrappers: the only places where a C library is imported.
        .target(name: "LMDBKit", dependencies: ["CLMDB"], swiftSettings: settings),
        .target(name: "HTTPFront", dependencies: ["CMicroHTTPD"], swiftSettings: settings),

        .target(name: "GnuTLSKit", dependencies: ["CGnuTLS"], swiftSettings: settings),
        .target(name: "ZlibKit", dependencies: ["CZlib"], swiftSettings: settings),
        .target(name: "CurlKit", dependencies: ["CCurl"], swiftSettings: settings),
        .target(name: "ExpatKit", dependencies: ["CExpat"], swiftSettings: settings),

        // Pure modules: no I/O.
        .target(name: "CardModel", swiftSettings: settings),
        .target(
            name: "CardIndex", dependencies: ["CMachine", "CardModel"], swiftSettings: settings),
        .target(name: "CardCSV", swiftSettings: settings),
        .target(name: "JSONStream", swiftSettings: settings),

        // Makes partners' files for tests and benchmarks; writes files, but knows no other module.
        .target(name: "CardGenerator", dependencies: ["CardModel"], swiftSettings: settings),

        .target(
            name: "CardStore", dependencies: ["LMDBKit", "CardModel"], swiftSettings: settings),
        .target(
            name: "CardService", dependencies: ["CardStore", "CardIndex", "CardModel"],
            swiftSettings: settings),
        .target(
            name: "CardBulk",
            dependencies: ["CMachine", "CardService", "CardStore", "CardModel", "LMDBKit"],
            swiftSettings: settings),
        .target(
            name: "CardFeeds",
            dependencies: [
                "CardBulk", "CardCSV", "CardService", "CardStore", "CardModel", "CurlKit",
                "ExpatKit", "JSONStream", "ZlibKit",
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: settings),
        .target(
            name: "CardAudit",
            dependencies: ["CardModel", "CardService", "GnuTLSKit", "HTTPFront"],
            swiftSettings: settings),
        .target(
            name: "CardAPI",
            dependencies: [
                "HTTPFront", "CardAudit", "CardFeeds", "CardService", "CardStore", "CardModel",
                "GnuTLSKit",
                "ZlibKit",
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "cardstatus",
            dependencies: [
                "CardAPI", "CardAudit", "CardBulk", "CardCSV", "CardFeeds", "CardGenerator",
                "CardService", "CardStore", "CardModel", "GnuTLSKit", "HTTPFront", "ZlibKit",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings),

        // Benchmarks/README.md says how to run these.
        .executableTarget(
            name: "index-benchmark", dependencies: ["CardIndex", "CardModel"],
            path: "Benchmarks/Index", exclude: ["find.cpp", "run"], swiftSettings: settings),
        // The load generator (docs/load-test.md). No server imports it.
        .systemLibrary(name: "CEpoll", path: "Benchmarks/CEpoll"),
        .executableTarget(
            name: "LoadTest",
            dependencies: [
                "CEpoll", "CardGenerator",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            path: "Benchmarks/LoadTest", exclude: ["against-wrk"], swiftSettings: settings),

        // What several test targets use.
        .target(name: "CardTesting", path: "Tests/CardTesting", swiftSettings: settings),
        // What is fuzzed (Scripts/fuzz), and the tests that replay what was found.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "CardTesting", "CardAPI", "CardBulk", "CardCSV", "CardFeeds", "CardModel",
                "CardService", "CardStore", "ExpatKit", "HTTPFront", "JSONStream",
            ],
            path: "Tests/FuzzTargets", swiftSettings: settings),
        .testTarget(
            name: "FuzzTests", dependencies: ["FuzzTargets"], exclude: ["Corpus"],
            swiftSettings: settings),
        .testTarget(
            name: "LMDBKitTests", dependencies: ["LMDBKit", "CardTesting"],
            swiftSettings: settings),
        .testTarget(name: "GnuTLSKitTests", dependencies: ["GnuTLSKit"], swiftSettings: settings),
        .testTarget(name: "ZlibKitTests", dependencies: ["ZlibKit"], swiftSettings: settings),
        .testTarget(
            name: "CurlKitTests", dependencies: ["CurlKit", "CardTesting"],
            swiftSettings: settings),
        .testTarget(name: "ExpatKitTests", dependencies: ["ExpatKit"], swiftSettings: settings),
        .testTarget(
            name: "JSONStreamTests", dependencies: ["JSONStream", "CardTesting"],
            swiftSettings: settings),
        .testTarget(name: "HTTPFrontTests", dependencies: ["HTTPFront"], swiftSettings: settings),
        .testTarget(
            name: "CardModelTests", dependencies: ["CardTesting", "CardModel"],
            exclude: ["Fixtures"],
            swiftSettings: settings),
        .testTarget(
            name: "CardIndexTests", dependencies: ["CardTesting", "CardIndex", "CardModel"],
            swiftSettings: settings),
        .testTarget(
            name: "CardCSVTests", dependencies: ["CardTesting", "CardCSV"],
            swiftSettings: settings),
        .testTarget(
            name: "CardGeneratorTests",
            dependencies: [
                "CardTesting", "CardBulk", "CardGenerator", "CardFeeds", "CardService", "CardStore",
                "CardModel",
                "CardAPI", "HTTPFront",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "CardStoreTests",
            dependencies: ["CardTesting", "CardStore", "CardModel", "LMDBKit"],
            swiftSettings: settings),
        .testTarget(
            name: "CardServiceTests",
            dependencies: [
                "CardTesting", "CardService", "CardIndex", "CardStore", "CardModel", "LMDBKit",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "CardBulkTests",
            dependencies: [
                "CardTesting", "CardBulk", "CardService", "CardStore", "CardModel", "LMDBKit",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "CardFeedsTests",
            dependencies: [
                "CardTesting", "CardFeeds", "CardBulk", "CardCSV", "CardService", "CardStore",
                "CardModel",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "CardAuditTests",
            dependencies: ["CardTesting", "CardAudit", "CardModel", "HTTPFront"],
            swiftSettings: settings),
        .testTarget(
            name: "CardAPITests",
            dependencies: [
                "CardTesting",
                "CardAPI", "CardAudit", "CardFeeds", "CardService", "CardStore", "CardModel",
                "HTTPFront",
                "LMDBKit", "ZlibKit",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "LoadTestTests",
            dependencies: [
                "CardTesting", "LoadTest", "CardGenerator",
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "EndToEnd",
            dependencies: ["CardTesting", "cardstatus", "CardModel", "CardStore", "LMDBKit"],
            exclude: ["Fixtures"],
            swiftSettings: settings),
    ] + (withFuzzRunner ? fuzzRunner : []),
    swiftLanguageModes: [.v6]
)
