import CardTesting
import Foundation
import Synchronization
import Testing

/// The state is a function of the set of everything said, whatever the way in: files that are
/// loaded, files in a folder, uploads, pulls, single writes, voids of both kinds, and erasures
/// beside them.
struct WaysInTests {
    /// One thing to be said of a card.
    private struct Statement {
        let feed: Feed
        let card: String
        let phone: String
        let day: Int
        let reference: String
        let comment: String
        let isVoid: Bool

        var time: String { "2023-11-\(day)T10:00:00Z" }

        var csv: String { "\(reference),\(card),\(phone),\(time),\(comment)" }

        /// A record of the pulled feed.
        var record: String {
            #"{"ref":"\#(reference)","id":"\#(card)","phone":"\#(phone)","at":"\#(time)","#
                + #""note":"\#(comment)"}"#
        }

        /// An item of `POST /api/events`, or of its voids.
        var item: String {
            let identity =
                #""card_id":"\#(card)","status":"\#(feed.status)","occurred_at":"\#(time)","#
                + #""feed":"\#(feed.rawValue)","reference":"\#(reference)""#
            return isVoid
                ? "{\(identity)}" : #"{\#(identity),"phone":"\#(phone)","comment":"\#(comment)"}"#
        }
    }

    private enum Feed: String, CaseIterable {
        case pickup
        case pulled

        var status: String { self == .pickup ? "picked_up" : "returned" }

        func file(_ statements: [Statement]) -> String {
            switch self {
            case .pickup:
                "ID,Card ID,User Mobile,Timestamp,Comment\n"
                    + statements.map(\.csv).joined(separator: "\n")
            case .pulled: "[" + statements.map(\.record).joined(separator: ",") + "]"
            }
        }
    }

    private enum Way: CaseIterable {
        case load, folder, upload, pull, write

        func takes(_ statement: Statement) -> Bool {
            switch self {
            case .load, .write: true
            case .folder: statement.feed == .pickup && !statement.isVoid
            case .upload: !statement.isVoid
            case .pull: statement.feed == .pulled && !statement.isVoid
            }
        }
    }

    private static func configuration(_ url: String) -> String {
        """
        feeds:
          - id: pickup
            status: picked_up
            region: AE
            time_zone: Asia/Dubai
            settle: 1ms
            columns: {reference: ID, card_id: Card ID, phone: User Mobile,
                      occurred_at: Timestamp, comment: Comment}
          - id: pulled
            status: returned
            region: AE
            time_zone: Asia/Dubai
            format: json
            columns: {reference: ref, card_id: id, phone: phone, occurred_at: at, comment: note}
            pull: {url: "\(url)"}
        """
    }

    /// Few cards, moments and references, so that identities meet.
    private static func statements(_ random: inout SeededGenerator) -> [Statement] {
        (0..<Int.random(in: 20...40, using: &random)).map { _ in
            Statement(
                feed: Feed.allCases.randomElement(using: &random)!,
                card: ["CARD-A", "CARD-B", "CARD-C"].randomElement(using: &random)!,
                phone: ["", "+971501111111", "+971502222222"].randomElement(using: &random)!,
                day: Int.random(in: 10...12, using: &random),
                reference: ["", "R1"].randomElement(using: &random)!,
                comment: ["", "left with the guard", "called"].randomElement(using: &random)!,
                isVoid: Int.random(in: 0..<4, using: &random) == 0)
        }
    }

    /// What the upstream answers.
    private final class Document: Sendable {
        private let text = Mutex("[]")

        var current: String {
            get { text.withLock { $0 } }
            set { text.withLock { $0 = newValue } }
        }
    }

    /// Says the statements in a random order, some of them twice, in groups of random size, each in
    /// one of the ways that take it, all to one running server; gives the export.
    ///
    /// - Parameter erased: a phone that is erased at some point.
    private static func export(
        _ statements: [Statement], by ways: [Way], erasing erased: String? = nil,
        _ random: inout SeededGenerator
    ) throws -> String {
        let document = Document()
        let upstream = try OddUpstream { _ in .json(document.current) }
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        let config = try directory.write("config.yaml", configuration(upstream.url))
        let server = try Server(data, ["--config", config])
        var rest =
            (statements + statements.filter { _ in Bool.random(using: &random) })
            .shuffled(using: &random)
        var number = 0
        var partsToErasure = Int.random(in: 0...5, using: &random)
        func erase() throws {
            guard let erased else { return }
            try Program.succeed(["erase", "--data-dir", data, "--phone", erased])
        }
        while !rest.isEmpty {
            if partsToErasure == 0 { try erase() }
            partsToErasure -= 1
            let part = rest.prefix(Int.random(in: 1...6, using: &random))
            rest.removeFirst(part.count)
            for group in Dictionary(grouping: part, by: { "\($0.feed) \($0.isVoid)" }).values {
                number += 1
                let way = ways.filter { $0.takes(group[0]) }.randomElement(using: &random)!
                let feed = group[0].feed
                switch way {
                case .load:
                    let file = try directory.write("\(number)", feed.file(group))
                    try Program.succeed([
                        group[0].isVoid ? "void" : "load", "--data-dir", data, "--config", config,
                        "--feed", feed.rawValue, file,
                    ])
                case .folder:
                    let inbox = data + "/inbox/"
                    try FileManager.default.createDirectory(
                        atPath: inbox, withIntermediateDirectories: true)
                    try directory.write("data/inbox/\(number).part", feed.file(group))
                    try FileManager.default.moveItem(
                        atPath: inbox + "\(number).part", toPath: inbox + "\(number).csv")
                    let isTaken: Bool? = poll(seconds: 30) {
                        FileManager.default.fileExists(atPath: inbox + "done/\(number).csv")
                            ? true : nil
                    }
                    #expect(isTaken == true)
                case .upload:
                    let answer = try post(
                        server, "/api/feeds/\(feed.rawValue)/files", feed.file(group))
                    let location = try #require(answer.headers["location"])
                    let isDone: Bool? = try poll(seconds: 30) {
                        try server.get(location).body.contains("\"state\":\"done\"") ? true : nil
                    }
                    #expect(isDone == true)
                case .pull:
                    document.current = feed.file(group)
                    #expect(try post(server, "/api/ingest", "").status == 200)
                case .write:
                    let target = group[0].isVoid ? "/api/events/void" : "/api/events"
                    let items = "[" + group.map(\.item).joined(separator: ",") + "]"
                    let answer = try post(server, target, items)
                    #expect([200, 201].contains(answer.status), "\(answer.body)")
                }
            }
        }
        if partsToErasure >= 0 { try erase() }
        #expect(server.stop().status == 0)
        try Program.succeed(["check", "--data-dir", data])
        return try Program.succeed(["export", "--data-dir", data])
    }

    private static func post(
        _ server: Server, _ target: String, _ body: String
    ) throws -> HTTPAnswer {
        let connection = try HTTPConnection(port: server.port)
        try connection.send(
            "POST \(target) HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        return try connection.answer()
    }

    /// Loads alone, single writes alone, and all ways together, twice, end in the same bytes.
    @Test func exports_areEqual_whateverTheWayIn() throws {
        let seed = SeededGenerator.newSeed()
        print("seed \(seed)")
        var random = SeededGenerator(seed: seed)
        for round in 0..<3 {
            let statements = Self.statements(&random)
            var exports: Set<String> = []
            for ways in [[.load], [.write], Way.allCases, Way.allCases] {
                exports.insert(try Self.export(statements, by: ways, &random))
            }
            #expect(exports.count == 1, "seed \(seed), round \(round)")
            #expect(exports.first?.isEmpty == false)
        }
    }

    /// The same with a phone erased at some point, before, between or behind: the events are the
    /// same. The lists of what was erased differ, since each store has a key of its own.
    @Test func exports_areEqual_whereverTheErasureComes() throws {
        let seed = SeededGenerator.newSeed()
        print("seed \(seed)")
        var random = SeededGenerator(seed: seed)
        for round in 0..<2 {
            let statements = Self.statements(&random)
            var exports: Set<[Substring]> = []
            for ways in [[.load], [.write], Way.allCases, Way.allCases] {
                let export = try Self.export(
                    statements, by: ways, erasing: "+971501111111", &random)
                #expect(!export.contains("971501111111"))
                exports.insert(export.split(separator: "\n").filter { $0.contains("card_id") })
            }
            #expect(exports.count == 1, "seed \(seed), round \(round)")
            #expect(exports.first?.isEmpty == false)
        }
    }
}
