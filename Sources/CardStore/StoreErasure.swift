public import CardModel
internal import Glibc

/// Erases phones and customers from a store, also beside a server, which hears of it as of any
/// other commit.
///
/// First, what is to be erased is put on the list of what may not come in (`ErasureList`), so that
/// from that commit on nobody, of any process, brings it. Then what is there already goes, in
/// transactions that are short enough for others to get their turn. One that is cut off is known
/// by ``CardStore/hasUnfinishedErasure()``; the next one, of whatever, completes it, since all look
/// for all that the list has.
public struct StoreErasure {
    /// What became of it.
    public struct Outcome: Equatable, Sendable {
        /// The phones that were erased, those of customers that were named too.
        public internal(set) var phones: [PhoneNumber] = []
        /// The customers that were named or had one of the phones, and were shown.
        public internal(set) var customers = 0
        /// Customers that were named and are not there, so that their phones are not known.
        public internal(set) var unknownCustomers = 0
        /// Of what was named, how much had not been erased before.
        public internal(set) var new = 0
        public internal(set) var cards = 0
        public internal(set) var events = 0
        /// Runs whose file names or messages had a phone.
        public internal(set) var runs = 0
        /// Records that cannot be read, so that nobody knows what they have.
        public internal(set) var damaged = 0
    }

    /// Cards that are looked at in one snapshot: a few hundredths of a second.
    private static let cardsPerSnapshot = 20_000
    /// Cards that are found, and then rewritten, at a time: in one transaction, if time allows.
    private static let cardsPerCommit = 200
    private static let customersPerCommit = 8
    /// Left between transactions beside a server, so that its writes get their turn.
    private static let pauseMs: UInt32 = 5

    /// What a transaction may take before its commit, since others wait for it. A card with a full
    /// history takes half a millisecond.
    var workMax = Duration.milliseconds(10)

    private let store: CardStore
    private let onProgress: (_ cards: Int) -> Void

    /// - Parameter onProgress: called now and then with how many cards were looked at.
    public init(_ store: CardStore, onProgress: @escaping (_ cards: Int) -> Void = { _ in }) {
        self.store = store
        self.onProgress = onProgress
    }

    /// What is named, and the phones of the customers among it.
    private func subjects(
        _ named: [ErasureSubject], _ outcome: inout Outcome
    ) throws -> [ErasureSubject] {
        var subjects = named
        for case .customer(let id) in named {
            guard let customer = try store.customer(id) else {
                outcome.unknownCustomers += 1
                continue
            }
            if let phone = customer.phone { subjects.append(.phone(phone)) }
        }
        outcome.phones = Self.phones(subjects)
        return subjects
    }

    private static func phones(_ subjects: [ErasureSubject]) -> [PhoneNumber] {
        let phones = subjects.compactMap { subject in
            if case .phone(let phone) = subject { phone } else { nil }
        }
        return Set(phones).sorted()
    }

    /// Says what there is of what is named, and changes nothing.
    public func look(for named: [ErasureSubject]) throws -> Outcome {
        var outcome = Outcome()
        let subjects = try subjects(named, &outcome)
        let list = ErasureList(of: subjects)
        let known = try store.erasures()
        outcome.new = Set(subjects).count { known?.covers($0) != true }
        let covered = try store.coveredCustomers(by: list)
        let shown = try store.shownCustomerKeys(of: covered.keys)
        (outcome.customers, outcome.damaged) = (shown.count, covered.damaged)
        try forEachCovered(by: list, &outcome) { cards, outcome in
            outcome.cards += cards.count
            for card in cards {
                guard var history = try store.history(of: card) else { continue }
                outcome.events += history.erase(list)
            }
        }
        return outcome
    }

    /// Erases what is named, and what an erasure that was cut off has left; durable when this
    /// returns. Doing it again changes nothing.
    ///
    /// - Parameter named: may be empty, to complete what was cut off.
    public func run(_ named: [ErasureSubject]) throws -> Outcome {
        var outcome = Outcome()
        let subjects = try subjects(named, &outcome)
        outcome.new = subjects.isEmpty ? 0 : try store.suppress(subjects)
        FailPoint.midErasure.pass()
        guard let first = try store.erasures() else { return outcome }
        try eraseCustomers(by: first, &outcome)
        // What look-ups show now goes first: the rest takes as long as reading all cards.
        for phone in outcome.phones { try eraseCurrentCards(of: phone, &outcome) }
        // The list may have grown by customers, and by other erasures: it never shrinks.
        guard let list = try store.erasures() else { return outcome }
        try forEachCovered(by: list, &outcome) { cards, outcome in
            try erase(cards, &outcome)
        }
        outcome.runs = try store.eraseRunTexts(outcome.phones.map { PhoneTrace($0) })
        if outcome.damaged == 0 { try store.noteErasuresApplied(list.count) }
        return outcome
    }

    private func eraseCustomers(by list: ErasureList, _ outcome: inout Outcome) throws {
        let covered = try store.coveredCustomers(by: list)
        outcome.damaged += covered.damaged
        var rest = covered.keys[...]
        while !rest.isEmpty {
            let erased = try store.eraseCustomers(
                rest.prefix(Self.customersPerCommit), workMax: workMax)
            rest = rest.dropFirst(erased.done)
            outcome.customers += erased.shown
            giveWay()
        }
    }

    private func eraseCurrentCards(of phone: PhoneNumber, _ outcome: inout Outcome) throws {
        var after: CardID?
        while true {
            var cards: [CardID] = []
            do {
                try store.withCards(phone: phone, after: after, limit: Self.cardsPerCommit) {
                    cards.append($0.id)
                }
                if !cards.isEmpty { try erase(cards, &outcome) }
            } catch StoreError.damaged {
                // All cards are looked at later, one by one.
                return
            }
            guard let last = cards.last else { return }
            after = last
        }
    }

    private func erase(_ cards: [CardID], _ outcome: inout Outcome) throws {
        var rest = cards[...]
        var countMax = rest.count
        while !rest.isEmpty {
            let part = rest.prefix(countMax)
            let erased: (done: Int, cards: Int, events: Int)
            do {
                erased = try store.eraseEvents(of: part, workMax: workMax)
            } catch StoreError.mapFull where part.count > 1 {
                // Pages are written anew before the old ones are free. A map that has no room for
                // so many at a time has for fewer, and then for the others.
                countMax = part.count / 2
                continue
            }
            rest = rest.dropFirst(erased.done)
            outcome.cards += erased.cards
            outcome.events += erased.events
            FailPoint.midErasure.pass()
            giveWay()
        }
    }

    private func forEachCovered(
        by list: ErasureList, _ outcome: inout Outcome,
        _ body: ([CardID], inout Outcome) throws -> Void
    ) throws {
        var looked = 0
        var after: CardID?
        repeat {
            let covered = try store.coveredCards(
                by: list, after: after, looking: Self.cardsPerSnapshot, limit: Self.cardsPerCommit)
            outcome.damaged += covered.damaged
            if !covered.cards.isEmpty { try body(covered.cards, &outcome) }
            looked += covered.looked
            onProgress(looked)
            after = covered.last
        } while after != nil
    }

    private func giveWay() {
        // A sleep cut short by a signal only shortens the pause.
        if ServerLock.isHeld(in: store.directory) { usleep(Self.pauseMs * 1_000) }
    }
}
