// The offsets of one time zone, ready for a look-up per row.
//
// Only moments of 2000...2099 can become a `Timestamp`, so the rules of a zone, a table of
// transitions and a footer that goes on for ever, are worked out once for that window (two days
// wider on both sides, more than any offset) into two plain step functions: local time to offset,
// and UTC to offset. A look-up is a binary search; a zone that never changes has a single step.
// `starts` ascends, `offsets` has the same count, at least one, and two neighbours differ. The
// exact rules live in `ZoneHistory`; the tests compare both ways with Python's `zoneinfo`.

/// What an IANA time zone says about 2000...2099: which offset holds when.
///
/// Outside that window (widened by two days) the first or last offset in it is used, which no
/// valid `Timestamp` can notice.
public struct TimeZoneRules: Sendable {
    /// UTC, under the name `UTC`.
    public static let utc = TimeZoneRules.fixed(offsetSeconds: 0)

    /// The name given at creation, such as `Asia/Dubai`, or `UTC`, `+04:00` for fixed offsets.
    public let name: String

    private let byLocal: StepFunction
    private let byUTC: StepFunction

    /// A zone with one offset, positive east of Greenwich, of less than 26 hours.
    public static func fixed(offsetSeconds: Int32) -> TimeZoneRules {
        precondition(
            ZoneHistory.offsetRange.contains(offsetSeconds), "no zone has such an offset")
        let steps = StepFunction(offset: offsetSeconds)
        return TimeZoneRules(
            name: fixedName(offsetSeconds: offsetSeconds), byLocal: steps, byUTC: steps)
    }

    /// Reads the bytes of a TZif file, such as `/usr/share/zoneinfo/Asia/Dubai`.
    ///
    /// Takes versions 1 to 4 of RFC 9636 (and RFC 8536), with the POSIX footer. Files with leap
    /// seconds (`right/…`) are refused: their clock differs from POSIX time by up to 27 seconds.
    /// Costs about as much as a few hundred look-ups.
    public init(name: String, tzif: [UInt8]) throws(TZifError) {
        let history = ZoneHistory(try TZifFile(tzif))
        self.init(
            name: name,
            byLocal: StepFunction(changes: history.localChanges) { history.offset(atLocal: $0) },
            byUTC: StepFunction(changes: history.utcChanges) { history.offset(atUTC: $0) })
    }

    private init(name: String, byLocal: StepFunction, byUTC: StepFunction) {
        self.name = name
        self.byLocal = byLocal
        self.byUTC = byUTC
    }

    /// The UTC seconds at which clocks of the zone show `local`, itself counted as if it were UTC.
    ///
    /// A time that occurs twice is its first occurrence; a time that a change skips is read with
    /// the offset from before the change. This is Python's `zoneinfo` with `fold=0`.
    public func utcSeconds(fromLocal local: Int64) -> Int64 {
        local - Int64(byLocal.offset(at: local))
    }

    /// Seconds to add to the UTC seconds `utc` for the local time, positive east of Greenwich.
    public func offsetSeconds(atUTC utc: Int64) -> Int32 {
        byUTC.offset(at: utc)
    }

    private static func fixedName(offsetSeconds: Int32) -> String {
        guard offsetSeconds != 0 else { return "UTC" }
        let magnitude = Int(offsetSeconds.magnitude)
        func twoDigits(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let second = magnitude % 60
        return (offsetSeconds < 0 ? "-" : "+") + twoDigits(magnitude / 3_600) + ":"
            + twoDigits(magnitude / 60 % 60) + (second == 0 ? "" : ":" + twoDigits(second))
    }
}

// MARK: - Steps

/// An offset as a function of time that changes at few moments.
private struct StepFunction: Sendable {
    /// `starts[0]` is not looked at: the first step also holds for all time before it.
    private var starts: [Int64]
    private var offsets: [Int32]

    init(offset: Int32) {
        starts = [ZoneHistory.window.lowerBound]
        offsets = [offset]
    }

    /// Samples `offset` at every moment where it may change; `changes` needs no order.
    init(changes: [Int64], offset: (Int64) -> Int32) {
        self.init(offset: offset(ZoneHistory.window.lowerBound))
        for change in changes.sorted() where ZoneHistory.window.contains(change) {
            let next = offset(change)
            guard next != offsets[offsets.count - 1] else { continue }
            starts.append(change)
            offsets.append(next)
        }
    }

    func offset(at moment: Int64) -> Int32 {
        var low = 0
        var high = starts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= moment { low = middle } else { high = middle }
        }
        return offsets[low]
    }
}
