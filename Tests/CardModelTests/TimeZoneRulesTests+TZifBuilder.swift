/// Writes TZif files, also wrong ones.
struct TZifBuilder {
    var magic = "TZif"
    var version = UInt8(ascii: "2")
    var transitions: [(utc: Int64, type: UInt8)] = []
    var types: [(offset: Int32, isDaylight: Bool)] = [(0, false)]
    var designations: [UInt8] = Array("AAA\0BBB\0".utf8)
    var leapSeconds: [(utc: Int64, correction: Int32)] = []
    var utIndicators: [UInt8] = []
    var footer = ""
    /// Written in place of the true count of transitions.
    var claimedTransitions: UInt32?

    /// From version 2 on the first block is empty but for what a header must count.
    var bytes: [UInt8] {
        guard version != 0 else { return block(timeSize: 4) }
        var first = TZifBuilder()
        first.version = version
        first.magic = magic
        return first.block(timeSize: 4) + block(timeSize: 8) + Array("\n\(footer)\n".utf8)
    }

    private func block(timeSize: Int) -> [UInt8] {
        var bytes = Array(magic.utf8) + [version] + [UInt8](repeating: 0, count: 15)
        func append(_ value: Int64, _ size: Int) {
            for shift in (0..<size).reversed() {
                bytes.append(UInt8(truncatingIfNeeded: value >> (8 * Int64(shift))))
            }
        }
        append(Int64(utIndicators.count), 4)
        append(0, 4)
        append(Int64(leapSeconds.count), 4)
        append(claimedTransitions.map(Int64.init) ?? Int64(transitions.count), 4)
        append(Int64(types.count), 4)
        append(Int64(designations.count), 4)
        for transition in transitions { append(transition.utc, timeSize) }
        for transition in transitions { append(Int64(transition.type), 1) }
        for type in types {
            append(Int64(type.offset), 4)
            append(type.isDaylight ? 1 : 0, 1)
            append(type.isDaylight ? 4 : 0, 1)
        }
        bytes += designations
        for leap in leapSeconds {
            append(leap.utc, timeSize)
            append(Int64(leap.correction), 4)
        }
        return bytes + utIndicators
    }
}

extension TZifBuilder {
    /// A zone as no government would decree it, yet one that RFC 9636 allows and that ends in a
    /// footer which agrees with its last transition.
    ///
    /// `Jn` below 60 and `n` are left out: Python 3.11 takes them for other days than POSIX does.
    static func random(using generator: inout some RandomNumberGenerator) -> TZifBuilder {
        var builder = TZifBuilder()
        let standard = Int64.random(in: -46...46, using: &generator) * 900
        // Up to four hours ahead, and sometimes behind.
        let ahead = [3_600, 1_800, 7_200, 14_400, -3_600, 1_200].randomElement(using: &generator)
        let daylight = standard + Int64(ahead ?? 3_600)
        builder.types = [(Int32(standard), false), (Int32(daylight), true)]
        for _ in 0..<Int.random(in: 0...3, using: &generator) {
            let offset = Int32.random(in: -50_000...50_000, using: &generator)
            builder.types.append((offset, Bool.random(using: &generator)))
        }
        builder.types.shuffle(using: &generator)

        var utc = Int64.random(in: 0...1_500_000_000, using: &generator)
        for _ in 0..<Int.random(in: 0...12, using: &generator) {
            let type = UInt8.random(in: 0..<UInt8(builder.types.count), using: &generator)
            builder.transitions.append((utc, type))
            let step: ClosedRange<Int64> =
                Int.random(in: 0..<4, using: &generator) == 0 ? 1...100_000 : 1...60_000_000
            utc += Int64.random(in: step, using: &generator)
        }
        if let standardType = builder.types.firstIndex(where: { $0.offset == Int32(standard) }) {
            builder.transitions.append((utc, UInt8(standardType)))
        }

        builder.footer = "AAA" + west(standard)
        if Int.random(in: 0..<5, using: &generator) > 0 {
            builder.footer += "<+DD>" + west(daylight)
            builder.footer += "," + moment(using: &generator) + "," + moment(using: &generator)
        }
        return builder
    }

    private static func west(_ offset: Int64) -> String {
        let sign = offset > 0 ? "-" : ""
        let magnitude = Int64(offset.magnitude)
        let minute = magnitude / 60 % 60
        return "\(sign)\(magnitude / 3_600):\(minute < 10 ? "0" : "")\(minute)"
    }

    private static func moment(using generator: inout some RandomNumberGenerator) -> String {
        let day: String
        if Int.random(in: 0..<4, using: &generator) == 0 {
            day = "J\(Int.random(in: 60...365, using: &generator))"
        } else {
            let month = Int.random(in: 1...12, using: &generator)
            let week = Int.random(in: 1...5, using: &generator)
            day = "M\(month).\(week).\(Int.random(in: 0...6, using: &generator))"
        }
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: return day
        case 1: return day + "/\(Int.random(in: 0...24, using: &generator)):30"
        default: return day + "/\(Int.random(in: -167...167, using: &generator))"
        }
    }
}
