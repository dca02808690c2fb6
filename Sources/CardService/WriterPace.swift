internal import CardStore

/// How much a writer puts into one transaction, and how long it pauses between two.
///
/// A commit writes every page that it touched, and each card lies on a page of its own more often
/// than not, so larger transactions are cheaper by far. But only one process writes at a time, in
/// turn, so a long transaction keeps another process's writer waiting.
public struct WriterPace: Equatable, Sendable {
    let commitTargetMs: Double
    /// Facts in one transaction: as many as lately took the target, within these bounds.
    let groupFacts: ClosedRange<Int>
    /// How long the store is left to others after a commit.
    let pauseMs: Int

    /// A server's own writes. What is left for the next commit is not answered sooner for that, and
    /// costs more pages a fact; but pages of a transaction that no cache holds cost more as well.
    public static let server = WriterPace(
        commitTargetMs: 200, groupFacts: 1_000...20_000, pauseMs: 0)

    /// Beside a server, whose writes must get their turn.
    public static let besideServer = WriterPace(
        commitTargetMs: 50, groupFacts: 500...20_000, pauseMs: 2)

    /// With the store to itself. The bound keeps a transaction's changed pages below the 131,071
    /// from which on LMDB spills them to disk before the commit (its midl.h).
    public static let alone = WriterPace(
        commitTargetMs: 1_000, groupFacts: 500...40_000, pauseMs: 0)

    /// The pace for a program that is not the server of the store in `directory`.
    public static func loading(into directory: String) -> WriterPace {
        ServerLock.isHeld(in: directory) ? .besideServer : .alone
    }

    /// Halves the bound after a commit that took too long, raises it by half after a full one that
    /// took less than half its time.
    func nextGroupFactsMax(facts: Int, ms: Double, current: Int) -> Int {
        var next = current
        if ms > commitTargetMs {
            next = current / 2
        } else if ms < commitTargetMs / 2, facts * 2 > current {
            next = current + current / 2
        }
        return clamped(next)
    }

    func clamped(_ facts: Int) -> Int {
        min(max(facts, groupFacts.lowerBound), groupFacts.upperBound)
    }
}
