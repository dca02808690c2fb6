import CardBulk
import CardModel
import CardStore
import CardTesting
import Foundation
import Synchronization
import Testing

@testable import CardFeeds

/// Customers that are pulled.
struct CustomerPullTests {
    private static func yaml(_ url: String, _ more: String...) -> String {
        """
        feeds:
          - id: customers
            kind: customers
            region: AE
            time_zone: Asia/Dubai
            \(more.joined(separator: "\n    "))
            pull:
              url: \(url)/customers
              retry_delay: 1ms
              retries: 1
              timeout: 5s
        """
    }

    private static let byPages = "\n      paging: {by: pages, size: 10, total: total}"

    private static func record(_ number: Int, balance: String = "10.5") -> String {
        #"{"customer_id":\#(number),"first_name":"A\#(number)","phone":"05859490\#(10 + number)","#
            + #""account_balance":\#(balance),"created_at":"2023-11-13T09:34:56Z"}"#
    }

    private static func records(_ numbers: some Sequence<Int>) -> String {
        "[" + numbers.map { record($0) }.joined(separator: ",") + "]"
    }

    private static func page(_ request: OddUpstream.Request, of total: Int) -> [Int] {
        let page = request.parameter("page").flatMap { Int($0) } ?? 1
        return Array((0..<total).dropFirst((page - 1) * 10).prefix(10)).map { $0 + 1 }
    }

    private static func customers(_ running: RunningEngine) throws -> [String] {
        var ids: [String] = []
        _ = try running.store.forEachCustomer(from: 0, limit: 100_000) {
            ids.append($0.id.description)
        }
        return ids
    }

    private static func sorted(_ numbers: some Sequence<Int>) -> [String] {
        numbers.map { "\($0)" }.sorted()
    }

    struct Shape: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let feed: String
        let paging: String
        let answer: OddUpstream.Handler
    }

    static let shapes: [Shape] = [
        Shape(
            testDescription: "data, total, page, limit", feed: "records: data", paging: byPages,
            answer: { request in
                .json(
                    #"{"data":\#(records(page(request, of: 21))),"total":21,"page":1,"limit":10}"#)
            }),
        Shape(
            testDescription: "a bare array", feed: "title: x", paging: "",
            answer: { _ in .json(records(1...21)) }),
        Shape(
            testDescription: "results and next", feed: "records: results",
            paging: "\n      paging: {by: cursor, next: next}",
            answer: { request in
                let number = request.parameter("page").flatMap { Int($0) } ?? 1
                let next = number < 3 ? "\"/customers?page=\(number + 1)\"" : "null"
                return .json(
                    #"{"count":21,"next":\#(next),"results":\#(records(page(request, of: 21)))}"#)
            }),
        Shape(
            testDescription: "texts for numbers", feed: "records: data", paging: byPages,
            answer: { request in
                let list = page(request, of: 21).map {
                    record($0, balance: "\"10.50\"")
                        .replacing("\"customer_id\":\($0)", with: "\"customer_id\":\"\($0)\"")
                }
                return .json(#"{"total":"21","data":[\#(list.joined(separator: ","))]}"#)
            }),
        Shape(
            testDescription: "a total that is too small", feed: "records: data", paging: byPages,
            answer: { request in
                .json(#"{"total":3,"data":\#(records(page(request, of: 21)))}"#)
            }),
    ]

    /// Who was erased, by their ID or their phone, does not come back with the next pull, which
    /// says how many it left out.
    @Test func pull_leavesOutWhoWasErased() throws {
        let upstream = try OddUpstream { _ in .json(Self.records(1...9)) }
        let running = try RunningEngine(Self.yaml(upstream.url))
        #expect(try running.refresh("customers").state == .done)
        let id = try CustomerID(Array("3".utf8).span)
        let phone = try #require(PhoneNumber(digits: 971_585_949_017))
        let erased = try running.service.writer.perform { store in
            try StoreErasure(store).run([.customer(id), .phone(phone)])
        }
        #expect(erased.customers == 2)
        let kept = [1, 2, 4, 5, 6, 8, 9]
        #expect(try Self.customers(running) == Self.sorted(kept))
        let again = try running.refresh("customers")
        #expect(again.state == .done)
        let counts = "0 new, 0 changed, 7 unchanged, 0 removed, 2 erased and left out"
        #expect(again.message.hasSuffix("customers: " + counts))
        #expect(try Self.customers(running) == Self.sorted(kept))
        try running.stop()
    }

    /// Every shape comes whole, is shown in the order of the IDs, and is unchanged the next time.
    @Test(arguments: shapes)
    func pull_readsAll(shape: Shape) throws {
        let upstream = try OddUpstream(shape.answer)
        let running = try RunningEngine(Self.yaml(upstream.url, shape.feed) + shape.paging)
        let run = try running.refresh("customers")
        #expect(run.state == .done, "\(run.message)")
        #expect(run.message.hasSuffix("customers: 21 new, 0 changed, 0 unchanged, 0 removed"))
        #expect(run.totals.rows == 21)
        #expect(run.totals.counts.accepted == 21)
        #expect(try Self.customers(running) == Self.sorted(1...21))
        let id = try CustomerID(Array("7".utf8).span)
        let seventh = try #require(try running.store.customer(id))
        #expect(seventh.accountBalance?.description == "10.50")
        #expect(seventh.phone?.e164 == "+971585949017")
        let again = try running.refresh("customers")
        #expect(again.message.hasSuffix("customers: 0 new, 0 changed, 21 unchanged, 0 removed"))
        try running.stop()
    }

    /// The latest complete pull counts: those who are missing go, those who changed change, and a
    /// record that is rejected leaves its customer as they were.
    @Test func pull_replacesTheSet() throws {
        let body = Mutex(Self.records(1...4))
        let upstream = try OddUpstream { _ in .json(body.withLock { $0 }) }
        let running = try RunningEngine(Self.yaml(upstream.url))
        _ = try running.refresh("customers")
        body.withLock {
            $0 =
                "[" + Self.record(2) + "," + Self.record(3, balance: "99") + ","
                + Self.record(4, balance: "\"1,5\"") + "," + Self.record(9) + ",{\"x\":1}]"
        }
        let run = try running.refresh("customers")
        #expect(run.state == .done)
        #expect(
            run.message
                == "customers: 1 new, 1 changed, 1 unchanged, 1 removed,"
                + " 1 rejected and left as they were")
        #expect(
            run.totals.rejectsByReason == ["account_balance_format": 1, "customer_id_empty": 1])
        #expect(try Self.customers(running) == Self.sorted([2, 3, 4, 9]))
        let balances = try ["3", "4"].map { text in
            let id = try CustomerID(Array(text.utf8).span)
            return try running.store.customer(id)?.accountBalance?.description
        }
        #expect(balances == ["99.00", "10.50"])
        let rejects = try running.rejects(run.id)
        #expect(
            rejects.contains("account_balance,account_balance_format")
                || rejects.contains(
                    #""account_balance","account_balance_format""#)
        )
        try running.stop()
    }

    /// A pull that does not come to its end leaves everything as it was, whatever ended it.
    @Test(arguments: [
        "broken", "status", "fewer", "cut off", "not JSON", "no records",
    ])
    func pull_changesNothing_whenItIsNotWhole(how: String) throws {
        let isBad = Mutex(false)
        let upstream = try OddUpstream { request in
            let page = Self.page(request, of: 21)
            let good: [OddUpstream.Step] = .json(#"{"total":21,"data":\#(Self.records(page))}"#)
            guard isBad.withLock({ $0 }), request.parameter("page") == "2" else { return good }
            switch how {
            case "broken": return .json(#"{"total":21,"data":[{"customer_id":1},"#)
            case "status": return .answer(500)
            case "fewer": return .json(#"{"total":21,"data":[]}"#)
            case "cut off":
                return [.send(Array("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".utf8)), .end]
            case "not JSON": return .json("<html>")
            default: return .json(#"{"total":21}"#)
            }
        }
        let running = try RunningEngine(Self.yaml(upstream.url, "records: data") + Self.byPages)
        #expect(try running.refresh("customers").state == .done)
        isBad.withLock { $0 = true }
        let run = try running.refresh("customers")
        #expect(run.state == .failed, "\(run.message)")
        #expect(!run.message.isEmpty)
        #expect(try Self.customers(running) == Self.sorted(1...21))
        isBad.withLock { $0 = false }
        let again = try running.refresh("customers")
        #expect(again.state == .done)
        #expect(again.message.hasSuffix("customers: 0 new, 0 changed, 21 unchanged, 0 removed"))
        try running.stop()
    }

    /// While a pull goes on, the set before it is shown, whole.
    @Test func pull_isNotSeen_beforeItsEnd() throws {
        let gate = Mutex(0)
        let upstream = try OddUpstream { request in
            let count = gate.withLock { $0 == 0 ? 21 : 15 }
            if gate.withLock({ $0 == 1 }), request.parameter("page") == "2" {
                gate.withLock { $0 = 2 }
                while gate.withLock({ $0 }) == 2 { usleep(1_000) }
            }
            let page = Self.page(request, of: count)
            return .json(#"{"total":\#(count),"data":\#(Self.records(page))}"#)
        }
        let running = try RunningEngine(Self.yaml(upstream.url, "records: data") + Self.byPages)
        _ = try running.refresh("customers")
        gate.withLock { $0 = 1 }
        let asked = try running.ask("customers").get()
        let isHalfway: Bool? = try waitFor { gate.withLock { $0 == 2 } ? true : nil }
        #expect(isHalfway == true)
        #expect(try Self.customers(running) == Self.sorted(1...21))
        gate.withLock { $0 = 3 }
        #expect(try running.ended(asked.id).state == .done)
        #expect(try Self.customers(running) == Self.sorted(1...15))
        try running.stop()
    }

    /// Many customers come in many transactions, and the last pull's are gone for good.
    @Test func pull_leavesNothingBehind() throws {
        let upstream = try OddUpstream { request in
            .json(Self.records(1...(request.number == 1 ? 2_000 : 1_100)))
        }
        let running = try RunningEngine(Self.yaml(upstream.url))
        _ = try running.refresh("customers")
        #expect(try running.store.customerCount() == 2_000)
        let run = try running.refresh("customers")
        #expect(run.message == "customers: 0 new, 0 changed, 1100 unchanged, 900 removed")
        #expect(try running.store.check().customers == 1_100)
        try running.stop()
    }

    /// A file of customers is not loaded as if it were one of cards.
    @Test func load_refusesFilesOfCustomers() throws {
        let directory = try ScratchDirectory()
        try directory.write(Array("[]".utf8), to: "x.json")
        let feeds = try Configuration(
            yaml: Self.yaml("http://127.0.0.1:1"), source: "test"
        ).feeds
        let profile = try feeds.profile(named: "customers")
        let loader = FileLoader(
            collector: FactCollector(
                inputBytes: 1, memoryBytes: 1 << 20, directory: directory.path),
            problemDirectory: directory.path, runName: "x", nowSeconds: 0)
        #expect {
            _ = try loader.load(directory.file("x.json"), as: profile)
        } throws: { "\($0)".contains("is of customers") }
    }
}
