/// A region with a numbering plan of its own, by its ISO 3166-1 code: the region from which a number
/// without a country calling code is taken to be dialled.
public struct PhoneRegion: Hashable, Sendable, CustomStringConvertible {
    /// The two letters, the first in the high byte.
    let packed: UInt16

    /// Looks up a two-letter code in either case; `nil` if no numbering plan is known under it.
    public init?(_ code: String) {
        var packed: UInt16 = 0
        guard code.utf8.count == 2 else { return nil }
        for byte in code.utf8 { packed = packed << 8 | UInt16(byte & 0xDF) }
        guard Self.known.contains(packed) else { return nil }
        self.packed = packed
    }

    /// The code in upper case, for example `AE`.
    public var code: String {
        String(decoding: [UInt8(packed >> 8), UInt8(packed & 0xFF)], as: UTF8.self)
    }

    public var description: String { code }

    private static let known: Set<UInt16> = {
        let text: StaticString = """
            ACADAEAFAGAIALAMAOARASATAUAWAXAZBABBBDBEBFBGBHBIBJ\
            BLBMBNBOBQBRBSBTBWBYBZCACCCDCFCGCHCICKCLCMCNCOCRCU\
            CVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGA\
            GBGDGEGFGGGHGIGLGMGNGPGQGRGTGUGWGYHKHNHRHTHUIDIEIL\
            IMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLC\
            LILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMT\
            MUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPK\
            PLPMPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSM\
            SNSOSRSSSTSVSXSYSZTATCTDTGTHTJTKTLTMTNTOTRTTTVTWTZ\
            UAUGUSUYUZVAVCVEVGVIVNVUWFWSXKYEYTZAZMZW
            """
        let bytes = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        return Set(
            stride(from: 0, to: bytes.count, by: 2).map { index in
                UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1])
            })
    }()
}
