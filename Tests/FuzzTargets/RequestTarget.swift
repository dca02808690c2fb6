internal import CardAPI
internal import CardFeeds
internal import CardModel
internal import CardService
internal import CardStore
internal import CardTesting
internal import Foundation
internal import HTTPFront

/// Percent-encoding undone and done again is the same, and a query is its parts.
enum QueryTarget {
    @Sendable static func run(_ bytes: [UInt8]) {
        bytes.withExactBytes { text in
            var decoded: [UInt8] = []
            do throws(PercentDecodingError) {
                try PercentDecoding.decode(segment: text, into: &decoded)
                precondition(!decoded.contains(0), "a zero byte came through")
                let encoded = decoded.flatMap { Array("%\(hex($0 >> 4))\(hex($0 & 15))".utf8) }
                var again: [UInt8] = []
                try encoded.withUnsafeBufferPointer { (encoded) throws(PercentDecodingError) in
                    try PercentDecoding.decode(queryValue: encoded, into: &again)
                }
                precondition(again == decoded, "encoding changes a text")
            } catch {
                precondition(decoded.isEmpty, "an error leaves something")
            }
            let query = Query(text)
            var parts = 0
            var phones = 0
            // swift-format-ignore: ReplaceForEachWithForLoop
            query.forEach { name, value in
                parts += 1
                precondition(name.count + value.count <= text.count, "a part is no part")
                if name.elementsEqual("phone".utf8) { phones += 1 }
            }
            precondition(query.count("phone") >= phones, "a parameter is not found")
            precondition((query.value("phone") != nil) == (query.count("phone") > 0))
            precondition(parts <= text.count, "there are more parts than bytes")
        }
    }

    private static func hex(_ digit: UInt8) -> String { String(digit, radix: 16) }
}

/// Any target, query, header values and body get an answer that is no failure, in JSON where it
/// says so. The first line is method and target, then come headers, an empty line and the body.
enum RequestTarget {
    private struct API {
        let api: CardAPI
        let service: CardService
        let directory: ScratchDirectory
    }

    private static let shared: API = {
        do {
            return try make()
        } catch {
            preconditionFailure("a store is needed: \(error)")
        }
    }()

    private static func make() throws -> API {
        let directory = try ScratchDirectory()
        let store = try CardStore(directory: directory.path, create: true)
        _ = try store.commit([try facts()])
        let service = try CardService(store: store) { _ in }
        guard let region = PhoneRegion("AE") else { preconditionFailure("AE is a region") }
        let metrics = Metrics(
            workers: 1, version: "0",
            processStatistics: {
                Metrics.ProcessStatistics(
                    residentBytes: 0, anonymousBytes: 0, cpuSeconds: 0, startSeconds: 0,
                    openFiles: 0)
            }, connections: { Metrics.Connections(open: 0, accepted: 0) })
        // Feeds are not run: requests are what is fuzzed.
        let engine = RunEngine(
            store: store, writer: service.writer, dataDirectory: directory.path,
            feeds: try Configuration.builtIn().feeds
        ) { _ in }
        let api = CardAPI(
            service: service, engine: engine, defaultRegion: region, access: .everybody,
            metrics: metrics
        ) { route, error in
            preconditionFailure("\(route.pattern) failed: \(error)")
        }
        return API(api: api, service: service, directory: directory)
    }

    private static func facts() throws -> [CardFact] {
        guard let feed = FeedID("fuzz"), let phone = PhoneNumber(digits: 971_585_949_014) else {
            preconditionFailure("a feed and a phone")
        }
        var facts: [CardFact] = []
        for number in 0..<200 {
            let card = try CardID.parse(Array("ZYW\(number % 120)".utf8).span).id
            guard let time = Timestamp(seconds: 1_700_000_000 + Int64(number) * 60),
                let status = CardStatus(rawValue: UInt8(number % 4))
            else { continue }
            let identity = EventIdentity(
                occurredAt: time, status: status, feed: feed,
                reference: try EventText(Array("R\(number)".utf8).span, maxCount: 64))
            let comment = try EventText(Array("a \"ü\" \(number)".utf8).span, maxCount: 64)
            facts.append(
                CardFact(
                    card: card,
                    event: CardEvent(
                        identity: identity, phone: number % 3 == 0 ? nil : phone, comment: comment,
                        isVoid: number % 11 == 0)))
        }
        return facts
    }

    private static let methods: [String: HTTPMethod] = [
        "GET": .get, "HEAD": .head, "POST": .post, "PUT": .put, "DELETE": .delete,
    ]

    @Sendable static func run(_ bytes: [UInt8]) {
        var lines = Lines(bytes)
        let first = lines.next().split(separator: UInt8(ascii: " "), maxSplits: 1)
        guard first.count == 2, !first[1].isEmpty else { return }
        // What has no method of ours, and what no connection lets through, is not asked for.
        guard let method = methods[String(decoding: first[0], as: UTF8.self)],
            first[1].allSatisfy({ $0 > 0x20 && $0 != 0x7F })
        else { return }
        var headers: [(name: RequestHeader, value: [UInt8])] = []
        while case let line = lines.next(), !line.isEmpty {
            let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 1)
            guard parts.count == 2,
                let header = RequestHeader.allCases.first(where: {
                    "\($0.name)".utf8.elementsEqual(parts[0])
                })
            else { continue }
            headers.append((header, Array(parts[1].drop { $0 == 0x20 })))
        }
        Request.withTesting(method, Array(first[1]), headers: headers, body: lines.rest) {
            shared.api.respond(to: $0, &$1)
            check($1)
        }
    }

    private static func check(_ reply: borrowing Reply) {
        precondition(
            reply.status == 503 || (200..<500).contains(reply.status), "status \(reply.status)")
        guard let type = reply.contentType, "\(type)".hasSuffix("json") else { return }
        let isLines = "\(type)" == "application/x-ndjson"
        let body = Array(reply.body.bytes)
        do {
            for part in isLines ? body.split(separator: 10) : [body[...]] {
                _ = try JSONSerialization.jsonObject(with: Data(part))
            }
        } catch {
            preconditionFailure("the answer is not JSON: \(error)")
        }
    }

    private struct Lines {
        var rest: [UInt8]

        init(_ bytes: [UInt8]) { rest = bytes }

        mutating func next() -> [UInt8] {
            let line = Array(rest.prefix { $0 != 10 })
            rest = Array(rest.dropFirst(line.count + 1))
            return line
        }
    }
}
