/// Writes requests: texts that were rendered before the run, with keys between them.
///
/// Each worker has one of its own. Nothing is allocated.
struct RequestSource: ~Copyable {
    /// What all requests have in common.
    struct Template: Sendable {
        var host: String
        /// Lines with their ends.
        var headers: String = ""
        var path = "/"
        var batchSize = 100
        /// One key a line instead of JSON.
        var isBatchText = false
    }

    /// How often each kind comes: kinds and running sums of their weights.
    struct Mix: Sendable, Equatable {
        let kinds: [RequestKind]
        let sums: [Int]

        init(_ weights: [(RequestKind, Int)]) {
            var sum = 0
            var sums: [Int] = []
            for (_, weight) in weights {
                sum += weight
                sums.append(sum)
            }
            precondition(sum > 0, "a mix has a weight")
            kinds = weights.map(\.0)
            self.sums = sums
        }

        @inline(__always)
        func next(_ random: inout Random) -> RequestKind {
            if kinds.count == 1 { return kinds[0] }
            let lot = random.below(sums[sums.count - 1])
            var index = 0
            while lot >= sums[index] { index += 1 }
            return kinds[index]
        }
    }

    private let keys: Keys?
    private let cardDraw: Draw
    private let phoneDraw: Draw
    private let missingPerMillion: Int
    private let batchSize: Int
    private let isBatchText: Bool

    private let pathText: [UInt8]
    private let cardHead: [UInt8]
    private let phoneHead: [UInt8]
    private let getTail: [UInt8]
    private let postTail: [UInt8]
    private let batchHead: [UInt8]
    private let eventHead: [UInt8]

    private let body: UnsafeMutablePointer<UInt8>
    private var random: Random
    private var events: Int
    private let eventStep: Int
    /// No request is longer.
    let requestCountMax: Int

    init(
        _ template: Template, keys: Keys?, cardDraw: Draw, phoneDraw: Draw,
        missingPerMillion: Int, seed: UInt64, worker: Int, workers: Int
    ) {
        self.keys = keys
        self.cardDraw = cardDraw
        self.phoneDraw = phoneDraw
        self.missingPerMillion = missingPerMillion
        batchSize = template.batchSize
        isBatchText = template.isBatchText
        let common = "Host: \(template.host)\r\n\(template.headers)"
        pathText = Array("GET \(template.path) HTTP/1.1\r\n\(common)\r\n".utf8)
        cardHead = Array("GET /api/cards/".utf8)
        phoneHead = Array("GET /api/cards?phone=%2B".utf8)
        getTail = Array(" HTTP/1.1\r\n\(common)\r\n".utf8)
        let type = template.isBatchText ? "text/plain" : "application/json"
        batchHead = Array(
            "POST /api/cards/batch HTTP/1.1\r\n\(common)Content-Type: \(type)\r\nContent-Length: "
                .utf8)
        eventHead = Array(
            ("POST /api/events HTTP/1.1\r\n\(common)Content-Type: application/json\r\n"
                + "Content-Length: ").utf8)
        postTail = Array("\r\n\r\n".utf8)
        random = Random(seed: seed, stream: worker + 1)
        events = worker
        eventStep = workers
        // A key has at most 32 bytes, and at most 4 more around it.
        let bodyCountMax = 256 + template.batchSize * 36
        body = .allocate(capacity: bodyCountMax)
        requestCountMax =
            max(pathText.count, getTail.count + 64, batchHead.count, eventHead.count) + 64
            + bodyCountMax
    }

    deinit {
        body.deallocate()
    }

    /// Writes a request to `output`, which has room for ``requestCountMax`` bytes, and gives its
    /// length. `flight` learns what was asked.
    @inline(__always)
    mutating func write(
        _ mix: Mix, to output: UnsafeMutablePointer<UInt8>, _ flight: inout Flight
    ) -> Int {
        var end = output
        flight.kind = mix.next(&random)
        flight.isMissing = false
        switch flight.kind {
        case .path: Self.put(pathText, &end)
        case .card, .phone: writeGet(&end, &flight)
        case .batch: writeBatch(&end, &flight)
        case .event: writeEvent(&end, &flight)
        }
        return end - output
    }

    /// The text of the key that a flight asked for.
    @inline(__always)
    func key(of flight: Flight) -> UnsafeBufferPointer<UInt8> {
        table(flight.kind, flight.isMissing)[flight.key]
    }

    private func table(_ kind: RequestKind, _ isMissing: Bool) -> KeyTable {
        guard let keys else { preconditionFailure("checked with the arguments") }
        return kind == .phone
            ? (isMissing ? keys.missingPhones : keys.phones)
            : (isMissing ? keys.missingCards : keys.cards)
    }

    @inline(__always)
    private mutating func drawKey(_ flight: inout Flight) -> UnsafeBufferPointer<UInt8> {
        flight.isMissing = missingPerMillion > 0 && random.below(1_000_000) < missingPerMillion
        let table = table(flight.kind, flight.isMissing)
        if flight.isMissing {
            flight.key = random.below(table.count)
        } else {
            let draw = flight.kind == .phone ? phoneDraw : cardDraw
            flight.key = draw.next(table.count, &random)
        }
        return table[flight.key]
    }

    private mutating func writeGet(_ end: inout UnsafeMutablePointer<UInt8>, _ flight: inout Flight)
    {
        Self.put(flight.kind == .phone ? phoneHead : cardHead, &end)
        Self.put(drawKey(&flight), &end)
        Self.put(getTail, &end)
    }

    private mutating func writeBatch(
        _ end: inout UnsafeMutablePointer<UInt8>, _ flight: inout Flight
    ) {
        var bodyEnd = body
        var first = flight
        if !isBatchText { Self.put("{\"card_ids\":[", &bodyEnd) }
        for index in 0..<batchSize {
            let key = drawKey(&flight)
            if index == 0 { first = flight }
            if isBatchText {
                Self.put(key, &bodyEnd)
                Self.put("\n", &bodyEnd)
            } else {
                Self.put(index == 0 ? "\"" : ",\"", &bodyEnd)
                Self.put(key, &bodyEnd)
                Self.put("\"", &bodyEnd)
            }
        }
        if !isBatchText { Self.put("]}", &bodyEnd) }
        flight = first
        finish(batchHead, bodyEnd, &end)
    }

    /// An event at a moment of its own, so that none is a duplicate of another in the run.
    private mutating func writeEvent(
        _ end: inout UnsafeMutablePointer<UInt8>, _ flight: inout Flight
    ) {
        let table = table(.event, false)
        flight.key = random.below(table.count)
        let number = events
        events += eventStep
        var bodyEnd = body
        Self.put("{\"card_id\":\"", &bodyEnd)
        Self.put(table[flight.key], &bodyEnd)
        Self.put("\",\"status\":\"delivered\",\"occurred_at\":\"2024-", &bodyEnd)
        // 29 million moments before they repeat; the 28 days that all months have.
        Self.put(number / 2_419_200 % 12 + 1, width: 2, &bodyEnd)
        Self.put("-", &bodyEnd)
        Self.put(number / 86_400 % 28 + 1, width: 2, &bodyEnd)
        Self.put("T", &bodyEnd)
        Self.put(number / 3_600 % 24, width: 2, &bodyEnd)
        Self.put(":", &bodyEnd)
        Self.put(number / 60 % 60, width: 2, &bodyEnd)
        Self.put(":", &bodyEnd)
        Self.put(number % 60, width: 2, &bodyEnd)
        Self.put("Z\",\"comment\":\"load test\"}", &bodyEnd)
        finish(eventHead, bodyEnd, &end)
    }

    private func finish(
        _ head: [UInt8], _ bodyEnd: UnsafeMutablePointer<UInt8>,
        _ end: inout UnsafeMutablePointer<UInt8>
    ) {
        let count = bodyEnd - body
        Self.put(head, &end)
        Self.put(count, width: 1, &end)
        Self.put(postTail, &end)
        Self.put(UnsafeBufferPointer(start: body, count: count), &end)
    }

    // MARK: Bytes

    @inline(__always)
    private static func put(_ text: [UInt8], _ end: inout UnsafeMutablePointer<UInt8>) {
        text.withUnsafeBufferPointer { put($0, &end) }
    }

    @inline(__always)
    private static func put(
        _ text: UnsafeBufferPointer<UInt8>, _ end: inout UnsafeMutablePointer<UInt8>
    ) {
        guard let start = text.baseAddress else { return }
        end.update(from: start, count: text.count)
        end += text.count
    }

    @inline(__always)
    private static func put(_ text: StaticString, _ end: inout UnsafeMutablePointer<UInt8>) {
        end.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
        end += text.utf8CodeUnitCount
    }

    /// At least `width` decimal digits.
    private static func put(
        _ number: Int, width: Int, _ end: inout UnsafeMutablePointer<UInt8>
    ) {
        var count = 1
        var limit = 10
        while number >= limit || count < width {
            count += 1
            limit *= 10
        }
        var rest = number
        for index in stride(from: count - 1, through: 0, by: -1) {
            end[index] = UInt8(0x30 + rest % 10)
            rest /= 10
        }
        end += count
    }
}
