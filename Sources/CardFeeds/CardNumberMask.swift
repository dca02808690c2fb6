internal import CardModel

/// Hides what looks like a payment card's number, so that none is copied from a partner's file.
///
/// A number may be written in groups with gaps between them, and other digits may stand next to
/// it. So every sequence of neighbouring groups is tried, and all digits but the last four of those
/// are hidden that have 13 to 19 digits and pass the Luhn check.
enum CardNumberMask {
    /// What is taken for a card's number.
    enum Scope {
        /// Whatever passes the check.
        case all
        /// The same without Unix time in milliseconds and phones dialled with `00`, which a person
        /// who mends a row needs to see: one in ten passes the check, but no card's number is like
        /// them.
        case likely
    }

    /// How far from a digit something can stand that decides whether it is hidden: 19 groups with
    /// gaps between them, and a byte that shows where each ends. What is masked in pieces needs
    /// that many bytes around each.
    static let reachBytes = 19 + 18 * gapBytesMax + 1

    private static let gapBytesMax = 3
    /// The digits at a number's end that are not hidden.
    private static let shownDigits = 4

    static func apply(to bytes: inout [UInt8], _ scope: Scope) {
        // Most rows have too few digits for a number, and cost this one pass.
        var digits = 0
        for byte in bytes where isDigit(byte) { digits += 1 }
        if digits < Luhn.cardNumberCounts.lowerBound { return }
        // Found first and hidden last: a digit can be part of several sequences.
        var hidden: [Int] = []
        var groups: [Range<Int>] = []
        groups.reserveCapacity(Luhn.cardNumberCounts.upperBound + 1)
        var index = 0
        while index < bytes.count {
            guard isDigit(bytes[index]) else {
                index += 1
                continue
            }
            let start = index
            while index < bytes.count, isDigit(bytes[index]) { index += 1 }
            if let last = groups.last, !isGap(bytes[last.upperBound..<start]) {
                groups.removeAll(keepingCapacity: true)
            }
            groups.append(start..<index)
            if groups.count > Luhn.cardNumberCounts.upperBound { groups.removeFirst() }
            appendPlaces(of: groups, in: bytes, scope, to: &hidden)
        }
        for place in hidden { bytes[place] = UInt8(ascii: "*") }
    }

    /// Whether the text looks as if a number in it had been hidden: as many stars as the shortest
    /// number has hidden digits, with gaps or without, and then the four digits that stay.
    static func isApplied(to text: Span<UInt8>) -> Bool {
        let starsMin = Luhn.cardNumberCounts.lowerBound - shownDigits
        var stars = 0
        var digits = 0
        var gap: [UInt8] = []
        for index in text.indices {
            let byte = text[index]
            switch byte {
            case UInt8(ascii: "*"):
                if digits > 0 || !isGap(gap[...]) { stars = 0 }
                stars += 1
                digits = 0
                gap = []
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                if !isGap(gap[...]) { stars = 0 }
                digits += 1
                gap = []
                if stars >= starsMin, digits >= shownDigits { return true }
            default:
                if stars > 0 { gap.append(byte) }
            }
        }
        return false
    }

    /// The digits to hide of the numbers that end with the last group.
    private static func appendPlaces(
        of groups: [Range<Int>], in bytes: [UInt8], _ scope: Scope, to hidden: inout [Int]
    ) {
        var count = 0
        for first in groups.indices.reversed() {
            count += groups[first].count
            if count > Luhn.cardNumberCounts.upperBound { return }
            guard count >= Luhn.cardNumberCounts.lowerBound else { continue }
            if scope == .likely, isTimeOrPhone(bytes[groups[first].lowerBound], count: count) {
                continue
            }
            let places = groups[first...].joined()
            var luhn = Luhn()
            for place in places { luhn.append(bytes[place]) }
            if luhn.isCardNumber { hidden.append(contentsOf: places.dropLast(shownDigits)) }
        }
    }

    /// No card's number begins with 0, and the few that begin with 1 have 15 digits.
    private static func isTimeOrPhone(_ first: UInt8, count: Int) -> Bool {
        first == UInt8(ascii: "0") || (first == UInt8(ascii: "1") && count == 13)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    /// A few spaces and dashes, also the no-break space (C2 A0) that spreadsheets leave behind.
    private static func isGap(_ bytes: ArraySlice<UInt8>) -> Bool {
        if bytes.count > gapBytesMax { return false }
        for byte in bytes {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "-"), 0xC2, 0xA0: continue
            default: return false
            }
        }
        return true
    }
}
