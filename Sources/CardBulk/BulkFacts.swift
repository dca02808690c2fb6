public import CardModel
internal import CardStore

/// The facts of any number of files, in ranges of card IDs, on disk where there is no memory for
/// them. One thread adds to it.
public struct BulkFacts: ~Copyable {
    let pool: BlockPool
    private(set) var cards: Partitioning
    private(set) var phones: Partitioning
    private(set) var times: Partitioning
    var records: RecordSet
    private let rangesMax: Int
    /// Of what was added; the ranges of `phones` and `times` are cut by it.
    private var sample = Sample()
    private var untilSample = 0
    private var sampleStride = 64

    /// Keys to cut ranges by.
    public struct Sample: Sendable {
        fileprivate static let countMax = 60_000

        var cards: [[UInt8]] = []
        var phones: [[UInt8]] = []
        var times: [[UInt8]] = []

        public init() {}

        var isEmpty: Bool { cards.isEmpty }

        public mutating func add(_ facts: borrowing FactBuffer) {
            facts.visit { add($0) }
        }

        mutating func add(_ record: Record) {
            let event = FactRecord.event(record)
            cards.append(Array(record.key))
            times.append(
                TimeRecord.key(
                    occurredAt: event.occurredAt, status: event.status, card: record.key, hash: 0))
            if event.hasPhone { phones.append(PhoneRecord.key(event.phone, record.key)) }
        }

        /// Leaves out every other key.
        mutating func thin() {
            func half(_ keys: [[UInt8]]) -> [[UInt8]] {
                stride(from: 0, to: keys.count, by: 2).map { keys[$0] }
            }
            cards = half(cards)
            phones = half(phones)
            times = half(times)
        }
    }

    /// The least that a load can be told to use.
    public static let memoryBytesMin = 128 << 20
    public static let memoryBytesDefault = 1 << 30
    /// What is used beside the records: chunks of files being read, pages being filled, and lists
    /// of the new file's pages, which are the more the more there is to read.
    private static let otherBytes = 88 << 20
    private static let inputBytesPerListByte = 24
    /// How much a range should hold: what the caches of one core do.
    private static let rangeBytes = 2 << 20
    private static let rangesMax = 1_024
    /// From how many times that on a range is too large.
    private static let skewMax = 8

    /// - Parameters:
    ///   - sample: what the ranges of cards are cut by at first.
    ///   - inputBytes: how much there is to read, as far as that is known.
    ///   - memoryBytes: how much memory the process should use.
    ///   - directory: where to write what that does not hold.
    public init(sample: Sample, inputBytes: Int, memoryBytes: Int, directory: String) {
        let others = Self.otherBytes + inputBytes / Self.inputBytesPerListByte
        let recordBytes = max(memoryBytes - others, 16 << 20)
        pool = BlockPool(limitBytes: recordBytes, directory: directory)
        // Each range has a block open for cards, and two for each of the threads' other entries.
        let openMax = recordBytes / (7 * BlockPool.blockBytes) / 3
        rangesMax = min(Self.rangesMax, max(openMax, 1))
        let ranges = min(max(inputBytes / Self.rangeBytes, 1), rangesMax)
        cards = Partitioning(sample: sample.cards, countMax: ranges)
        phones = Partitioning(sample: [], countMax: 1)
        times = phones
        records = RecordSet(pool, ranges: cards.count)
    }

    public var count: Int { records.records }

    public var spilledBytes: Int { pool.spilledBytes }

    /// Adds facts, which come behind those before.
    public mutating func add(_ facts: borrowing FactBuffer) throws(BulkError) {
        var place = UnsafeRawPointer(facts.start)
        let end = place + facts.bytes
        while place < end {
            let record = Record(start: place)
            let bytes = record.bytes
            let target = try records.add(bytes, to: cards.index(of: record.key))
            target.copyMemory(from: place, byteCount: bytes)
            place += bytes
            if untilSample == 0 { take(record) }
            untilSample -= 1
        }
    }

    private mutating func take(_ record: Record) {
        if sample.cards.count == Sample.countMax {
            sample.thin()
            sampleStride *= 2
        }
        sample.add(record)
        untilSample = sampleStride
    }

    /// Cuts the ranges of the other entries, now that all facts are known, and those of the cards
    /// anew where the first sample was misleading: without that, one range might be nearly all.
    mutating func settle() throws(BulkError) {
        let bytes = records.bytes
        let ranges = min(max(bytes / Self.rangeBytes, 1), rangesMax)
        phones = Partitioning(sample: sample.phones, countMax: ranges)
        times = Partitioning(sample: sample.times, countMax: ranges)
        let wanted = max(bytes / ranges, Self.rangeBytes)
        if records.largestBytes > Self.skewMax * wanted {
            let cut = Partitioning(sample: sample.cards, countMax: ranges)
            var dealt = RecordSet(pool, ranges: cut.count)
            for range in 0..<cards.count {
                try records.drain(range) { (record) throws(BulkError) in
                    let target = try dealt.add(record.bytes, to: cut.index(of: record.key))
                    target.copyMemory(from: record.start, byteCount: record.bytes)
                }
            }
            cards = cut
            records = dealt
        }
        sample = Sample()
    }
}

/// Where readers of files bring their facts. One thread uses it.
public protocol FactSink: AnyObject {
    /// Takes facts, which come behind those before.
    func add(_ facts: borrowing FactBuffer) throws(BulkError)

    /// Learns from a few facts what those to come are like.
    func addSample(_ facts: borrowing FactBuffer)
}

extension FactSink {
    public func addSample(_ facts: borrowing FactBuffer) {}
}

/// Collects facts for a load: makes a ``BulkFacts`` of them, whose ranges are cut by
/// a sample of all files, or by the first facts when there is none.
public final class FactCollector: FactSink {
    private var sample = BulkFacts.Sample()
    private var facts: BulkFacts?
    private let inputBytes: Int
    private let memoryBytes: Int
    private let directory: String

    /// - Parameters: those of ``BulkFacts``.
    public init(inputBytes: Int, memoryBytes: Int, directory: String) {
        self.inputBytes = inputBytes
        self.memoryBytes = memoryBytes
        self.directory = directory
    }

    /// Adds to the sample. Must come before the first ``add(_:)``.
    public func addSample(_ facts: borrowing FactBuffer) {
        sample.add(facts)
    }

    public func add(_ buffer: borrowing FactBuffer) throws(BulkError) {
        if facts == nil {
            if sample.isEmpty { sample.add(buffer) }
            facts = makeFacts()
        }
        try facts?.add(buffer)
    }

    /// Bytes of facts that went to disk.
    public var spilledBytes: Int { facts?.spilledBytes ?? 0 }

    /// All facts. Nothing is added after this.
    public func finish() -> BulkFacts {
        facts.take() ?? makeFacts()
    }

    private func makeFacts() -> BulkFacts {
        defer { sample = BulkFacts.Sample() }
        return BulkFacts(
            sample: sample, inputBytes: inputBytes, memoryBytes: memoryBytes, directory: directory)
    }
}

/// Facts being read, packed as the store will keep them.
public struct FactBuffer: ~Copyable {
    fileprivate private(set) var start: UnsafeMutableRawPointer
    public private(set) var bytes = 0
    public private(set) var count = 0
    private var capacity: Int

    public init(capacity: Int = 1 << 16) {
        self.capacity = max(capacity, Record.bytesMax)
        start = .allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit { start.deallocate() }

    /// What is the same in all facts of one file.
    public struct Source: Sendable {
        let file: UInt32
        let status: UInt8
        let isVoid: Bool
        let feed: [UInt8]

        /// - Parameters:
        ///   - file: a number to count by.
        ///   - isVoid: whether the facts take events back.
        public init(file: Int, status: CardStatus, feed: FeedID, isVoid: Bool) {
            self.file = UInt32(file)
            self.status = status.rawValue
            self.isVoid = isVoid
            var bytes: [UInt8] = []
            feed.append(to: &bytes)
            self.feed = bytes
        }
    }

    /// Appends a fact. `reference` and `comment` must be checked; a void has neither phone nor
    /// comment.
    @inline(__always)
    public mutating func append(
        _ card: CardID, occurredAt: Timestamp, phone: PhoneNumber?, reference: Span<UInt8>,
        comment: Span<UInt8>, _ source: borrowing Source
    ) {
        if capacity - bytes < Record.bytesMax { grow() }
        let record = start + bytes
        let keyBytes = card.count
        card.copyBytes(to: record + Record.headBytes)
        var place = record + Record.headBytes + keyBytes
        place.storeBytes(of: source.file, as: UInt32.self)
        place += FactRecord.fileBytes
        let phone = source.isVoid ? nil : phone
        let commentBytes = source.isVoid ? 0 : comment.count
        place.storeBytes(of: occurredAt.seconds.littleEndian, as: UInt32.self)
        place.storeBytes(of: source.status, toByteOffset: 4, as: UInt8.self)
        let flags =
            (source.isVoid ? CardRecord.voidFlag : 0)
            | (phone == nil ? 0 : CardRecord.phoneFlag)
        place.storeBytes(of: flags, toByteOffset: 5, as: UInt8.self)
        place.storeBytes(of: UInt8(source.feed.count), toByteOffset: 6, as: UInt8.self)
        place.storeBytes(of: UInt8(reference.count), toByteOffset: 7, as: UInt8.self)
        place.storeBytes(
            of: UInt16(commentBytes).littleEndian, toByteOffset: 8, as: UInt16.self)
        place += PackedEvent.headBytes
        if let phone {
            place.storeBytes(of: phone.digits.littleEndian, as: UInt64.self)
            place += 8
        }
        source.feed.withUnsafeBytes { place.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        place += source.feed.count
        place = Self.copy(reference, reference.count, to: place)
        place = Self.copy(comment, commentBytes, to: place)
        let size = place - record
        Record.writeHead(record, bytes: size, keyBytes: keyBytes)
        bytes += size
        count += 1
    }

    @inline(__always)
    private static func copy(
        _ text: Span<UInt8>, _ count: Int, to place: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        guard count > 0 else { return place }
        text.withUnsafeBytes { place.copyMemory(from: $0.baseAddress!, byteCount: count) }
        return place + count
    }

    /// Appends a fact that was made for the ordinary way.
    public mutating func append(_ fact: CardFact, file: Int) {
        let identity = fact.event.identity
        let source = Source(
            file: file, status: identity.status, feed: identity.feed, isVoid: fact.event.isVoid)
        append(
            fact.card, occurredAt: identity.occurredAt, phone: fact.event.phone,
            reference: identity.reference.bytes.span, comment: fact.event.comment.bytes.span,
            source)
    }

    public mutating func removeAll() {
        bytes = 0
        count = 0
    }

    private mutating func grow() {
        let larger = UnsafeMutableRawPointer.allocate(byteCount: 2 * capacity, alignment: 16)
        larger.copyMemory(from: start, byteCount: bytes)
        start.deallocate()
        start = larger
        capacity *= 2
    }

    /// The facts one by one, with the numbers of their files left out: for the ordinary way.
    public var cardFacts: [CardFact] {
        var facts: [CardFact] = []
        facts.reserveCapacity(count)
        visit { record in
            guard let card = CardID(canonical: Span(_bytes: RawSpan(_unsafeBytes: record.key)))
            else { preconditionFailure("a fact that this process wrote has a card") }
            facts.append(CardFact(card: card, event: FactRecord.event(record).event))
        }
        return facts
    }

    func visit(_ body: (Record) -> Void) {
        var place = UnsafeRawPointer(start)
        let end = place + bytes
        while place < end {
            let record = Record(start: place)
            body(record)
            place += record.bytes
        }
    }
}

extension FactBuffer: @unchecked Sendable {}

/// Keys of `phones` on their way: exactly the database's.
enum PhoneRecord {
    private static let prefixBytes = 8

    static func key(_ phone: UInt64, _ card: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: prefixBytes + card.count) { bytes, count in
            count = prefixBytes + card.count
            write(phone, card, to: UnsafeMutableRawPointer(bytes.baseAddress.unsafelyUnwrapped))
        }
    }

    @inline(__always)
    private static func write(
        _ phone: UInt64, _ card: UnsafeRawBufferPointer, to place: UnsafeMutableRawPointer
    ) {
        place.storeBytes(of: phone.bigEndian, as: UInt64.self)
        (place + prefixBytes).copyMemory(
            from: card.baseAddress.unsafelyUnwrapped, byteCount: card.count)
    }

    @inline(__always)
    static func add(
        _ phone: UInt64, _ card: UnsafeRawBufferPointer, isRemoval: Bool,
        to set: inout RecordSet, _ ranges: borrowing Partitioning
    ) throws(BulkError) {
        let range = IndexKey.range(ranges, phone, KeyBytes.word(card, at: 0), card) {
            key(phone, card)
        }
        let keyBytes = prefixBytes + card.count
        let target = try set.add(Record.headBytes + keyBytes, to: range)
        Record.writeHead(
            target, bytes: Record.headBytes + keyBytes, keyBytes: keyBytes, isRemoval: isRemoval)
        write(phone, card, to: target + Record.headBytes)
    }
}

/// Keys of `times` on their way: exactly the database's.
enum TimeRecord {
    private static let headBytes = 9
    private static let tailBytes = 8

    static func key(
        occurredAt: UInt32, status: UInt8, card: UnsafeRawBufferPointer, hash: UInt64
    ) -> [UInt8] {
        let size = headBytes + card.count + tailBytes
        return [UInt8](unsafeUninitializedCapacity: size) { bytes, count in
            count = size
            write(
                CardMerge.Time(occurredAt: occurredAt, status: status, hash: hash), card,
                to: UnsafeMutableRawPointer(bytes.baseAddress.unsafelyUnwrapped))
        }
    }

    @inline(__always)
    private static func write(
        _ time: CardMerge.Time, _ card: UnsafeRawBufferPointer, to place: UnsafeMutableRawPointer
    ) {
        place.storeBytes(of: UInt64(time.occurredAt).bigEndian, as: UInt64.self)
        place.storeBytes(of: time.status, toByteOffset: 8, as: UInt8.self)
        (place + headBytes).copyMemory(
            from: card.baseAddress.unsafelyUnwrapped, byteCount: card.count)
        place.storeBytes(
            of: time.hash.bigEndian, toByteOffset: headBytes + card.count, as: UInt64.self)
    }

    @inline(__always)
    static func add(
        _ time: CardMerge.Time, _ card: UnsafeRawBufferPointer, isRemoval: Bool,
        to set: inout RecordSet, _ ranges: borrowing Partitioning
    ) throws(BulkError) {
        let second = UInt64(time.status) << 56 | KeyBytes.word(card, at: 0) >> 8
        let range = IndexKey.range(ranges, UInt64(time.occurredAt), second, card) {
            key(
                occurredAt: time.occurredAt, status: time.status, card: card, hash: time.hash)
        }
        let keyBytes = headBytes + card.count + tailBytes
        let target = try set.add(Record.headBytes + keyBytes, to: range)
        Record.writeHead(
            target, bytes: Record.headBytes + keyBytes, keyBytes: keyBytes, isRemoval: isRemoval)
        write(time, card, to: target + Record.headBytes)
    }
}

private enum IndexKey {
    /// The range of a key that begins with two words, which are whole when its card has eight
    /// bytes. They come from registers: reading back as one word what was just written in pieces
    /// makes the processor wait until the pieces have left its store buffer.
    @inline(__always)
    static func range(
        _ ranges: borrowing Partitioning, _ first: UInt64, _ second: UInt64,
        _ card: UnsafeRawBufferPointer, key: () -> [UInt8]
    ) -> Int {
        if card.count >= 8, let range = ranges.index(ofWords: first, second) { return range }
        return key().withUnsafeBytes { ranges.index(of: $0) }
    }
}
