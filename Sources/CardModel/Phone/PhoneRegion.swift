/// A region with a numbering plan of its own, by its ISO 3166-1 code: the region from which a
/// number without a country calling code is taken to be dialled.
public struct PhoneRegion: Hashable, Sendable, CustomStringConvertible {
    /// The region's place in `PhonePlan.all`.
    private let index: UInt8

    var plan: PhonePlan { PhonePlan.all[Int(index)] }

    /// Looks up a two-letter code in either case; `nil` if no numbering plan is known under it.
    public init?(_ code: String) {
        guard code.utf8.count == 2 else { return nil }
        // Clearing this bit makes ASCII letters upper case, and nothing else an upper-case letter.
        let letters = code.utf8.reduce(into: UInt16(0)) { $0 = $0 << 8 | UInt16($1 & 0xDF) }
        guard letters != PhonePlan.worldwide,
            let index = PhonePlan.all.firstIndex(where: { $0.region == letters })
        else { return nil }
        self.index = UInt8(index)
    }

    /// The code in upper case, for example `AE`.
    public var code: String {
        String(decoding: [UInt8(plan.region >> 8), UInt8(plan.region & 0xFF)], as: UTF8.self)
    }

    public var description: String { code }
}
