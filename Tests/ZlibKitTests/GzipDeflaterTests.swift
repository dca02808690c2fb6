import Testing
import ZlibKit

@Suite struct GzipDeflaterTests {
    private static let text = Array(String(repeating: "a line of text\n", count: 20_000).utf8)

    private static func unpacked(_ packed: [UInt8]) throws -> [UInt8] {
        var inflater = GzipInflater()
        var room = [UInt8](repeating: 0, count: 1 << 20)
        let result = try packed.withUnsafeBytes { packed in
            try room.withUnsafeMutableBytes { try inflater.inflate(packed, into: $0) }
        }
        try inflater.finish()
        #expect(result.consumed == packed.count)
        return Array(room.prefix(result.written))
    }

    private static func pack(_ bytes: [UInt8], _ deflater: inout GzipDeflater) -> [UInt8] {
        var packed: [UInt8] = []
        bytes.withUnsafeBytes { bytes in deflater.deflate(bytes) { packed += $0 } }
        deflater.finish { packed += $0 }
        return packed
    }

    /// Every level gives a member that unpacks to what went in.
    @Test(arguments: [GzipDeflater.Level.fastest, .balanced, .smallest])
    func member_unpacksToWhatWentIn(level: GzipDeflater.Level) throws {
        for bytes in [[], Array(Self.text.prefix(1)), Self.text] {
            var deflater = GzipDeflater(level: level)
            #expect(try Self.unpacked(Self.pack(bytes, &deflater)) == bytes)
        }
    }

    /// After a reset the next member is as a new deflater's, whether the last was finished or given
    /// up halfway.
    @Test func reset_beginsAnotherMember() throws {
        var new = GzipDeflater(level: .fastest)
        let expected = Self.pack(Self.text, &new)
        var deflater = GzipDeflater(level: .fastest)
        _ = Self.pack(Array(Self.text.reversed()), &deflater)
        deflater.reset()
        #expect(Self.pack(Self.text, &deflater) == expected)
        deflater.reset()
        Array(Self.text.prefix(70_000)).withUnsafeBytes { bytes in
            deflater.deflate(bytes) { _ in }
        }
        deflater.reset()
        #expect(Self.pack(Self.text, &deflater) == expected)
    }
}
