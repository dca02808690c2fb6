/// What truly happened to one card: the events that the rows will tell of, and where that leaves
/// the card. This is the bookkeeping behind the manifest; it knows nothing of how the loader works.
struct CardStory {
    /// One event, and what all of its rows say about it together.
    struct Event {
        var file: PartnerFile
        /// Since 1970, UTC.
        var seconds: Int64
        /// The number in the partner's own ID of the row; 0 for none.
        var reference: UInt64
        /// E.164 digits; 0 when no row says a phone that can be used.
        var phone: UInt64
        /// A place in `Comment.all`.
        var comment: Int
        var telling: Telling
    }

    /// With which rows a file tells of an event.
    enum Telling {
        case once
        /// The same bytes again.
        case twice
        /// The same meaning in another spelling.
        case respelled
        /// First without phone and comment, then whole: both rows add something.
        case completed
        /// First whole, then without phone and comment: the second row adds nothing.
        case impoverished
    }

    private(set) var events: [Event] = []

    // MARK: The state

    /// The event that gives the state: the last in the order of time, status and reference.
    var last: Event? {
        events.max { Self.isEarlier($0, $1) }
    }

    /// The phone of the last event that has one; 0 for none.
    var phone: UInt64 {
        var found: Event?
        for event in events where event.phone != 0 {
            if let current = found, Self.isEarlier(event, current) { continue }
            found = event
        }
        return found?.phone ?? 0
    }

    private static func isEarlier(_ a: Event, _ b: Event) -> Bool {
        if a.seconds != b.seconds { return a.seconds < b.seconds }
        if a.file != b.file { return a.file.rawValue < b.file.rawValue }
        // References are compared as text, where "99" comes after "100". No reference is least.
        return (a.reference == 0 ? "" : "\(a.reference)")
            < (b.reference == 0 ? "" : "\(b.reference)")
    }

    // MARK: The drawing of lots

    private static let hourSeconds: UInt64 = 3_600
    private static let daySeconds: UInt64 = 86_400
    /// The first card was picked up this long before `now`, the last one `restSeconds` before; a
    /// card's story takes less than that.
    private static let spanSeconds: UInt64 = 350 * daySeconds
    private static let restSeconds: Int64 = 15 * 86_400
    /// 2098-01-01T00:00:00Z, from where rows dated in the future begin: they are in the future of
    /// any clock that will read them.
    static let futureSeconds: Int64 = 4_039_372_800

    /// Draws the story of card `number`, in place of the one before.
    mutating func draw(
        _ number: UInt64, _ options: CardGenerator.Options, _ random: inout SplitMix64
    ) {
        events.removeAll(keepingCapacity: true)
        let phone = CardPhone.draw(number, seed: options.seed, &random)
        let place = number.multipliedFullWidth(by: Self.spanSeconds)
        let offset = UInt64(options.cards).dividingFullWidth(place).quotient
        var seconds =
            options.nowSeconds - Self.restSeconds - Int64(Self.spanSeconds) + Int64(offset)
        Self.pass(6 * Self.hourSeconds, &seconds, &random)

        let fate = random.below(1_000)
        let tries = Self.drawTries(&random)
        let final: PartnerFile? = fate < 840 ? .delivered : fate < 920 ? .returned : nil
        let isPickedUp = random.below(1_000) >= 10 || (final == nil && tries == 0)
        if isPickedUp {
            add(.pickup, seconds, phone, &random)
            Self.pass(2 * Self.daySeconds, &seconds, &random)
        }
        for _ in 0..<tries {
            add(.deliveryExceptions, seconds, phone, &random)
            if random.chance(perMillion: 20_000) {
                // Two reports of one moment, told apart by their references alone.
                add(.deliveryExceptions, seconds, phone, &random)
            }
            // Now and then the next event has the same time, and the status decides.
            if random.chance(perMillion: 980_000) {
                Self.pass(2 * Self.daySeconds, &seconds, &random)
            } else if tries > 1 {
                Self.pass(60, &seconds, &random)
            }
        }
        if let final { add(final, seconds, phone, &random) }
        if final == .delivered, random.chance(perMillion: 10_000) {
            Self.pass(2 * Self.daySeconds, &seconds, &random)
            add(.returned, seconds, phone, &random)
        }
        if random.chance(perMillion: 10_000) { changePhone(number, options.seed) }
        if options.hasFutureRows, random.chance(perMillion: 1_000) {
            let moment = Self.futureSeconds + Int64(random.below(365 * Self.daySeconds))
            add(.delivered, moment, phone, &random)
        }
    }

    /// A card whose rows can none of them be used has no events.
    mutating func clear() {
        events.removeAll(keepingCapacity: true)
    }

    private static func drawTries(_ random: inout SplitMix64) -> Int {
        switch random.below(1_000) {
        case 0..<820: 0
        case 820..<940: 1
        case 940..<985: 2
        default: 3
        }
    }

    /// Lets up to `limitSeconds` go by, at least a minute. Most clocks show whole minutes.
    private static func pass(
        _ limitSeconds: UInt64, _ seconds: inout Int64, _ random: inout SplitMix64
    ) {
        seconds += 60 + Int64(random.below(limitSeconds))
        if random.chance(perMillion: 800_000) { seconds = (seconds + 59) / 60 * 60 }
    }

    private mutating func add(
        _ file: PartnerFile, _ seconds: Int64, _ phone: UInt64, _ random: inout SplitMix64
    ) {
        var event = Event(
            file: file, seconds: seconds, reference: 0, phone: phone, comment: Comment.none,
            telling: .once)
        let lot = random.below(1_000_000)
        // 1 % of references, 6 % of phones are missing.
        if lot >= 10_000 {
            event.reference = 100 + random.below(999_900)
            // Two events with one identity would be one event.
            while events.contains(where: { Self.isSameIdentity($0, event) }) {
                event.reference += 1
            }
        } else if events.contains(where: { Self.isSameIdentity($0, event) }) {
            event.reference = 1
        }
        if (10_000..<70_000).contains(lot) { event.phone = 0 }
        event.comment = Self.drawComment(file, &random)
        switch random.below(1_000) {
        case 0..<25: event.telling = .twice
        case 25..<35: event.telling = .respelled
        case 35..<40: event.telling = .completed
        case 40..<45: event.telling = .impoverished
        default: break
        }
        events.append(event)
    }

    private static func isSameIdentity(_ a: Event, _ b: Event) -> Bool {
        a.file == b.file && a.seconds == b.seconds && a.reference == b.reference
    }

    private static func drawComment(_ file: PartnerFile, _ random: inout SplitMix64) -> Int {
        let lot = random.below(10_000)
        switch file {
        case .pickup, .returned: return Comment.none
        case .deliveryExceptions:
            if lot < 5 { return Comment.longest }
            if lot < 200 { return Comment.none }
            return Comment.firstOfExceptions + Int(random.below(Comment.countOfExceptions))
        case .delivered:
            if lot < 100 { return Comment.none }
            if lot < 8_000 { return Comment.delivered }
            return Comment.firstOfDelivered + Int(random.below(Comment.countOfDelivered))
        }
    }

    /// The customer had another number when the card left the printer.
    private mutating func changePhone(_ number: UInt64, _ seed: UInt64) {
        guard let first = events.indices.first, events[first].phone != 0 else { return }
        events[first].phone = CardPhone.mobile(SplitMix64.mix(~number &+ seed))
    }
}
