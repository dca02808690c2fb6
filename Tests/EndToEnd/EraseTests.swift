import CardTesting
import Foundation
import Testing

/// `cardstatus erase`: what it leaves in memory and on the disk, beside a server and alone, and
/// when it is killed.
struct EraseTests {
    private static let digits: UInt64 = 971_585_949_014
    private static let phone = "+971585949014"
    private static let comment = "left with the sister of flat 12"

    /// The phone in every form that a file can have it in, and the comment.
    private static let traces: [Data] =
        [
            "971585949014", "0585949014", "585949014", "5.85949014E+08", "58 594 9014", comment,
        ].map { Data($0.utf8) }
        + [
            withUnsafeBytes(of: digits.littleEndian) { Data($0) },
            withUnsafeBytes(of: digits.bigEndian) { Data($0) },
            Data("585949014".utf8.flatMap { [$0, 0] }),
        ]

    /// The files of a directory that have any trace, packed ones too.
    private static func filesWithTraces(_ directory: String) throws -> [String] {
        var found: [String] = []
        let files = FileManager.default.enumerator(atPath: directory)
        while let name = files?.nextObject() as? String {
            let path = directory + "/" + name
            var isDirectory: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory),
                !isDirectory.boolValue
            else { continue }
            var data = try Data(contentsOf: URL(fileURLWithPath: path))
            if name.hasSuffix(".gz") {
                data = try unpacked(path)
            }
            if traces.contains(where: { data.range(of: $0) != nil }) { found.append(name) }
        }
        return found.sorted()
    }

    private static func unpacked(_ path: String) throws -> Data {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gzip", "-dc", path]
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return data
    }

    private static let header = "ID,Card ID,User Mobile,Timestamp,Comment\n"

    /// Her rows, one of which is rejected, among others'.
    private static let file =
        header + """
            1,HERS,0585949014,13-11-2023 10:00,\(comment)
            2,OTHER,0501111111,13-11-2023 10:00,a comment
            3,HERS,585949014.0,13-11-2023 11:00,\(comment)
            4,HERS,5.85949014E+08,31-02-2023 11:00,\(comment)
            5,OTHER,0501111111,31-02-2023 11:00,another's
            6,LATER,"+971 58 594 9014",14-11-2023 10:00,\(comment)
            6,LATER,0502222222,15-11-2023 10:00,a later one

            """

    private static let configuration = """
        feeds:
          - id: pickup
            files: ["*pickup*"]
            status: picked_up
            region: AE
            time_zone: Asia/Dubai
            settle: 1ms
            columns: {reference: ID, card_id: Card ID, phone: User Mobile,
                      occurred_at: Timestamp, comment: Comment}
        """

    /// A data directory in which she is everywhere: in events, rejects, archives (plain, packed,
    /// UTF-16 and JSON) and in what a folder's run could not read.
    private static func filled(_ directory: TemporaryDirectory) throws -> String {
        let data = directory.file("data")
        let config = try directory.write("config.yaml", configuration)
        let path = try directory.write("pickup.csv", file)
        try Program.succeed(["load", "--data-dir", data, "--config", config, path])
        let server = try Server(data, ["--config", config])
        try FileManager.default.copyItem(atPath: path, toPath: data + "/inbox/pickup.csv")
        let isTaken: Bool? = poll(seconds: 30) {
            FileManager.default.fileExists(atPath: data + "/inbox/done/pickup.csv") ? true : nil
        }
        #expect(isTaken == true)
        #expect(server.stop().status == 0)
        let done = "data/inbox/done/"
        let utf16 = try #require(file.data(using: .utf16))
        try directory.write(done + "wide pickup.csv", utf16)
        try directory.write(done + "pickup.json", "[{\"phone\": \"\(phone)\"}]")
        try directory.write(done + "packed pickup.csv", file)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gzip", directory.file(done + "packed pickup.csv")]
        try process.run()
        process.waitUntilExit()
        return data
    }

    private static func erase(_ data: String, _ arguments: [String]) throws -> Program.Output {
        try Program.run(["erase", "--data-dir", data] + arguments)
    }

    // MARK: The disk

    /// After `--now` there is no byte of her in the data directory, in no form; everybody else is
    /// there.
    @Test func erase_leavesNothingOnTheDisk() throws {
        let directory = TemporaryDirectory()
        let data = try Self.filled(directory)
        #expect(try Self.filesWithTraces(data).count >= 7)
        let before = try Self.filesWithTraces(data)
        let dry = try Self.erase(data, ["--phone", "0585949014", "--dry-run"])
        #expect(dry.status == 0)
        #expect(dry.standardOutput.contains("would erase: 3 events of 2 cards, 0 customers"))
        #expect(try Self.filesWithTraces(data) == before)

        let output = try Self.erase(data, ["--phone", "0585949014", "--now"])
        #expect(output.status == 0, "\(output.standardError)")
        #expect(output.standardOutput.contains("erased: 3 events of 2 cards, 0 customers"))
        #expect(!output.standardOutput.contains("585949014"))
        #expect(try Self.filesWithTraces(data) == [])
        try Program.succeed(["check", "--data-dir", data])
        let export = try Program.succeed(["export", "--data-dir", data])
        #expect(export.contains("a comment"))
        #expect(export.contains("+971502222222"))
        let done = data + "/inbox/done/"
        let kept = try String(contentsOfFile: done + "pickup.csv", encoding: .utf8)
        let others = Self.file.split(separator: "\n").filter { row in
            row.contains("OTHER") || row.contains("0502222222")
        }
        #expect(kept == Self.header + others.joined(separator: "\n") + "\n")
        let packed = try Self.unpacked(done + "packed pickup.csv.gz")
        #expect(packed == Data(kept.utf8))
        #expect(!FileManager.default.fileExists(atPath: done + "pickup.json"))

        // What is sent again is the events that are there.
        let config = directory.file("config.yaml")
        let path = directory.file("pickup.csv")
        try Program.succeed(["load", "--data-dir", data, "--config", config, path])
        #expect(try Program.succeed(["export", "--data-dir", data]) == export)
        // Its row that is rejected lies there as it was sent, until the next erasure.
        #expect(try Self.erase(data, ["--phone", Self.phone, "--now"]).status == 0)
        #expect(try Self.filesWithTraces(data) == [])
    }

    /// A file that waits, and one that is nobody's, are named and left.
    @Test func erase_namesWhatItLeaves() throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        try Program.succeed(["load", "--data-dir", data, Samples.directory])
        for folder in ["inbox", "old"] {
            try FileManager.default.createDirectory(
                atPath: data + "/" + folder, withIntermediateDirectories: false)
        }
        try directory.write("data/inbox/pickup.csv", Self.file)
        try directory.write("data/notes.txt", "call \(Self.phone)\n")
        try directory.write("data/old/data.mdb", "x")
        let output = try Self.erase(data, ["--phone", Self.phone])
        #expect(output.status == 0, "\(output.standardError)")
        for text in [
            "left: \(data)/inbox/pickup.csv has it and waits",
            "left: \(data)/notes.txt has it and is not the program's own",
            "not looked into: \(data)/old/data.mdb: it may be a copy of the store",
        ] {
            #expect(output.standardOutput.contains(text), "\(output.standardOutput)")
        }
        let waiting = try String(contentsOfFile: data + "/inbox/pickup.csv", encoding: .utf8)
        #expect(waiting == Self.file)
    }

    @Test func erase_refusesWhatIsNoSubject() throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        #expect(try Self.erase(data, ["--phone", Self.phone]).status == 1)
        try Program.succeed(["load", "--data-dir", data, Samples.directory])
        #expect(try Self.erase(data, ["--phone", "x"]).status == 2)
        #expect(try Self.erase(data, ["--customer", ""]).status == 2)
        #expect(try Self.erase(data, ["--dry-run"]).status == 2)
        #expect(try Self.erase(data, []).status == 0)
    }

    // MARK: A server

    /// A running server answers without her within a second, is not held up by `--now`, which is
    /// refused, and takes no event of hers any more.
    @Test func erase_isFollowed_byARunningServer() throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        try Program.succeed(["load", "--data-dir", data, Samples.directory])
        let server = try Server(data, ["--ready-when", "memory"])
        let tag = try server.get("/api/cards/ZYW8827").headers["etag"]
        #expect(try server.get("/api/cards/ZYW8827").body == Samples.cards["ZYW8827"])
        let refused = try Self.erase(data, ["--phone", Self.phone, "--now"])
        #expect(refused.status == 1)
        #expect(refused.standardError.contains("nothing was erased: a server has the store"))
        #expect(try server.get("/api/cards/ZYW8827").headers["etag"] == tag)

        #expect(try Self.erase(data, ["--phone", Self.phone]).status == 0)
        let isFollowed: Bool? = try poll(seconds: 30) {
            try server.get("/api/cards/ZYW8827").body.contains("\"phone\":null") ? true : nil
        }
        #expect(isFollowed == true)
        #expect(try server.get("/api/cards/ZYW8827").headers["etag"] != tag)
        let page = try server.get("/api/cards?phone=%2B971585949014").body
        #expect(page.contains("\"cards\":[]"))
        #expect(!(try server.get("/api/cards/ZYW8827/history").body.contains("585949014")))

        let connection = try HTTPConnection(port: server.port)
        let body = """
            {"card_id":"NEW","status":"delivered","occurred_at":"2024-01-02T03:04:05Z",\
            "phone":"\(Self.phone)","comment":"\(Self.comment)"}
            """
        try connection.send(
            "POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        #expect(try connection.answer().status == 201)
        let new = try server.get("/api/cards/NEW").body
        #expect(new.contains("\"phone\":null") && new.contains("\"comment\":null"))
        #expect(server.stop().status == 0)
        #expect(try Self.erase(data, ["--now"]).status == 0)
        #expect(try Self.filesWithTraces(data) == [])
    }

    // MARK: Kills

    /// Killed wherever: the store is sound, nothing of hers can come in from the first commit on,
    /// and the same again ends as an erasure that was not killed.
    @Test(arguments: [
        "before-commit:1", "after-commit:1", "mid-erasure:1", "mid-erasure:2", "mid-erasure:3",
        "before-replace:1", "after-replace:1",
    ])
    func erase_isCompleted_whenKilledAt(point: String) throws {
        let directory = TemporaryDirectory()
        let rows = (0..<900).map { number in
            "\(number),C\(number),\(number % 2 == 0 ? "0585949014" : "0501111111"),"
                + "13-11-2023 10:00,\(number % 2 == 0 ? Self.comment : "other")"
        }
        let path = try directory.write(
            "pickup.csv", Self.header + rows.joined(separator: "\n") + "\n")
        let (data, whole) = (directory.file("data"), directory.file("whole"))
        for data in [data, whole] {
            try Program.succeed(["load", "--data-dir", data, "--feed", "pickup", path])
        }
        let erase = ["erase", "--data-dir", data, "--phone", Self.phone, "--now"]
        let killed = try Program.run(erase, environment: ["CARDSTATUS_FAIL_POINT": point])
        #expect(killed.status == SIGKILL, "\(killed.standardError)")
        let check = try Program.succeed(["check", "--data-dir", data])
        let isOpen = point.hasPrefix("mid") || point.contains("commit")
        #expect(check.contains("note: an erasure is under way") == isOpen, "\(check)")

        // Without a name too: what was cut off is known.
        if isOpen {
            try Program.succeed(["erase", "--data-dir", data, "--now"])
        } else {
            try Program.succeed(erase)
        }
        #expect(try Self.filesWithTraces(data) == [])
        #expect(
            try !Program.succeed(["check", "--data-dir", data]).contains("note: an erasure"))
        try Program.succeed(["erase", "--data-dir", whole, "--phone", Self.phone])
        let exports = try [data, whole].map { data in
            try Program.succeed(["export", "--data-dir", data]).split(separator: "\n")
                .filter { $0.contains("card_id") }
        }
        #expect(exports[0] == exports[1])
        let names = try FileManager.default.contentsOfDirectory(atPath: data)
        #expect(!names.contains("data.mdb.new"))
    }

    // MARK: Exports

    /// A store that is made of an export keeps her out, and exports the same bytes.
    @Test func restore_keepsHerOut() throws {
        let directory = TemporaryDirectory()
        let (data, new) = (directory.file("data"), directory.file("new"))
        let path = try directory.write("pickup.csv", Self.file)
        try Program.succeed(["load", "--data-dir", data, "--feed", "pickup", path])
        #expect(try Self.erase(data, ["--phone", Self.phone]).status == 0)
        let export = directory.file("events.ndjson")
        try Program.succeed(["export", "--data-dir", data, "--output", export])
        try Program.succeed(["restore", "--data-dir", new, export])
        let again = directory.file("again.ndjson")
        try Program.succeed(["export", "--data-dir", new, "--output", again])
        #expect(FileManager.default.contentsEqual(atPath: export, andPath: again))
        try Program.succeed(["load", "--data-dir", new, "--feed", "pickup", path])
        try Program.succeed(["export", "--data-dir", new, "--force", "--output", again])
        #expect(FileManager.default.contentsEqual(atPath: export, andPath: again))
        try Program.succeed(["check", "--data-dir", new])

        // A lost, changed or doubled line of the list shows, as one of an event does.
        let lines = try String(contentsOfFile: export, encoding: .utf8).split(separator: "\n")
        let list = try #require(lines.firstIndex { $0.contains("\"erasure\"") })
        let changes = [
            Array(lines[..<list] + lines[(list + 1)...]), Array(lines[...list] + lines[list...]),
            lines.map { $0.replacing("\"erasures\":1", with: "\"erasures\":2") },
        ]
        for change in changes {
            let bad = try directory.write("bad.ndjson", change.joined(separator: "\n") + "\n")
            let output = try Program.run(["restore", "--data-dir", directory.file("bad"), bad])
            #expect(output.status == 1)
        }
        // CSV has the events, erased ones too.
        let csv = directory.file("events.csv")
        try Program.succeed(["export", "--data-dir", data, "--format", "csv", "--output", csv])
        try Program.succeed(["restore", "--data-dir", directory.file("csv"), csv])
        let events = try Program.succeed(["export", "--data-dir", directory.file("csv")])
            .split(separator: "\n").filter { $0.contains("card_id") }
        #expect(events == lines.filter { $0.contains("card_id") })
    }
}
