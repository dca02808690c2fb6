// Which offset holds when, straight from a TZif file's table and footer.
//
// Every decision here follows Python's `zoneinfo` (Lib/zoneinfo/_zoneinfo.py), because a feed's
// local times are promised to mean what they mean there: the type before the first transition,
// the one-sided boundaries of gaps and overlaps for `fold=0`, and which year's rule of the footer
// is asked. It is slow and exact; `TimeZoneRules` samples it once.

struct ZoneHistory {
    /// The moments in local time or UTC that `TimeZoneRules` must know: all of `Timestamp`'s
    /// range and two days on both sides.
    static let window =
        Int64(Timestamp.min.seconds) - 172_800...Int64(Timestamp.max.seconds) + 172_800

    /// The offsets that RFC 9636, section 3.2, allows: more than -25 and less than +26 hours.
    static let offsetRange: ClosedRange<Int32> = -89_999...93_599

    /// UTC seconds, ascending; at each, the offset of the same index begins.
    private let utcStarts: [Int64]
    /// The same moments on the local clock as `fold=0` sees them: the end of a gap, the end of an
    /// overlap.
    private let localStarts: [Int64]
    private let offsets: [Int32]
    /// Before the first transition.
    private let offsetBefore: Int32
    /// After the last transition, or always when there is none.
    private let after: PosixZone

    init(_ file: TZifFile) {
        utcStarts = file.transitions
        offsets = file.transitionTypes.map { file.types[Int($0)].offsetSeconds }

        // What held before the first transition is not in the file. `zoneinfo` takes the first
        // type that is not daylight saving time for the times before it, but the first type of
        // all for the boundary itself.
        let firstStandard = file.types.first { !$0.isDaylight }
        offsetBefore = (firstStandard ?? file.types[0]).offsetSeconds
        var previous = file.types[0].offsetSeconds
        var localStarts: [Int64] = []
        localStarts.reserveCapacity(utcStarts.count)
        for (start, offset) in zip(utcStarts, offsets) {
            // After a gap the new offset holds from its end on; in an overlap (fold=0) the old
            // one holds to its end. Both ends are the transition on the clock that is ahead.
            localStarts.append(start + Int64(max(previous, offset)))
            previous = offset
        }
        self.localStarts = localStarts

        let last = offsets.last ?? file.types[file.types.count - 1].offsetSeconds
        after = file.footer ?? PosixZone(standardOffsetSeconds: last, daylight: nil)
    }

    func offset(atLocal local: Int64) -> Int32 {
        guard let first = localStarts.first, let last = localStarts.last, local <= last else {
            return after.offset(atLocal: local)
        }
        guard local >= first else { return offsetBefore }
        return offsets[ZoneHistory.countStarted(localStarts, at: local) - 1]
    }

    func offset(atUTC utc: Int64) -> Int32 {
        guard let first = utcStarts.first, let last = utcStarts.last, utc <= last else {
            return after.offset(atUTC: utc)
        }
        guard utc >= first else { return offsetBefore }
        return offsets[ZoneHistory.countStarted(utcStarts, at: utc) - 1]
    }

    /// Every local moment in the window at which `offset(atLocal:)` may change.
    var localChanges: [Int64] {
        localStarts + (localStarts.last.map { [$0 + 1] } ?? [])
            + after.localChanges(years: ZoneHistory.years)
    }

    /// Every UTC moment in the window at which `offset(atUTC:)` may change.
    var utcChanges: [Int64] {
        utcStarts + (utcStarts.last.map { [$0 + 1] } ?? [])
            + after.utcChanges(years: ZoneHistory.years)
    }

    private static let years: ClosedRange<Int64> = 1999...2100

    /// How many of `starts` are not after `moment`.
    ///
    /// Local starts may be out of order when two transitions lie closer together than their
    /// offsets; a search with these very steps (Python's `bisect_right`) then still agrees.
    private static func countStarted(_ starts: [Int64], at moment: Int64) -> Int {
        var low = 0
        var high = starts.count
        while low < high {
            let middle = (low + high) / 2
            if moment < starts[middle] { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
