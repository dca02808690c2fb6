internal import CardModel
internal import CardStore
internal import Glibc

/// What a merged card calls for in the databases beside `cards`.
struct CardChange {
    /// The phone that its entry goes for, or 0.
    var oldPhone: UInt64 = 0
    /// The phone that an entry comes for, or 0.
    var newPhone: UInt64 = 0
}

/// Merges the facts of one card with what the store has of it. One thread uses it.
///
/// A card that is new to the store, whose facts are few and all of different events or the same
/// byte for byte, is put together from the packed events as they are: a history within its limit is
/// its events in their order, nothing else. Every other card goes through `CardHistory`, and so
/// does one of whose facts any is erased. A test holds that both give the same.
struct CardMerge: ~Copyable {
    private static let packedEventsMax = 16

    /// What became of the facts, by the number of their file.
    private(set) var counts: [CommitCounts]
    /// The card's record, when ``merge`` found it changed.
    private(set) var record: UnsafeMutableRawBufferPointer
    private(set) var recordBytes = 0
    private(set) var change = CardChange()
    /// Entries of `times` that come and go.
    private(set) var addedTimes: [Time] = []
    private(set) var removedTimes: [Time] = []
    private let order: UnsafeMutablePointer<PackedEvent>
    private let erasures: ErasureList?
    private let seed = StoredDatabase.cards.nameHash

    struct Time {
        let occurredAt: UInt32
        let status: UInt8
        let hash: UInt64
    }

    /// - Parameter erasures: what may not come in.
    init(files: Int, erasures: ErasureList?) {
        self.erasures = erasures
        counts = Array(repeating: CommitCounts(), count: files)
        record = .allocate(byteCount: Self.packedEventsMax * Record.bytesMax, alignment: 16)
        order = .allocate(capacity: Self.packedEventsMax)
    }

    deinit {
        record.deallocate()
        order.deallocate()
    }

    /// Merges facts, in the order of their arrival, into a card; says whether its set changed.
    mutating func merge(
        _ facts: UnsafeBufferPointer<RecordSorter.Item>, into old: CardHistory?
    ) -> Bool {
        addedTimes.removeAll(keepingCapacity: true)
        removedTimes.removeAll(keepingCapacity: true)
        change = CardChange()
        if old == nil, facts.count <= Self.packedEventsMax, !hasErased(facts), mergePacked(facts) {
            return true
        }
        return mergeHistory(facts, into: old ?? CardHistory())
    }

    /// Whether any of the facts has what is erased. Costs nothing where nothing ever was.
    private func hasErased(_ facts: UnsafeBufferPointer<RecordSorter.Item>) -> Bool {
        guard let erasures else { return false }
        return facts.contains { item in
            PhoneNumber(digits: FactRecord.event(item.record).phone).map(erasures.covers) ?? false
        }
    }

    // MARK: Packed

    /// False when the facts are not for this way; nothing has been counted then.
    private mutating func mergePacked(
        _ facts: UnsafeBufferPointer<RecordSorter.Item>
    ) -> Bool {
        var count = 0
        var duplicates = 0
        // Bit n tells that fact n was known.
        var known: UInt32 = 0
        for (number, item) in facts.enumerated() {
            let event = FactRecord.event(item.record)
            var place = count
            var isKnown = false
            while place > 0 {
                let order = PackedEvent.order(order[place - 1], event)
                if order < 0 { break }
                if order == 0 {
                    guard event.hasSameBytes(as: self.order[place - 1]) else { return false }
                    isKnown = true
                    break
                }
                place -= 1
            }
            if isKnown {
                known |= 1 << UInt32(number)
                duplicates += 1
                continue
            }
            var moved = count
            while moved > place {
                order[moved] = order[moved - 1]
                moved -= 1
            }
            order[place] = event
            count += 1
        }
        for (number, item) in facts.enumerated() {
            let file = FactRecord.file(item.record)
            if known & (1 << UInt32(number)) != 0 {
                counts[file].duplicates += 1
            } else {
                counts[file].accepted += 1
            }
        }
        encodePacked(count, key: facts[0].record.key)
        return true
    }

    private mutating func encodePacked(_ count: Int, key: UnsafeRawBufferPointer) {
        let order = self.order
        let deciding = CardHistory.decidingEvents(
            of: count, isVoid: { order[$0].isVoid }, hasPhone: { order[$0].hasPhone })
        let start = record.baseAddress.unsafelyUnwrapped
        var offset = CardRecord.headSize
        var stateOffset = 0
        for index in 0..<count {
            let event = order[index]
            if index == deciding.state { stateOffset = offset }
            (start + offset).copyMemory(
                from: event.bytes.baseAddress.unsafelyUnwrapped, byteCount: event.bytes.count)
            offset += event.bytes.count
            addedTimes.append(
                Time(
                    occurredAt: event.occurredAt, status: event.status, hash: event.stableHash))
        }
        recordBytes = offset
        let state = deciding.state
        let phone = deciding.phone.map { order[$0].phone } ?? 0
        change.newPhone = phone
        CardRecord.writeHead(
            UnsafeMutableRawBufferPointer(rebasing: record[..<offset]), events: count,
            state: state.map { (order[$0].occurredAt, order[$0].status, $0, stateOffset) },
            phone: phone, key: key, seed: seed)
    }

    // MARK: By history

    private mutating func mergeHistory(
        _ facts: UnsafeBufferPointer<RecordSorter.Item>, into old: CardHistory
    ) -> Bool {
        var history = old
        for item in facts {
            let event = FactRecord.event(item.record).event
            let outcome = history.merge(erasures?.applied(to: event) ?? event)
            counts[FactRecord.file(item.record)].count(outcome)
        }
        guard history != old else { return false }
        let key = RawSpan(_unsafeBytes: facts[0].record.key)
        let bytes = CardRecord.encode(history, key: key)
        if bytes.count > record.count {
            record.deallocate()
            record = .allocate(byteCount: 2 * bytes.count, alignment: 16)
        }
        record.copyBytes(from: bytes)
        recordBytes = bytes.count
        let oldPhone = old.state?.phone?.digits ?? 0
        let newPhone = history.state?.phone?.digits ?? 0
        if oldPhone != newPhone { change = CardChange(oldPhone: oldPhone, newPhone: newPhone) }
        noteTimes(from: old, to: history)
        return true
    }

    /// Both histories ascend by identity, so one pass over the two finds what came and what went.
    private mutating func noteTimes(from old: CardHistory, to new: CardHistory) {
        var rest = old.events[...]
        for event in new.events {
            while let first = rest.first, first.identity < event.identity {
                removedTimes.append(Self.time(first.identity))
                rest.removeFirst()
            }
            if rest.first?.identity == event.identity {
                rest.removeFirst()
            } else {
                addedTimes.append(Self.time(event.identity))
            }
        }
        for event in rest { removedTimes.append(Self.time(event.identity)) }
    }

    private static func time(_ identity: EventIdentity) -> Time {
        Time(
            occurredAt: identity.occurredAt.seconds, status: identity.status.rawValue,
            hash: identity.stableHash)
    }
}
