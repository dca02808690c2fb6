import CardTesting
import Foundation
import Testing

/// What a look-up asks of the allocator, counted in the real server.
@Suite struct AllocationTests {
    private static let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Benchmarks/Front/allocations.c").path

    /// A library that counts calls of the allocator by thread, once preloaded.
    private static func library(in directory: TemporaryDirectory) throws -> String {
        let path = directory.file("allocations.so")
        let compiler = Process()
        compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        compiler.arguments = [
            "clang", "-O1", "-shared", "-fPIC", "-ftls-model=initial-exec", "-o", path, source,
        ]
        try compiler.run()
        compiler.waitUntilExit()
        try #require(compiler.terminationStatus == 0, "the compiler that comes with Swift works")
        return path
    }

    private static func counts(_ path: String) throws -> [UInt64] {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        return (0..<64).map { cell in
            data.withUnsafeBytes { $0.load(fromByteOffset: cell * 64, as: UInt64.self) }
        }
    }

    /// An optimised look-up allocates nothing. In a build for debugging the contexts of closures
    /// are allocated: four at most, where a response object of libmicrohttpd's alone would be ten.
    private static let perRequestMax = isOptimized ? 0 : 4

    private static var isOptimized: Bool {
        #if DEBUG
        false
        #else
        true
        #endif
    }

    /// A look-up on a connection that has been used allocates nothing, libmicrohttpd's part
    /// included: with and without a key, audited and not, by card and by phone, found, unknown and
    /// unchanged.
    @Test(arguments: [(false, "agents"), (true, "agents"), (true, "all")])
    func lookUps_allocateNothing_whenOptimized(withKey: Bool, audit: String) throws {
        let directory = TemporaryDirectory()
        try Program.succeed(["load", "--data-dir", directory.file("data"), Samples.directory])
        var headers: [String] = []
        if withKey {
            let key = try Program.succeed([
                "key", "create", "--data-dir", directory.file("data"), "--name", "test",
            ])
            let text = try #require(
                key.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix("cs_") })
            headers = ["X-API-Key: \(text)"]
        }
        let file = try directory.write("counts", Data(count: 4_096))
        let server = try Server(
            directory.file("data"), ["--workers", "1", "--audit", audit],
            environment: [
                "LD_PRELOAD": try Self.library(in: directory), "ALLOCATION_COUNTS": file,
            ])
        let connection = try HTTPConnection(port: server.port)
        // An ID that is none is answered with text, which only the worker's thread makes.
        let before = try Self.counts(file)
        for _ in 0..<200 {
            let answer = try connection.get("/api/cards/%3F", headers: headers)
            try #require(answer.status == 400)
        }
        let calls = zip(before, try Self.counts(file)).map { $1 - $0 }
        let worker = try #require(calls.indices.max { calls[$0] < calls[$1] })
        try #require(calls[worker] >= 200)
        for (target, extra, status) in [
            ("/api/cards/ZYW8827", [], 200), ("/api/cards/NOSUCHCARD", [], 404),
            ("/api/cards/ZYW8827", ["If-None-Match: *"], 304),
            ("/api/cards?phone=%2B971585949014", [], 200),
        ] {
            func calls(_ requests: Int) throws -> UInt64 {
                let before = try Self.counts(file)
                for _ in 0..<requests {
                    let answer = try connection.get(target, headers: headers + extra)
                    try #require(answer.status == status)
                }
                return try Self.counts(file)[worker] - before[worker]
            }
            // The first requests allocate what the connection keeps.
            _ = try calls(50)
            let perRequest = Double(try calls(1_000)) / 1_000
            #expect(
                perRequest < Double(Self.perRequestMax) + 0.5,
                "\(target) \(extra): \(perRequest) allocations a request")
        }
    }
}
