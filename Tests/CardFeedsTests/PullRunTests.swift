import CardFeeds
import CardStore
import CardTesting
import Foundation
import Synchronization
import Testing

/// Documents that are pulled from servers which behave.
struct PullRunTests {
    static func record(_ number: Int) -> String {
        #"{"id":"C\#(number)","at":"2023-11-14T08:00:00Z","ref":"r\#(number)"}"#
    }

    static func records(_ numbers: some Sequence<Int>) -> String {
        "[" + numbers.map(record).joined(separator: ",") + "]"
    }

    /// The numbers of a page, from 1 on, of so many in all.
    static func page(_ request: OddUpstream.Request, of total: Int, size: Int? = nil) -> [Int] {
        let page = request.parameter("page").flatMap { Int($0) } ?? 1
        let limit = size ?? request.parameter("limit").flatMap { Int($0) } ?? 10
        let start = (page - 1) * limit
        return Array((1...total).dropFirst(start).prefix(limit))
    }

    /// A server's way to answer, what a feed says of it, and how many records come of it.
    struct Shape: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let feed: [String]
        let pull: [String]
        let count: Int
        var note: String?
        let answer: OddUpstream.Handler
    }

    private static let byPages = "paging: {by: pages, size: 10, total: total}"

    static let shapes: [Shape] = [
        Shape(
            testDescription: "a bare array", feed: [], pull: [], count: 21,
            answer: { _ in .json(records(1...21)) }),
        Shape(
            testDescription: "pages with a total", feed: ["records: data"], pull: [byPages],
            count: 21,
            answer: { request in
                .json(
                    #"{"data":\#(records(page(request, of: 21))),"total":21,"page":1,"limit":10}"#)
            }),
        Shape(
            testDescription: "a total that is a text", feed: ["records: data"], pull: [byPages],
            count: 20,
            answer: { request in
                .json(#"{"total":"20","data":\#(records(page(request, of: 20)))}"#)
            }),
        Shape(
            testDescription: "a total that is too small", feed: ["records: data"], pull: [byPages],
            count: 25, note: "fewer records",
            answer: { request in
                .json(#"{"total":10,"data":\#(records(page(request, of: 25)))}"#)
            }),
        Shape(
            testDescription: "a total that is too large", feed: ["records: data"], pull: [byPages],
            count: 15, note: "there are 99 records, and 15 came",
            answer: { request in
                .json(#"{"total":99,"data":\#(records(page(request, of: 15)))}"#)
            }),
        Shape(
            testDescription: "a total that changes", feed: ["records: data"], pull: [byPages],
            count: 30, note: "fewer records than come",
            answer: { request in
                .json(
                    #"{"total":\#(20 + request.number),"data":\#(records(page(request, of: 30)))}"#)
            }),
        Shape(
            testDescription: "a server that gives less than is asked for",
            feed: ["records: data"], pull: [byPages], count: 12,
            answer: { request in
                .json(#"{"total":12,"data":\#(records(page(request, of: 12, size: 5)))}"#)
            }),
        Shape(
            testDescription: "pages without a total, and 404 behind the last", feed: [],
            pull: ["paging: {by: pages, size: 10}"], count: 30,
            answer: { request in
                let numbers = page(request, of: 30)
                return numbers.isEmpty ? .answer(404) : .json(records(numbers))
            }),
        Shape(
            testDescription: "the last page again and again", feed: [],
            pull: ["paging: {by: pages, size: 10}"], count: 20, note: "taken for the end",
            answer: { request in
                let numbers = page(request, of: 20)
                return .json(records(numbers.isEmpty ? Array(11...20) : numbers))
            }),
        Shape(
            testDescription: "pages from 0 on, with names of their own", feed: ["records: r"],
            pull: ["paging: {by: pages, page: p, limit: n, size: 4, first: 0}"], count: 10,
            answer: { request in
                let page = request.parameter("p").flatMap { Int($0) } ?? -1
                let size = request.parameter("n").flatMap { Int($0) } ?? -1
                return .json(
                    #"{"r":\#(records((1...10).dropFirst(page * size).prefix(size)))}"#)
            }),
        Shape(
            testDescription: "results and the next address", feed: ["records: results"],
            pull: ["paging: {by: cursor, next: next}"], count: 25,
            answer: { request in
                let numbers = page(request, of: 25, size: 10)
                let number = request.parameter("page").flatMap { Int($0) } ?? 1
                let next = number < 3 ? "\"/x?page=\(number + 1)\"" : "null"
                return .json(#"{"count":25,"next":\#(next),"results":\#(records(numbers))}"#)
            }),
        Shape(
            testDescription: "a cursor", feed: ["records: page.items"],
            pull: ["paging: {by: cursor, parameter: after, next: page.cursor}"], count: 9,
            answer: { request in
                let after = request.parameter("after").flatMap { Int($0) } ?? 0
                let numbers = (1...9).dropFirst(after).prefix(4)
                let cursor = after + 4 < 9 ? #","cursor":\#(after + 4)"# : ""
                return .json(#"{"page":{"items":\#(records(numbers))\#(cursor)}}"#)
            }),
        Shape(
            testDescription: "links", feed: [], pull: ["paging: {by: link}"], count: 25,
            answer: { request in
                let numbers = page(request, of: 25, size: 10)
                let number = request.parameter("page").flatMap { Int($0) } ?? 1
                return .json(
                    records(numbers),
                    number < 3 ? ["Link: </x?page=\(number + 1)>; rel=\"next\""] : [])
            }),
        Shape(
            testDescription: "nothing", feed: ["records: data"], pull: [byPages], count: 0,
            answer: { _ in .json(#"{"data":[],"total":0}"#) }),
    ]

    /// Every shape comes whole, and twice is once.
    @Test(arguments: shapes)
    func pull_readsAll(shape: Shape) throws {
        let upstream = try OddUpstream(shape.answer)
        var text = feed(
            "pickup", format: "json", shape.feed.first ?? "title: x",
            "pull:", "  url: \(upstream.url)/x", "  retry_delay: 1ms")
        for line in shape.pull { text += "\n      " + line }
        let running = try RunningEngine(text)
        let run = try running.refresh("pickup")
        #expect(run.state == .done, "\(run.message)")
        #expect(run.totals.rows >= shape.count)
        #expect(run.totals.counts.accepted == shape.count)
        #expect(try running.states().count == shape.count)
        if let note = shape.note { #expect(run.message.contains(note), "\(run.message)") }
        if shape.note == nil { #expect(run.message == "") }
        let again = try running.refresh("pickup")
        #expect(again.totals.counts.accepted == 0)
        try running.stop()
    }

    /// A feed with a time is pulled by itself, and asks whether anything has changed.
    @Test func pull_asksForChangesOnly() throws {
        let upstream = try OddUpstream { request in
            request.headers["if-none-match"] == "\"v1\""
                ? .answer(304) : .json(Self.records(1...3), ["ETag: \"v1\"", "Last-Modified: Mon"])
        }
        let yaml = feed("pickup", format: "json", pull(upstream.url, "every: 200ms"))
        let scratch = try ScratchDirectory()
        var running: RunningEngine? = try RunningEngine(yaml, in: scratch)
        let first = try #require(try running?.nextRun(of: "pickup"))
        #expect(first.totals.counts.accepted == 3)
        let second = try #require(try running?.nextRun(of: "pickup", after: first.id))
        #expect(second.message == "nothing has changed since the last pull")
        #expect(second.state == .done)
        try running?.stop()
        running = nil
        // Also behind a restart.
        running = try RunningEngine(yaml, in: scratch)
        let third = try #require(try running?.nextRun(of: "pickup", after: second.id))
        #expect(third.message == "nothing has changed since the last pull")
        #expect(upstream.asked[1].headers["if-modified-since"] == "Mon")
        try running?.stop()
        running = nil
        // A feed that reads other fields reads again.
        running = try RunningEngine(
            yaml.replacing("who.phone", with: "who.number"), in: scratch)
        let fourth = try #require(try running?.nextRun(of: "pickup", after: third.id))
        #expect(fourth.totals.rows == 3)
        try running?.stop()
    }

    /// CSV, also packed, with its own header.
    @Test func pull_readsCSV() throws {
        let upstream = try OddUpstream { _ in
            .answer(200, [], "Card ID;Timestamp\nD1;13-11-2023 14:00\n;13-11-2023 14:00\n")
        }
        let running = try RunningEngine(
            feed("pickup", pull(upstream.url + "/today.csv?key=hidden")))
        let run = try running.refresh("pickup")
        #expect(run.totals.counts.accepted == 1)
        #expect(run.source == upstream.url + "/today.csv")
        let rejects = try running.rejects(run.id)
        #expect(rejects.contains("\"\(upstream.url)/today.csv\",3,\"Card ID\",\"card_id_empty\""))
        #expect(!rejects.contains("hidden"))
        try running.stop()
    }

    /// XML, by the names of elements and attributes, whatever their prefixes.
    @Test func pull_readsXML() throws {
        let upstream = try OddUpstream { _ in
            .answer(
                200, [],
                """
                <?xml version="1.0"?>
                <x:export xmlns:x="urn:x"><meta><item id="no"/></meta><items>
                  <item id="X1"><at>2023-11-14T08:00:00Z</at><who><phone>0585949014</phone></who>
                    <note>Left &amp; <![CDATA[<gone>]]></note></item>
                  <item><x:card id="X2"/><at>2023-11-14T08:00:00Z</at><at>never</at></item>
                  <item><at>2023-11-14T08:00:00Z</at></item>
                </items></x:export>
                """)
        }
        let running = try RunningEngine(
            feed("pickup", format: "xml", "records: export/items/item", pull(upstream.url)))
        let run = try running.refresh("pickup")
        #expect(run.state == .done, "\(run.message)")
        #expect(run.totals.rejectsByReason == ["card_id_empty": 1])
        #expect(
            try running.states() == [
                "X1|picked_up|2023-11-14T08:00:00Z|+971585949014",
                "X2|picked_up|2023-11-14T08:00:00Z|",
            ])
        var comment = ""
        try running.store.forEachHistory { card, history in
            if card.text == "X1" { comment = history.events[0].comment.text }
        }
        #expect(comment == "Left & <gone>")
        try running.stop()
    }

    /// Secrets come from the environment and from files when they are needed, are sent, and are
    /// nowhere else: not in the store, not in reports, not in what is told.
    @Test func pull_sendsSecrets_andKeepsThem() throws {
        let scratch = try ScratchDirectory()
        let secret = "sesame-\(ScratchDirectory.randomName())"
        let path = try scratch.write(secret + "\n", to: "secret")
        setenv("CARDSTATUS_TEST_SECRET", secret, 1)
        defer { unsetenv("CARDSTATUS_TEST_SECRET") }
        let upstream = try OddUpstream { request in
            request.headers["x-key"] == secret
                && request.headers["authorization"] == "Basic "
                    + Data("me:\(secret)".utf8).base64EncodedString()
                ? .answer(500, [], secret) : .answer(401)
        }
        let running = try RunningEngine(
            feed(
                "pickup",
                pull(
                    upstream.url, "headers: {X-Key: {env: CARDSTATUS_TEST_SECRET}}",
                    "basic: {user: me, password: {file: \(path)}}")))
        let run = try running.refresh("pickup")
        #expect(run.message == "\(upstream.url)/ answers 500")
        #expect(upstream.asked.count == 3)
        #expect(!running.events.all.joined().contains(secret))
        try running.stop()
        let data = try #require(FileManager.default.contents(atPath: scratch.file("secret")))
        #expect(String(decoding: data, as: UTF8.self).contains(secret))
        for name in try FileManager.default.subpathsOfDirectory(atPath: running.directory.path) {
            let bytes = FileManager.default.contents(atPath: running.directory.file(name)) ?? Data()
            #expect(bytes.range(of: Data(secret.utf8)) == nil, "\(name)")
        }
        let missing = try RunningEngine(
            feed("pickup", pull(upstream.url, "bearer: {env: CARDSTATUS_TEST_NOTHING}")))
        #expect(
            try missing.refresh("pickup").message.contains(
                "the environment variable 'CARDSTATUS_TEST_NOTHING' for 'Authorization' is not set")
        )
        try missing.stop()
    }

    /// All that have an address are pulled; one that is running is joined and not repeated.
    @Test func pullAll_joinsWhatRuns() throws {
        let gate = Mutex(false)
        let upstream = try OddUpstream { request in
            while !gate.withLock({ $0 }) { usleep(2_000) }
            return request.path == "/bad" ? .answer(400) : .json(Self.records(1...4))
        }
        let first = feed("pickup", format: "json", pull(upstream.url + "/good"))
        let second = feed(
            "returned", status: "returned", format: "json", pull(upstream.url + "/bad"))
        let running = try RunningEngine(
            first + "\n" + second.split(separator: "\n").dropFirst().joined(separator: "\n"))
        let asked = try running.ask("pickup").get()
        _ = try waitFor { upstream.asked.isEmpty ? nil : true }
        let answer = Answer<Result<[StoredRun], RunRefusal>>()
        running.engine.pullAll { answer.set($0) }
        // Asked for while it runs: one run more, whoever asks.
        let queued = try running.ask("pickup").get()
        #expect(queued.id > asked.id)
        #expect(try running.ask("pickup").get().id == queued.id)
        #expect(answer.current == nil)
        gate.withLock { $0 = true }
        let runs = try answer.wait().get()
        #expect(runs.map(\.feed).sorted() == ["pickup", "returned"])
        #expect(runs.contains { $0.id == asked.id && $0.totals.rows == 4 })
        #expect(runs.first { $0.feed == "returned" }?.state == .failed)
        _ = try running.ended(queued.id)
        #expect(upstream.asked.filter { $0.path == "/good" }.count == 2)
        try running.stop()
    }
}
