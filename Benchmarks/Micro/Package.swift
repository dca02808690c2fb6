// swift-tools-version: 6.1

import PackageDescription

// A package of its own, so that what it measures with stays out of ours.
let package = Package(
    name: "card-micro",
    dependencies: [
        .package(name: "cardstatus", path: "../.."),
        // Without its traits, which count allocations by means that are not everywhere; see
        // AllocationCount.
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.0", traits: []),
    ],
    targets: [
        .target(name: "AllocationCount"),
        .executableTarget(
            name: "CardMicro",
            dependencies: [
                "AllocationCount",
                .product(name: "Benchmark", package: "benchmark"),
                .product(name: "CardParts", package: "cardstatus"),
            ],
            path: "Benchmarks/CardMicro",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
    ],
    swiftLanguageModes: [.v6]
)
