import CardFeeds
import CardModel
import CardTesting
import Foundation
import Testing

/// Files packed by gzip.
@Suite struct PackedFileTests {
    private static let header = "ID,Card ID,User contact,Timestamp,Comment\n"

    private static func rows(_ numbers: Range<Int>) -> String {
        numbers.map { "R\($0),C\($0),0585949014,13-11-2023 14:00,fine\n" }.joined()
    }

    /// A gzip member of stored blocks (RFC 1951, 3.2.4; RFC 1952).
    private static func packed(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        var packed: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
        func append(_ value: UInt32, bytes count: Int) {
            for index in 0..<count {
                packed.append(UInt8(truncatingIfNeeded: value >> (8 * index)))
            }
        }
        var start = 0
        repeat {
            let end = min(start + 60_000, bytes.count)
            packed.append(end == bytes.count ? 1 : 0)
            append(UInt32(end - start), bytes: 2)
            append(~UInt32(end - start), bytes: 2)
            packed += bytes[start..<end]
            start = end
        } while start < bytes.count
        append(crc32(bytes), bytes: 4)
        append(UInt32(bytes.count), bytes: 4)
        return packed
    }

    private static func crc32(_ bytes: [UInt8]) -> UInt32 {
        var crc = UInt32.max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return ~crc
    }

    /// Packed whole, in members that end within rows, and with an empty one: the same rows.
    @Test func load_readsTheSame_howeverTheFileIsPacked() throws {
        let text = Self.header + Self.rows(0..<3_000)
        let plain = try LoadingStore()
        try plain.load(text)
        let expected = try plain.contents()
        let cut = text.index(text.startIndex, offsetBy: 1_237)
        let forms = [
            Self.packed(text),
            Self.packed(String(text[..<cut])) + Self.packed("") + Self.packed(String(text[cut...])),
            Self.packed(text) + [0, 0, 0, 0],
            Self.packed("\u{FEFF}" + text),
        ]
        for form in forms {
            let loading = try LoadingStore()
            #expect(try loading.load(form).rejects == 0)
            #expect(try loading.contents() == expected)
        }
    }

    /// Rejects of a packed file have the row's text.
    @Test func rawRow_isTheRow_whenTheFileIsPacked() throws {
        let bad = "R9,,0585949014,13-11-2023 14:00,\"a\nb\""
        let loading = try LoadingStore()
        let report = try loading.load(
            Self.packed(Self.header + Self.rows(0..<40_000) + bad + "\n"))
        #expect(try ProblemTable(report.rejectsPath).rows.map(\.rawText) == [bad])
    }

    /// A file that was cut off fails by name; whole rows before the cut are loaded, half a row is
    /// not.
    @Test(arguments: [1, 5, 9, 30])
    func load_throws_whenTheFileWasCutOff(_ missing: Int) throws {
        let loading = try LoadingStore()
        let bytes = Self.packed(Self.header + Self.rows(0..<30_000)).dropLast(missing)
        let path = try loading.directory.write(Array(bytes), to: "cut.csv.gz")
        let error = #expect(throws: FileLoadError.self) {
            try loading.loader().load(path, as: try FeedSet.samples.profile(named: "delivered"))
        }
        #expect(
            error
                == .file(
                    FileError(
                        path: path,
                        reason: "the gzip data end too early; the file was cut off")))
        // The check and the length at the end have 8 bytes.
        #expect(try loading.store.statistics().cards == (missing <= 8 ? 30_000 : 29_999))
    }

    /// Data that were changed fail by name, behind the rows before the change.
    @Test func load_throws_whenTheDataWereChanged() throws {
        let loading = try LoadingStore()
        var bytes = Self.packed(Self.header + Self.rows(0..<30_000))
        // The length of the last block, and its complement: both must agree.
        let block = 10 + 20 * 60_005
        bytes[block + 1] ^= 0xFF
        let error = #expect(throws: FileLoadError.self) { try loading.load(bytes) }
        #expect("\(String(describing: error))".contains("damaged (invalid stored block lengths)"))
        #expect(try loading.store.statistics().cards > 25_000)
        #expect(try loading.store.statistics().cards < 30_000)
    }

    /// What only begins like gzip is damaged gzip, and twice packed is not unpacked twice.
    @Test func load_throws_whenItIsNotGzipOfText() throws {
        let junk = #expect(throws: FileLoadError.self) {
            try LoadingStore().load([0x1F, 0x8B, 8] + [UInt8](repeating: 0x77, count: 3_000_000))
        }
        #expect("\(String(describing: junk))".contains("damaged"))
        let text = String(decoding: [0x50, 0x4B, 3, 4, 0x14, 0, 6, 0], as: UTF8.self)
        let archive = #expect(throws: FileLoadError.self) {
            try LoadingStore().load(Self.packed(text))
        }
        #expect("\(String(describing: archive))".contains("a workbook or an archive"))
    }

    /// A few kilobytes that unpack to far more than memory should hold are read as they come.
    @Test func load_holdsLittle_whenTheFileIsABomb() throws {
        let loading = try LoadingStore()
        let path = loading.directory.path + "/bomb.csv.gz"
        let script = """
            import gzip, sys
            with gzip.open(sys.argv[1], 'wb') as out:
                out.write(b'ID,Card ID,User contact,Timestamp,Comment\\n')
                for _ in range(64): out.write(b'x' * (1 << 20))
            """
        let python = Process()
        python.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        python.arguments = ["python3", "-c", script, path]
        try python.run()
        python.waitUntilExit()
        try #require(python.terminationStatus == 0, "python3 is needed, and failed")
        let report = try loading.loader().load(
            path, as: try FeedSet.samples.profile(named: "delivered"))
        #expect(report.rejectsByReason == ["row_too_long": 1])
        let rejects = try FileManager.default.attributesOfItem(
            atPath: try #require(report.rejectsPath))
        #expect(try #require(rejects[.size] as? Int) < 2 * FileLoader.maxRowBytes)
    }
}
