internal import Synchronization

/// How far the filling of an index is.
public struct FillProgress: Equatable, Sendable {
    public let cards: Int
    /// Cards in the store when the fill began, those without a state too.
    public let cardsTotal: Int
    public let seconds: Double

    /// What is left at the pace so far; nil before there is one.
    public var secondsLeft: Double? {
        guard cards > 0 else { return nil }
        return seconds * Double(max(cardsTotal - cards, 0)) / Double(cards)
    }
}

/// A ``FillProgress`` that the filling threads write, and any thread reads, without a lock.
final class FillCounter: Sendable {
    private let clock = ContinuousClock()
    private let base: ContinuousClock.Instant
    /// Nanoseconds after `base`; 0 while nothing is filled.
    private let start = Atomic<Int64>(0)
    private let cards = Atomic<Int>(0)
    private let cardsTotal = Atomic<Int>(0)

    init() { base = clock.now }

    func begin(cardsTotal total: Int) {
        cards.store(0, ordering: .relaxed)
        cardsTotal.store(total, ordering: .relaxed)
        start.store(max(nanoseconds(at: clock.now), 1), ordering: .releasing)
    }

    func add(cards count: Int) {
        cards.add(count, ordering: .relaxed)
    }

    func end() {
        start.store(0, ordering: .releasing)
    }

    /// Nil while nothing is filled. A reader between one fill's end and the next one's start may
    /// see a moment's mixture of the two.
    var progress: FillProgress? {
        let began = start.load(ordering: .acquiring)
        guard began > 0 else { return nil }
        let elapsed = nanoseconds(at: clock.now) - began
        return FillProgress(
            cards: cards.load(ordering: .relaxed),
            cardsTotal: cardsTotal.load(ordering: .relaxed),
            seconds: Double(max(elapsed, 0)) / 1e9)
    }

    private func nanoseconds(at instant: ContinuousClock.Instant) -> Int64 {
        Int64(base.duration(to: instant) / .nanoseconds(1))
    }
}
