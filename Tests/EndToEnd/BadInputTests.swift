import CardTesting
import Foundation
import LMDBKit
import Testing

@testable import CardStore

/// What partners, operators and disks get wrong: a message that names it, the right status, and
/// nothing lost.
@Suite struct BadInputTests {
    private let directory = TemporaryDirectory()
    private var data: String { directory.file("data") }
    private static let header = "ID,Card ID,User Mobile,Timestamp\n"
    private static let goodRow = "1,GOOD1,0501234567,12-11-2023 10:00\n"

    private func load(_ arguments: String...) throws -> Program.Output {
        try Program.run(["load", "--data-dir", data] + arguments)
    }

    private func isLoaded(_ card: String) throws -> Bool {
        try Program.run(["get", "--data-dir", data, card]).status == 0
    }

    private func rejects() throws -> String {
        let folder = data + "/rejects"
        return try FileManager.default.contentsOfDirectory(atPath: folder)
            .filter { $0.hasSuffix(".rejects.csv") }
            .map { FileManager.default.contents(atPath: folder + "/" + $0) ?? Data() }
            .map { String(decoding: $0, as: UTF8.self) }.joined()
    }

    /// Columns that nobody knows are noted, and the rest is loaded.
    @Test func load_notesUnknownColumns() throws {
        let file = try directory.write(
            "pickup.csv",
            "Courier,Card ID,ID,Weight,Timestamp,User Mobile\n"
                + "X,C1,1,2 kg,12-11-2023 10:00,0501234567\n")
        let output = try load(file)
        #expect(output.status == 0)
        #expect(output.standardError.contains("'Courier', 'Weight'"))
        #expect(try isLoaded("C1"))
    }

    /// A missing column refuses the file, and the message lists what was found.
    @Test func load_refusesAFile_withoutARequiredColumn() throws {
        let bad = try directory.write(
            "pickup bad.csv",
            "ID,Card,User Mobile,Timestamp\n1,C1,0501234567,12-11-2023 10:00\n")
        let good = try directory.write("pickup good.csv", Self.header + Self.goodRow)
        let output = try load(bad, good)
        #expect(output.status == 1)
        #expect(output.standardError.contains("card_id"))
        #expect(output.standardError.contains("'ID', 'Card', 'User Mobile', 'Timestamp'"))
        #expect(output.standardError.contains("pickup bad.csv"))
        #expect(try isLoaded("GOOD1"))
        #expect(try !isLoaded("C1"))
    }

    /// Bytes that are no CSV are refused as a file, and shown in a form that a terminal survives.
    @Test func load_refusesBinaryJunk() throws {
        var random = SeededGenerator(seed: 7)
        let junk = Data((0..<100_000).map { _ in UInt8.random(in: 0...255, using: &random) })
        let output = try load(try directory.write("pickup.csv", junk))
        #expect(output.status == 1)
        #expect(output.standardError.contains("pickup.csv"))
        #expect(!output.standardError.contains("\u{0}") && !output.standardError.contains("\u{1B}"))
        #expect(output.standardError.utf8.count < 10_000)
    }

    /// A row of 10 MB is a reject, kept whole, and the rows around it are loaded.
    @Test func load_rejectsALineOfTenMegabytes_andGoesOn() throws {
        let long = "2,LONG,0501234567,12-11-2023 10:00," + String(repeating: "x", count: 10_000_000)
        let file = try directory.write(
            "pickup.csv",
            Self.header + Self.goodRow + long + "\n3,GOOD2,0501234567,12-11-2023 10:00\n")
        let output = try load(file)
        #expect(output.status == 0)
        #expect(output.standardError.contains("pickup.csv:3:"))
        #expect(output.standardOutput.contains("row_too_long 1"))
        #expect(try isLoaded("GOOD1") && isLoaded("GOOD2"))
        #expect(try rejects().contains(long))
    }

    /// A quote that nobody closed costs its own line only, a stray one its own row.
    @Test func load_rejectsBrokenQuotes_andGoesOn() throws {
        let file = try directory.write(
            "pickup.csv",
            Self.header + "2,GO\"OD2,0501234567,12-11-2023 10:00\n"
                + "3,\"OPEN,0501234567,12-11-2023 10:00\n" + Self.goodRow
                + "4,GOOD3,0501234567,12-11-2023 10:00\n")
        let output = try load(file)
        #expect(output.status == 0)
        #expect(output.standardError.contains("pickup.csv:2:"))
        #expect(output.standardError.contains("pickup.csv:3:"))
        #expect(output.standardOutput.contains("card_id_invalid 1, quote_not_closed 1"))
        #expect(try isLoaded("GOOD1") && isLoaded("GOOD3"))
        #expect(try load("--strict", file).status == 1)
    }

    /// A quote that is closed rows later makes one row of them all: it is rejected with all its
    /// lines, so that none is lost.
    @Test func load_rejectsRowsWhole_thatAQuoteRanTogether() throws {
        let swallowed = "2,\"OPEN,0501234567,12-11-2023 10:00\n" + Self.goodRow + "3,CLO\"SED,x,y"
        let file = try directory.write(
            "pickup.csv", Self.header + swallowed + "\n4,GOOD3,0501234567,12-11-2023 10:00\n")
        let output = try load(file)
        #expect(output.standardOutput.contains("rejects by reason"))
        #expect(try isLoaded("GOOD3"))
        #expect(try rejects().contains(swallowed.replacingOccurrences(of: "\"", with: "\"\"")))
    }

    /// Text that is no UTF-8 is a reject with its bytes as they were.
    @Test func load_rejectsInvalidUTF8_andGoesOn() throws {
        var bytes = Data("ID,Card ID,User contact,Timestamp,Comment\n".utf8)
        bytes.append(contentsOf: "1,BAD,0501234567,12-11-2023 10:00,caf".utf8)
        bytes.append(0xE9)
        bytes.append(contentsOf: "\n2,GOOD1,0501234567,12-11-2023 10:00,fine\n".utf8)
        let output = try load(try directory.write("delivered.csv", bytes))
        #expect(output.status == 0)
        #expect(output.standardOutput.contains("comment_not_utf8 1"))
        #expect(output.standardError.contains("'Comment'"))
        #expect(try isLoaded("GOOD1"))
        #expect(try !isLoaded("BAD"))
    }

    /// An empty file is a run of no rows.
    @Test(arguments: ["", "\u{FEFF}", "\n\n", "ID,Card ID,User Mobile,Timestamp\r\n"])
    func load_readsNoRows_fromAnEmptyFile(text: String) throws {
        let output = try load(try directory.write("pickup.csv", text))
        #expect(output.status == 0)
        #expect(output.standardOutput.contains("0 rows"))
    }

    /// Arguments that cannot be used end with 2 before anything is read.
    @Test func commands_endWithTwo_forUnusableArguments() throws {
        let good = try directory.write("pickup.csv", Self.header + Self.goodRow)
        let unknown = try directory.write("friday.csv", Self.header + Self.goodRow)
        let config = try directory.write("bad.yaml", "feeds:\n  - id: x\n    colour: red\n")
        for (arguments, words) in [
            (["load", "--data-dir", data, good, directory.file("absent.csv")], "absent.csv"),
            (["load", "--data-dir", data, unknown], "--feed"),
            (["load", "--data-dir", data, "--feed", "nope", good], "pickup, delivery-exceptions"),
            (["load", good], "--data-dir"),
            (["load", "--data-dir", data], "path"),
            (["load", "--data-dir", data, "--map-size", "huge", good], "--map-size"),
            (["load", "--data-dir", data, "--config", config, good], "bad.yaml:3:5"),
            (
                ["load", "--data-dir", data, "--config", directory.file("none.yaml"), good],
                "none.yaml"
            ),
            (["serve", "--data-dir", data, "--listen", "nowhere"], "nowhere"),
            (["serve", "--data-dir", data, "--workers", "0"], "--workers"),
            (["serve", "--data-dir", data, "--log-level", "loud"], "loud"),
            (["get", "--data-dir", data, "bad id"], "bad id"),
            (["get", "--data-dir", data, "phone:hello"], "hello"),
            (["void", "--data-dir", data, good], "--feed"),
            (["frobnicate"], "frobnicate"),
        ] {
            let output = try Program.run(arguments)
            #expect(output.status == 2, "\(arguments): \(output.standardError)")
            #expect(output.standardError.contains(words), "\(arguments): \(output.standardError)")
        }
        #expect(!FileManager.default.fileExists(atPath: data))
    }

    /// Settings come from the environment too, and an option beats them.
    @Test func environment_setsWhatOptionsDo() throws {
        let file = try directory.write("friday.csv", Self.header + Self.goodRow)
        let output = try Program.run(
            ["load", file],
            environment: ["CARDSTATUS_DATA_DIR": data, "CARDSTATUS_FEED": "pickup"])
        #expect(output.status == 0)
        let other = try Program.run(
            ["get", "--data-dir", data, "GOOD1"],
            environment: ["CARDSTATUS_DATA_DIR": directory.file("other")])
        #expect(other.standardOutput.contains("picked_up"))
        let wrong = try Program.run(
            ["load", file],
            environment: ["CARDSTATUS_DATA_DIR": data, "CARDSTATUS_STRICT": "maybe"])
        #expect(wrong.status == 2 && wrong.standardError.contains("CARDSTATUS_STRICT"))
    }

    /// Closed standard descriptors must not become those of the store's files, which output would
    /// then overwrite; and a result that nobody can get is a failure.
    @Test(arguments: [">&- 2>&-", "<&- >&-", "<&- 2>&-", "<&- >&- 2>&-", ">&-", "2>&-"])
    func commands_leaveTheStoreWhole_withClosedDescriptors(redirections: String) throws {
        try Program.succeed(["load", "--data-dir", data, Samples.directory])
        let before = try Program.succeed(["export", "--data-dir", data])
        let losesOutput = redirections.split(separator: " ").contains(">&-")
        for command in [
            ["load", Samples.directory], ["get", "ZYW8827"], ["export"],
            ["key", "create", "--name", "nobody"],
        ] {
            let output = try Program.run(
                command + ["--data-dir", data],
                launcher: ["sh", "-c", "\"$0\" \"$@\" " + redirections])
            #expect((output.status == 0) == !losesOutput, "\(command) \(redirections)")
            #expect(try Program.succeed(["export", "--data-dir", data]) == before)
            try Program.succeed(["check", "--data-dir", data])
        }
        let keys = try Program.succeed(["key", "list", "--data-dir", data])
        #expect(keys.contains("nobody") == !losesOutput, "\(redirections)")
    }

    /// Commands that only read say that there is nothing, and make nothing.
    @Test func readers_fail_whereThereIsNoStore() throws {
        for command in [["get", "X"], ["export"], ["check"]] {
            let output = try Program.run([command[0], "--data-dir", data] + command.dropFirst())
            #expect(output.status == 1)
            #expect(output.standardError.contains("no store in '\(data)'"))
        }
        #expect(!FileManager.default.fileExists(atPath: data))
    }

    /// A directory that cannot be used is named, with the reason.
    @Test func commands_nameADirectory_thatTheyCannotUse() throws {
        let file = try directory.write("file", "not a directory")
        let output = try Program.run(["check", "--data-dir", file])
        #expect(output.status == 1 && output.standardError.contains(file))
        let serve = try Program.run(["serve", "--data-dir", directory.file("a/b/c")])
        #expect(serve.status == 1 && serve.standardError.contains("a/b/c"))
    }

    /// A directory of another user is named, with the reason.
    @Test(.enabled(if: getuid() == 0, "only root can become another user"))
    func commands_nameADirectory_thatTheyMayNotRead() throws {
        try Program.succeed(["load", "--data-dir", data, Samples.directory])
        // The program itself must be within reach of the other user, the data must not.
        let program = directory.file("cardstatus")
        try FileManager.default.copyItem(atPath: Program.url.path, toPath: program)
        chmod(program, 0o755)
        chmod(directory.path, 0o755)
        let process = try RunningProgram(
            [
                "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "check",
                "--data-dir", data,
            ],
            environment: ProcessInfo.processInfo.environment)
        let output = process.waitForEnd()
        #expect(output.status == 1)
        #expect(output.standardError.contains(data), "\(output.standardError)")
        #expect(output.standardError.contains("Permission denied"), "\(output.standardError)")
    }

    /// A store of another schema is refused, and left as it was.
    @Test func commands_refuseAnotherSchema() throws {
        try Program.succeed(["load", "--data-dir", data, Samples.directory])
        let environment = try LMDBKit.Environment(
            path: data, options: .init(mapSizeBytes: 1 << 30))
        try environment.write { transaction in
            let meta = try transaction.createDatabase("meta")
            try MetaValue.write(MetaValue.schema, [7], &transaction, meta)
        }
        let before = FileManager.default.contents(atPath: data + "/data.mdb")
        for command in [["check"], ["get", "ZYW8827"], ["load", Samples.directory], ["serve"]] {
            let output = try Program.run([command[0], "--data-dir", data] + command.dropFirst())
            #expect(output.status == 1)
            #expect(output.standardError.contains("schema version 7"), "\(output.standardError)")
            #expect(output.standardError.contains("version 4"), "\(output.standardError)")
        }
        #expect(FileManager.default.contents(atPath: data + "/data.mdb") == before)
    }

    /// A file that is no LMDB file is named.
    @Test func commands_nameADataFile_thatIsNone() throws {
        try Program.succeed(["load", "--data-dir", data, Samples.directory])
        try Data(repeating: 0x5A, count: 65_536).write(to: URL(fileURLWithPath: data + "/data.mdb"))
        let output = try Program.run(["check", "--data-dir", data])
        #expect(output.status == 1)
        #expect(output.standardError.contains("data.mdb"), "\(output.standardError)")
    }

    /// A full map stops a load with a message, and what was loaded goes on being read.
    @Test func load_stops_whenTheMapIsFull() throws {
        var text = Self.header
        for row in 0..<40_000 { text += "\(row),C\(row),0501234567,12-11-2023 10:00\n" }
        let file = try directory.write("pickup.csv", text)
        let output = try load("--map-size", "4MiB", file)
        #expect(output.status == 1)
        #expect(output.standardError.contains("--map-size"), "\(output.standardError)")
        try Program.succeed(["check", "--data-dir", data])
        // With room the same load goes through.
        try Program.succeed(["load", "--data-dir", data, file])
        #expect(try Program.succeed(["check", "--data-dir", data]).hasPrefix("40000 cards"))
    }
}
