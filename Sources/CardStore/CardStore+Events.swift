public import CardModel
internal import LMDBKit

/// Which events are looked for.
public struct EventQuery: Equatable, Sendable {
    /// The first moment that counts.
    public var from: Timestamp
    /// The first moment that no longer counts; nil for no end.
    public var to: Timestamp?
    public var status: CardStatus?
    public var feed: FeedID?

    public init(
        from: Timestamp = .min, to: Timestamp? = nil, status: CardStatus? = nil,
        feed: FeedID? = nil
    ) {
        self.from = from
        self.to = to
        self.status = status
        self.feed = feed
    }
}

/// A place among all events in the order of time: the key in `times` of an event that was looked
/// at.
public struct EventPosition: Equatable, Sendable {
    public let key: [UInt8]

    /// nil when no event can have this key.
    public init?(key: [UInt8]) {
        guard TimeKey.decode(key.span.bytes) != nil else { return nil }
        self.key = key
    }

    /// A key that was found in `times`.
    fileprivate init(scanned key: [UInt8]) {
        self.key = key
    }
}

/// What one page of a scan may look at, whatever it finds. A page ends at the first limit that it
/// reaches, and the next one goes on there, so each looks at one entry at least.
///
/// The numbers bound a page's time when the store's pages are in memory; `time` bounds it when they
/// have to be read from the disk, where a random record can cost a hundred times as much.
public struct EventScanLimits: Equatable, Sendable {
    /// Entries of `times`: 50 ns each.
    public var entries: Int
    /// Records of cards, to which entries of the right time and status lead: 1 to 2 µs each.
    public var records: Int
    /// Bytes of those records, all of which are verified: a card with a full history of long
    /// comments has 600 KB.
    public var recordBytes: Int
    public var time: Duration
    /// A step that took longer waited for the disk.
    var diskTime = Duration.microseconds(100)

    public init(entries: Int, records: Int, recordBytes: Int, time: Duration) {
        self.entries = entries
        self.records = records
        self.recordBytes = recordBytes
        self.time = time
    }

    /// For a page that somebody waits for. docs/benchmarks.md has what it costs.
    public static let page = EventScanLimits(
        entries: 50_000, records: 5_000, recordBytes: 16 << 20, time: .milliseconds(20))
}

extension CardStore {
    /// Calls `body` with events in the order of time (then of status, and then a fixed one), void
    /// ones too, from the first one behind `after`, at most `limit`. Reads one snapshot.
    ///
    /// - Returns: where the next page goes on; nil when there is nothing behind this one.
    /// - Throws: ``StoreError/damaged(database:what:)`` when `times` has an entry that its card
    ///   knows nothing of: leaving it out in silence would hide it.
    public func scanEvents(
        _ query: EventQuery, after: EventPosition? = nil, limit: Int,
        limits: EventScanLimits = .page, _ body: (CardID, CardEvent) throws -> Void
    ) throws -> EventPosition? {
        precondition(limit > 0, "a page has room for an event")
        return try read { transaction in
            try transaction.withCursor(over: databases.times) { cursor in
                var scan = EventScan(limit: limit, limits: limits)
                var last = after?.key ?? []
                var found = try Self.move(&cursor, toStartOf: query, behind: after)
                while found {
                    // A page's own order has no checksum, and whoever follows cursors relies on it.
                    guard let entry = TimeKey.decode(cursor.key),
                        last.span.bytes.precedes(cursor.key)
                    else {
                        throw StoreError.damaged(
                            database: "times", what: "a key is malformed or out of order")
                    }
                    if let to = query.to, entry.occurredAt >= to { return nil }
                    if scan.isOver { return EventPosition(scanned: last) }
                    scan.entries += 1
                    if scan.isWaitingForDisk {
                        try readAhead(query, cursor.key, transaction, &scan)
                    }
                    if query.status == nil || entry.status == query.status {
                        let event = try event(entry, transaction, &scan)
                        if query.feed == nil || event.identity.feed == query.feed {
                            scan.found += 1
                            try body(entry.card, event)
                        }
                    }
                    last.removeAll(keepingCapacity: true)
                    cursor.key.withUnsafeBytes { last.append(contentsOf: $0) }
                    found = try cursor.moveToNext()
                }
                return nil
            }
        }
    }

    private static func move(
        _ cursor: inout Cursor, toStartOf query: EventQuery, behind after: EventPosition?
    ) throws -> Bool {
        let start = TimeKey.start(query.from)
        // One from before the time that is asked for says no more than that time.
        guard let key = after?.key, start.span.bytes.precedes(key.span.bytes) else {
            return try cursor.move(toFirstNotBefore: start.span.bytes)
        }
        let found = try cursor.move(toFirstNotBefore: key.span.bytes)
        guard found, cursor.key.hasSameBytes(as: key.span.bytes) else { return found }
        return try cursor.moveToNext()
    }

    /// Asks for the pages of the next entries that a page may look at, from `key` on, and for their
    /// cards' records.
    private func readAhead(
        _ query: EventQuery, _ key: RawSpan, _ transaction: borrowing ReadTransaction,
        _ scan: inout EventScan
    ) throws {
        let key = Span<UInt8>(_bytes: key).copied
        var times = try SequentialReadAhead(
            of: StoredDatabase.times.rawValue, in: environment, transaction,
            pagesMax: EventScan.timePagesAhead)
        times.start(at: key)
        var cards: [[UInt8]] = []
        var entries = 0
        try transaction.withCursor(over: databases.times) { cursor in
            var found = try cursor.move(toFirstNotBefore: key.span.bytes)
            while found, cards.count < EventScan.recordsAhead, entries < EventScan.entriesAhead,
                let entry = TimeKey.decode(cursor.key)
            {
                if let to = query.to, entry.occurredAt >= to { break }
                if query.status == nil || entry.status == query.status {
                    cards.append(entry.card.bytes)
                }
                entries += 1
                found = try cursor.moveToNext()
            }
        }
        var records = try ReadAhead(
            of: StoredDatabase.cards.rawValue, in: environment, transaction)
        records.request(cards)
        scan.aheadUntil = scan.entries + entries
    }

    /// What the card's record says of the event.
    private func event(
        _ entry: TimeKey.Decoded, _ transaction: borrowing ReadTransaction,
        _ scan: inout EventScan
    ) throws -> CardEvent {
        let key = entry.card.bytes
        guard let value = try transaction.value(of: key.span.bytes, in: databases.cards) else {
            throw StoreError.damaged(database: "times", what: "an entry names no card")
        }
        scan.records += 1
        scan.recordBytes += value.byteCount
        let event = try inDatabase(.cards) {
            try CardRecord(verifying: value, key: key.span.bytes).event(
                at: entry.occurredAt, entry.status, identityHash: entry.identityHash)
        }
        guard let event else {
            throw StoreError.damaged(
                database: "times", what: "an entry names an event that its card does not have")
        }
        return event
    }
}

/// What a page has found and looked at.
private struct EventScan {
    /// How many entries without a record go by between two looks at the clock.
    private static let entriesPerClock = 256
    /// What is asked for at a time when pages come from the disk: the disk has it within some
    /// milliseconds, all of which a page may wait for after its last look at the clock.
    static let recordsAhead = 32
    static let entriesAhead = 1_024
    static let timePagesAhead = 16

    let limit: Int
    let limits: EventScanLimits
    private let start: ContinuousClock.Instant
    var found = 0
    var entries = 0
    var records = 0
    var recordBytes = 0
    /// How many entries it has when what was asked for is at its end.
    var aheadUntil = 0
    private var recordsAtClock = 0
    private var lastClock: ContinuousClock.Instant
    private var hasWaited = false

    init(limit: Int, limits: EventScanLimits) {
        self.limit = limit
        self.limits = limits
        start = .now
        lastClock = start
    }

    /// Whether what comes next should be asked for.
    var isWaitingForDisk: Bool {
        mutating get {
            guard hasWaited, entries > aheadUntil else { return false }
            hasWaited = false
            return true
        }
    }

    /// Whether the page ends before the next entry.
    var isOver: Bool {
        mutating get {
            if entries == 0 { return false }
            if found >= limit || entries >= limits.entries || records >= limits.records
                || recordBytes >= limits.recordBytes
            {
                return true
            }
            guard records > recordsAtClock || entries.isMultiple(of: Self.entriesPerClock) else {
                return false
            }
            recordsAtClock = records
            let now = ContinuousClock.now
            if now - lastClock > limits.diskTime { hasWaited = true }
            lastClock = now
            return now - start >= limits.time
        }
    }
}
