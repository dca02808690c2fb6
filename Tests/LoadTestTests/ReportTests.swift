import CardGenerator
import CardTesting
import Foundation
import Testing

@testable import LoadTest

struct ReportTests {
    private func report(label: String?, isOpen: Bool) -> Report {
        var outcome = Outcome()
        for kind in [RequestKind.card, .phone] {
            for us in 1...1_000 {
                outcome.tallies[kind.rawValue].service.record(latencyNs: Int64(us) * 1_000)
                outcome.tallies[kind.rawValue].corrected.record(latencyNs: Int64(us) * 2_000)
            }
            outcome.tallies[kind.rawValue].answers = 1_000
            outcome.tallies[kind.rawValue].answersInTime = 900
            outcome.tallies[kind.rawValue].statuses[200] = 1_000
        }
        outcome.failures.reset = 3
        outcome.connectionsAsked = 4
        outcome.connectionsMade = 7
        let result = LoadRun.Result(
            outcome: outcome, seconds: 2, wasInterrupted: false,
            ownCPU: CPUTime(userSeconds: 0.25, systemSeconds: 0.25),
            serverCPU: CPUTime(userSeconds: 0.5, systemSeconds: 0.5),
            startedAt: Date(timeIntervalSince1970: 0))
        let configuration = Report.Configuration(
            url: "http://127.0.0.1:1/<x>", mix: ["card": 1, "phone": 1],
            loop: isOpen ? "open" : "closed", rate: isOpen ? 900 : nil,
            arrivals: isOpen ? "constant" : nil, writesPerSecond: nil, connections: 4, threads: 1,
            pipeline: 1, warmupSeconds: 0, durationSeconds: 2, timeoutSeconds: 5, keys: 10,
            draw: "uniform", missShare: 0, batchSize: nil, seed: 1)
        return Report(result, configuration, label: label, serverPIDs: [42])
    }

    /// The fields that readers of the JSON rely on, and their units.
    @Test
    func json_hasTheFields_thatAreDocumented() throws {
        let json = try report(label: "x", isOpen: true).json()
        let fields = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
        #expect(fields["schema"] as? String == "load-test/1")
        #expect(fields["answers"] as? Int == 2_000)
        #expect(fields["answers_in_time"] as? Int == 1_800)
        #expect(fields["answers_per_second"] as? Double == 900)
        #expect(fields["answers_per_own_cpu_second"] as? Double == 4_000)
        #expect((fields["statuses"] as? [String: Int]) == ["200": 2_000])
        #expect((fields["failures"] as? [String: Int])?["reset"] == 3)
        let connections = try #require(fields["connections"] as? [String: Int])
        #expect(connections == ["asked": 4, "made": 7, "ended_by_server": 0])
        let server = try #require(fields["server"] as? [String: Any])
        #expect(server["cpu_us_per_answer"] as? Double == 500)
        let corrected = try #require(fields["corrected"] as? [String: Any])
        let points = try #require(corrected["percentiles"] as? [[String: Double]])
        let median = try #require(points.first { $0["percentile"] == 50 }?["us"])
        #expect(abs(median / 1_000 - 1) < 0.002)
        #expect((fields["kinds"] as? [Any])?.count == 2)
        #expect(try Report.read(json).answers == 2_000)
    }

    /// A closed loop has no corrected latencies to show.
    @Test
    func json_hasNoCorrectedLatencies_whenTheLoopIsClosed() {
        let report = report(label: nil, isOpen: false)
        #expect(report.corrected == nil)
        #expect(report.service != nil)
    }

    /// The page refers to nothing outside, and what users typed is text in it.
    @Test
    func html_standsAlone_whateverTheLabel() {
        let html = report(label: "<script>alert(1)</script>", isOpen: true).html
        #expect(!html.contains("<script"))
        #expect(html.contains("&lt;script&gt;"))
        for reference in ["src=", "href=", "@import", "url("] { #expect(!html.contains(reference)) }
        #expect(html.components(separatedBy: "<path class=\"line").count - 1 >= 4)
    }

    /// Failures, wrong answers and no answers make a run unclean.
    @Test
    func isClean_isFalse_whenARequestFailed() {
        var report = report(label: nil, isOpen: true)
        #expect(!report.isClean)
        report.failures = FailureCounts()
        #expect(report.isClean)
        report.wrongBodies = 1
        #expect(!report.isClean)
    }
}

struct KeysTests {
    /// Cards and phones are those that the generator's manifest spells out.
    @Test
    func withCard_givesTheManifestsCards_forTheSameSeed() throws {
        let directory = try ScratchDirectory()
        let options = CardGenerator.Options(cards: 5_000, seed: 9)
        let manifest = try CardGenerator(options).run(in: directory.file("made"))
        var seen: [String: UInt64] = [:]
        var phones = 0
        var keys = CardKeys(options)
        for number in 0..<options.cards {
            keys.withCard(number) { id, phone in
                seen[String(decoding: id, as: UTF8.self)] = phone
                if phone != 0 { phones += 1 }
            }
        }
        #expect(seen.count == manifest.cards)
        #expect(phones == manifest.phones)
        for bytes in manifest.firstCards {
            let card = try #require(
                try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
            let id = try #require(card["card_id"] as? String)
            let phone = (card["phone"] as? String).flatMap { UInt64($0.dropFirst()) } ?? 0
            #expect(seen[id] == phone)
        }
        for number in 0..<1_000 {
            keys.withMissingCard(number) { id in
                #expect(seen[String(decoding: id, as: UTF8.self)] == nil)
            }
        }
    }

    /// A file of keys has cards and phones; what is neither is refused with its line.
    @Test
    func init_readsAFile_withCardsAndPhones() throws {
        let directory = try ScratchDirectory()
        let path = try directory.write("A1\r\n\n+971585949014\nB-2\n", to: "keys")
        let keys = try Keys(file: path, seed: 1)
        #expect(keys.cards.count == 2)
        #expect(keys.phones.count == 1)
        #expect(String(decoding: keys.phones[0], as: UTF8.self) == "971585949014")
        let bad = try directory.write("A1\nA 2\n", to: "bad")
        #expect(throws: Keys.Failure.self) { try Keys(file: bad, seed: 1) }
    }

    /// Requests have the key at its place, and lengths that are right.
    @Test(arguments: RequestKind.allCases)
    func write_makesARequest_ofEachKind(_ kind: RequestKind) throws {
        var template = RequestSource.Template(host: "h", headers: "X: y\r\n")
        template.batchSize = 3
        let keys = Keys(cards: 100, seed: 1)
        var source = RequestSource(
            template, keys: keys, cardDraw: .uniform, phoneDraw: .uniform,
            missingPerMillion: 500_000, seed: 1, worker: 0, workers: 1)
        let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: source.requestCountMax)
        defer { buffer.deallocate() }
        for _ in 0..<50 {
            var flight = Flight()
            let count = source.write(RequestSource.Mix([(kind, 1)]), to: buffer, &flight)
            try #require(count <= source.requestCountMax)
            let text = String(
                decoding: UnsafeBufferPointer(start: buffer, count: count), as: UTF8.self)
            let head = try #require(text.range(of: "\r\n\r\n"))
            #expect(text.contains("\r\nHost: h\r\nX: y\r\n"))
            let body = text[head.upperBound...]
            if kind == .batch || kind == .event {
                #expect(text.contains("Content-Length: \(body.utf8.count)\r\n"))
                let json = try JSONSerialization.jsonObject(with: Data(body.utf8))
                #expect(json is [String: Any])
            } else {
                #expect(body.isEmpty)
            }
            guard kind != .path else { continue }
            let key = String(decoding: source.key(of: flight), as: UTF8.self)
            switch kind {
            case .card: #expect(text.hasPrefix("GET /api/cards/\(key) HTTP/1.1\r\n"))
            case .phone: #expect(text.hasPrefix("GET /api/cards?phone=%2B\(key) HTTP/1.1\r\n"))
            default: #expect(body.contains("\"\(key)\""))
            }
        }
    }
}
