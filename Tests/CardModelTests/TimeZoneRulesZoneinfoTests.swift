import CardTesting
import Foundation
import Testing

@testable import CardModel

/// Compares with Python's `zoneinfo` reading the same files. One Python process finds each zone's
/// changes by itself, chooses the moments, and sends them with its answers.
@Suite struct TimeZoneRulesZoneinfoTests {
    private static let systemFolder = "/usr/share/zoneinfo"

    /// `CARDSTATUS_FULL_TESTS=1` looks at every change of every zone name; otherwise at every
    /// change in 24 of the 100 years (drawn anew each time), and fewer random moments.
    private static let isFull = ProcessInfo.processInfo.environment["CARDSTATUS_FULL_TESTS"] == "1"

    /// Every zone of the system, around each of its changes and at random moments.
    @Test func rules_agreeWithZoneinfo_forEveryZoneOfTheSystem() throws {
        let compared = try compare(
            folder: TimeZoneRulesZoneinfoTests.systemFolder,
            stepDays: 10, randomMoments: TimeZoneRulesZoneinfoTests.isFull ? 300 : 80)
        #expect(compared.zones >= 400)
        #expect(compared.moments >= (TimeZoneRulesZoneinfoTests.isFull ? 500_000 : 200_000))
    }

    /// Made-up zones: what no real zone has at the moment, such as rules at the turn of the year,
    /// transitions an hour apart, a first transition after 2000, and hours beyond a day.
    @Test func rules_agreeWithZoneinfo_forMadeUpZones() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("zones-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { _ = try? FileManager.default.removeItem(at: folder) }
        let count = TimeZoneRulesZoneinfoTests.isFull ? 120 : 40
        for index in 0..<count {
            let file = TZifBuilder.random(using: &generator)
            try Data(file.bytes).write(to: folder.appendingPathComponent("Zone\(index)"))
        }
        let compared = try compare(
            folder: folder.path, stepDays: 1, randomMoments: 200, seed: seed)
        // Some of them have hours that an older Python refuses.
        #expect(compared.zones >= count / 4, "seed \(seed)")
    }

    private func compare(
        folder: String, stepDays: Int, randomMoments: Int,
        seed: UInt64 = .random(in: 0...UInt64.max)
    ) throws -> (zones: Int, moments: Int) {
        let years = TimeZoneRulesZoneinfoTests.isFull ? 100 : 24
        let answers = try TimeZoneRulesZoneinfoTests.runPython(
            zoneinfoScript, arguments: ["\(seed)", "\(randomMoments)", "\(years)", "\(stepDays)"],
            folders: [folder])
        var reader = AnswerReader(bytes: [UInt8](answers))
        var zones = 0
        var moments = 0
        while let name = reader.name() {
            let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
            let rules = try TimeZoneRules(name: name, tzif: [UInt8](data))
            let (localCount, utcCount) = (reader.integer(), reader.integer())
            for _ in 0..<localCount {
                let (local, utc) = (reader.integer(), reader.integer())
                let ours = rules.utcSeconds(fromLocal: local)
                guard ours == utc else {
                    Issue.record("\(name): local \(local) is \(utc), not \(ours); seed \(seed)")
                    return (zones, moments)
                }
            }
            for _ in 0..<utcCount {
                let (utc, offset) = (reader.integer(), reader.integer())
                let ours = rules.offsetSeconds(atUTC: utc)
                guard ours == offset else {
                    Issue.record(
                        "\(name): offset at \(utc) is \(offset), not \(ours); seed \(seed)")
                    return (zones, moments)
                }
            }
            zones += 1
            moments += Int(localCount + utcCount)
        }
        return (zones, moments)
    }

    private static func runPython(
        _ script: String, arguments: [String], folders: [String]
    ) throws -> Data {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", script] + arguments
        var environment = ProcessInfo.processInfo.environment
        environment["PYTHONTZPATH"] = folders.joined(separator: ":")
        process.environment = environment
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw PythonFailure(status: process.terminationStatus)
        }
        return data
    }

    private struct PythonFailure: Error {
        var status: Int32
    }
}

/// Host-endian 64-bit integers; a name is its length and its bytes.
private struct AnswerReader {
    let bytes: [UInt8]
    private var position = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func integer() -> Int64 {
        defer { position += 8 }
        return bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: position, as: Int64.self) }
    }

    mutating func name() -> String? {
        guard position < bytes.count else { return nil }
        let length = Int(integer())
        defer { position += length }
        return String(decoding: bytes[position..<position + length], as: UTF8.self)
    }
}

/// Changes are found by sampling every few days and halving the interval, through public calls
/// only. Local moments lie around both edges of each gap or overlap and in it.
private let zoneinfoScript = """
    import os, random, struct, sys, zoneinfo
    from array import array
    from datetime import datetime, timedelta, timezone

    seed, random_moments, year_count, step_days = map(int, sys.argv[1:])
    generator = random.Random(seed)
    years = set(generator.sample(range(2000, 2100), year_count)) | {2037, 2038}
    epoch = datetime(1970, 1, 1)
    low, high = 946684800, 4102444799
    step = step_days * 86400

    def offset_at(zone, utc):
        moment = epoch + timedelta(seconds=utc)
        local = zone.fromutc(moment.replace(tzinfo=zone)).replace(tzinfo=None)
        return int((local - moment).total_seconds())

    def changes(zone):
        for year in sorted(years):
            begin = int(datetime(year, 1, 1, tzinfo=timezone.utc).timestamp())
            end = int(datetime(year + 1, 1, 1, tzinfo=timezone.utc).timestamp())
            left, before = begin, offset_at(zone, begin)
            while left < end:
                right = min(left + step, end)
                after = offset_at(zone, right)
                if after != before:
                    a, b, first = left, right, before
                    while b - a > 1:
                        middle = (a + b) // 2
                        if offset_at(zone, middle) == first: a = middle
                        else: b = middle
                    yield b, before, offset_at(zone, b)
                left, before = right, after

    for name in sorted(zoneinfo.available_timezones()):
        if not any(os.path.isfile(os.path.join(f, name)) for f in zoneinfo.TZPATH): continue
        try: zone = zoneinfo.ZoneInfo(name)
        # Python before 3.11.4 reads no footer with hours beyond a day.
        except ValueError: continue
        locals_, utcs = [], []
        for moment, before, after in changes(zone):
            utcs += (moment - 1, moment, moment + 1)
            early, late = sorted((moment + before, moment + after))
            half = (late - early) // 2
            for edge in (early, late):
                locals_ += (edge - half, edge - 1, edge, edge + 1, edge + half)
        locals_ += [generator.randint(low - 86400, high + 86400) for _ in range(random_moments)]
        utcs += [generator.randint(low, high) for _ in range(random_moments)]
        answers = array("q")
        for local in locals_:
            moment = (epoch + timedelta(seconds=local)).replace(tzinfo=zone)
            answers.append(local)
            answers.append(int(moment.timestamp()))
        for utc in utcs:
            answers.append(utc)
            answers.append(offset_at(zone, utc))
        encoded = name.encode()
        sys.stdout.buffer.write(struct.pack("=q", len(encoded)) + encoded)
        sys.stdout.buffer.write(struct.pack("=qq", len(locals_), len(utcs)) + answers.tobytes())
    """
