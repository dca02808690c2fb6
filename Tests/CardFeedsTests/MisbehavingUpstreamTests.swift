import CardFeeds
import CardModel
import CardStore
import CardTesting
import Foundation
import Synchronization
import Testing

/// Servers that behave badly: each fails its own run with a reason that says what to do, keeps what
/// was accepted before, leaves other feeds alone, and is never heard of by a look-up.
struct MisbehavingUpstreamTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var format = "json"
        var feed = "records: data"
        var pull: [String] = []
        let kind: String
        /// Part of the run's message.
        let message: String
        /// Records that are accepted all the same.
        var accepted = 0
        let answer: OddUpstream.Handler
    }

    private static let good = #"{"data":[{"id":"K1","at":"2023-11-14T08:00:00Z"}]"#

    private static func head(_ length: Int) -> OddUpstream.Step {
        .send(Array("HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\n\r\n".utf8))
    }

    private static func xml(_ name: String, _ message: String, _ body: String) -> Case {
        Case(
            testDescription: name, format: "xml", feed: "records: x/y", kind: "content",
            message: message, answer: { _ in .answer(200, [], body) })
    }

    static let cases: [Case] = [
        Case(
            testDescription: "ends the connection", kind: "cut_off", message: "127.0.0.1",
            answer: { _ in [.end] }),
        Case(
            testDescription: "says nothing", pull: ["timeout: 100ms", "retries: 1"],
            kind: "timeout", message: "Timeout", answer: { _ in [.silence] }),
        Case(
            testDescription: "is slow",
            pull: ["low_speed: 1KiB", "low_speed_time: 1s", "retries: 0"],
            kind: "timeout", message: "Timeout",
            answer: { _ in [head(1_000), .send([1]), .silence] }),
        Case(
            testDescription: "drops in the middle", kind: "cut_off", message: "127.0.0.1",
            answer: { _ in [head(1_000), .send(Array(good.utf8)), .end] }),
        Case(
            testDescription: "fails", kind: "status", message: "answers 503",
            answer: { _ in .answer(503, ["Retry-After: 0"]) }),
        Case(
            testDescription: "forbids", kind: "status", message: "answers 403",
            answer: { _ in .answer(403) }),
        Case(
            testDescription: "has a page for people", kind: "content",
            message: "a value is expected",
            answer: { _ in .answer(200, [], "<html>Sign in</html>") }),
        Case(
            testDescription: "has JSON that is cut off", kind: "content",
            message: "the document ends too early", accepted: 1, answer: { _ in .json(good) }),
        Case(
            testDescription: "has other JSON", kind: "content",
            message: "no records at 'data'; its members are 'error'",
            answer: { _ in .json(#"{"error":"x"}"#) }),
        Case(
            testDescription: "has nothing", kind: "content", message: "there is nothing",
            answer: { _ in .json("") }),
        Case(
            testDescription: "nests without end", kind: "content", message: "nesting",
            answer: { _ in .json(#"{"x":"# + String(repeating: "[", count: 100_000)) }),
        Case(
            testDescription: "has pages without end",
            pull: ["paging: {by: pages, size: 1}", "max_pages: 7"], kind: "paging",
            message: "more than 7 documents", accepted: 7,
            answer: { request in
                .json(#"{"data":\#(PullRunTests.records([request.number]))}"#)
            }),
        Case(
            testDescription: "has a cursor that leads in a circle",
            pull: ["paging: {by: cursor, next: next}"], kind: "paging", message: "was read before",
            accepted: 1, answer: { _ in .json(good + #","next":"a"}"#) }),
        Case(
            testDescription: "leads to another server",
            pull: ["paging: {by: cursor, next: next}"], kind: "paging",
            message: "at another place, http://127.0.0.1:1/x", accepted: 1,
            answer: { _ in .json(good + #","next":"http://127.0.0.1:1/x"}"#) }),
        Case(
            testDescription: "leads to another server by a link", pull: ["paging: {by: link}"],
            kind: "paging", message: "at another place", accepted: 1,
            answer: { _ in .json(good + "}", ["Link: <https://example.test/>; rel=next"]) }),
        Case(
            testDescription: "redirects for ever", kind: "redirect", message: "more than 5 times",
            answer: { request in .answer(302, ["Location: \(request.path)x"]) }),
        Case(
            testDescription: "redirects to a file", kind: "redirect", message: "to no address",
            answer: { _ in .answer(302, ["Location: file:///etc/passwd"]) }),
        Case(
            testDescription: "sends without end", pull: ["max_bytes: 100KiB"], kind: "too_large",
            message: "more than 102400 bytes",
            answer: { _ in
                [
                    .send(Array("HTTP/1.1 200 OK\r\n\r\n".utf8)),
                    .repeatedly([UInt8](repeating: 0x20, count: 4_096)),
                ]
            }),
        Case(
            testDescription: "sends more and more",
            pull: ["paging: {by: pages, size: 1}", "max_total_bytes: 300"], kind: "too_large",
            message: "bytes", accepted: 3,
            answer: { request in
                .json(
                    #"{"data":\#(PullRunTests.records([request.number]))}"#
                        + String(repeating: " ", count: 20))
            }),
        Case(
            testDescription: "speaks something else", kind: "malformed", message: "127.0.0.1",
            answer: { _ in [.send(Array("220 mail ready\r\n".utf8)), .end] }),
        Case(
            testDescription: "has another table", format: "csv", feed: "title: x", kind: "content",
            message: "lacks card_id ('Card ID')", answer: { _ in .answer(200, [], "Colour\nred\n") }
        ),
        xml("has XML that is cut off", "line 1", "<x><y/>"),
        xml("has XML that is none", "line 1", "{}"),
        xml("has other XML", "no element 'x' for records; the document's is 'html'", "<html/>"),
        xml(
            "has an entity bomb", "document type",
            "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><x><y>&b;</y></x>"),
        xml("reads our files", "document type", "<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><x/>"),
        xml("has a tag without end", "longer than", "<x " + String(repeating: "a", count: 3 << 20)),
        xml("nests elements", "nested deeper", String(repeating: "<x>", count: 1_000)),
    ]

    @Test(arguments: cases)
    func run_fails_andNothingElse(odd: Case) throws {
        let upstream = try OddUpstream(odd.answer)
        let other = try OddUpstream { _ in .json(#"[{"id":"OTHER","at":"2023-11-14T08:00:00Z"}]"#) }
        let bad = feed(
            "pickup", format: odd.format, odd.feed,
            Self.pull(upstream.url + "/x", odd.pull))
        let good = feed(
            "returned", status: "returned", format: "json", CardFeedsTests.pull(other.url))
        let running = try RunningEngine(
            bad + "\n" + good.split(separator: "\n").dropFirst().joined(separator: "\n"))
        let run = try running.refresh("pickup")
        #expect(run.state == .failed)
        #expect(run.message.contains(odd.message), "\(run.message)")
        #expect(run.totals.counts.accepted == odd.accepted)
        let counts = running.engine.feeds[0].counts
        #expect(counts.failures == [odd.kind: 1])
        #expect(counts.runs == [.failed: 1])
        #expect(try running.refresh("returned").totals.counts.accepted == 1)
        let bytes = Array("OTHER".utf8)
        let id = CardID(canonical: bytes.span)
        #expect(try running.service.lendCard(#require(id)) { _ in })
        #expect(try running.states().count == odd.accepted + 1)
        try running.stop()
    }

    private static func pull(_ url: String, _ more: [String]) -> String {
        var settings = ["retry_delay: 1ms", "connect_timeout: 2s"]
        if !more.contains(where: { $0.hasPrefix("retries") }) { settings.append("retries: 2") }
        if !more.contains(where: { $0.hasPrefix("timeout") }) { settings.append("timeout: 5s") }
        return "pull: {url: \"\(url)\", \((settings + more).joined(separator: ", "))}"
    }

    /// Nobody there.
    @Test func run_fails_whenNobodyListens() throws {
        let upstream = try OddUpstream { _ in [.end] }
        upstream.stop()
        let running = try RunningEngine(feed("pickup", CardFeedsTests.pull("http://127.0.0.1:1")))
        let run = try running.refresh("pickup")
        #expect(run.state == .failed)
        #expect(running.engine.feeds[0].counts.failures == ["connect": 1])
        try running.stop()
    }

    /// What fails twice and then goes well is tried again, and leaves no trace.
    @Test func run_succeeds_whenTheThirdAttemptDoes() throws {
        let upstream = try OddUpstream { request in
            switch request.number {
            case 1: .answer(503)
            case 2: [Self.head(1_000), .send(Array(Self.good.utf8)), .end]
            default: .json(Self.good + "}")
            }
        }
        let running = try RunningEngine(
            feed("pickup", format: "json", "records: data", CardFeedsTests.pull(upstream.url)))
        let run = try running.refresh("pickup")
        #expect(run.state == .done)
        #expect(run.totals.rows == 1)
        #expect(upstream.asked.count == 3)
        try running.stop()
    }

    /// A record that is broken, huge, or none at all costs itself, and is kept with its reason.
    @Test func run_rejectsBadRecords_andReadsOn() throws {
        let huge = String(repeating: "x", count: 3 << 20)
        let upstream = try OddUpstream { _ in
            .json(
                #"[{"id":"R1","at":1700000000},{"id":tru},17,{"id":"\#(huge)"},"#
                    + #"{"id":"R2","at":1700000000,"note":"\#(String(huge.prefix(2_000)))"},"#
                    + #"{"id":{"a":[1]},"at":1700000000},"#
                    + #"{"id":"R3","at":1700000000,"phone":"junk"}]"#
            )
        }
        let running = try RunningEngine(
            feed("pickup", format: "json", CardFeedsTests.pull(upstream.url)))
        let run = try running.refresh("pickup")
        #expect(run.state == .done, "\(run.message)")
        #expect(run.totals.rows == 7)
        #expect(
            run.totals.rejectsByReason == [
                "record_malformed": 1, "card_id_empty": 1, "record_too_long": 1,
                "comment_too_long": 1, "card_id_invalid": 1,
            ])
        #expect(run.totals.warningsByReason == ["phone_not_a_number": 1])
        #expect(try running.states().count == 2)
        let rejects = try running.rejects(run.id)
        #expect(rejects.utf8.count < 100_000)
        #expect(rejects.contains("\"{\"\"\"\"id\"\"\"\":tru}\""))
        try running.stop()
    }

    /// Where every record lacks what it needs, the run says what they have.
    @Test func run_saysWhatRecordsHave_whenTheFieldsAreOthers() throws {
        let upstream = try OddUpstream { _ in .json(#"[{"card":"A","when":1},{"card":"B"}]"#) }
        let running = try RunningEngine(
            feed("pickup", format: "json", CardFeedsTests.pull(upstream.url)))
        let run = try running.refresh("pickup")
        #expect(run.totals.rejects == 2)
        #expect(
            run.message
                == "the first record has no card_id ('id' or 'card/@id' or '@id'); it has 'card',"
                + " 'when'")
        try running.stop()
    }

    /// A stop interrupts a run in its midst, whatever the upstream does; the next engine begins it
    /// again, and what comes of it is the same.
    @Test func run_isInterrupted_andStartsAgain() throws {
        let isSlow = Mutex(true)
        let upstream = try OddUpstream { request in
            let page = Int(request.parameter("page") ?? "") ?? 0
            if page == 3, isSlow.withLock({ $0 }) { return [.silence] }
            return .json(PullRunTests.records(page > 4 ? [] : [page]))
        }
        let yaml = feed(
            "pickup", format: "json",
            "pull: {url: \"\(upstream.url)\", paging: {by: pages, size: 1}}")
        let scratch = try ScratchDirectory()
        var running: RunningEngine? = try RunningEngine(yaml, in: scratch)
        let asked = try #require(try running?.ask("pickup").get())
        _ = try waitFor { upstream.asked.count >= 3 ? true : nil }
        let wait = Answer<Result<[StoredRun], RunRefusal>>()
        running?.engine.pullAll { wait.set($0) }
        try running?.stop()
        #expect(try wait.wait() == .failure(.stopping))
        #expect(try running?.store.run(asked.id)?.state == .interrupted)
        #expect(try running?.states().count == 2)
        running = nil
        isSlow.withLock { $0 = false }
        running = try RunningEngine(yaml, in: scratch)
        let run = try #require(try running?.ended(asked.id))
        #expect(run.state == .done)
        #expect(run.attempts == 2)
        #expect(run.totals.counts.accepted == 2)
        #expect(run.totals.counts.duplicates == 2)
        #expect(try running?.states().count == 4)
        try running?.stop()
    }
}
