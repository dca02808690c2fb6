/// The credential that was last accepted on a connection, so that one that comes with every request
/// is checked once.
///
/// It is compared in full and in constant time: how long a comparison takes tells nothing of how
/// much of a wrong credential is right.
struct AcceptedCredential {
    static let countMax = 96

    private var bytes = InlineArray<12, UInt64>(repeating: 0)
    /// 0 when there is none.
    private var count = 0
    /// Of the set of keys that it was accepted by.
    private var version: UInt64 = 0
    /// On the monotonic clock.
    private var untilNanos: UInt64 = 0
    /// What it was remembered with.
    private(set) var grant: UInt64 = 0

    /// Whether these bytes were accepted by the keys of this version, for longer than `now`.
    func isValid(
        _ text: UnsafeBufferPointer<UInt8>, version: UInt64, nowNanos: UInt64
    ) -> Bool {
        nowNanos < untilNanos && isEqual(text, version: version)
    }

    private func isEqual(_ text: UnsafeBufferPointer<UInt8>, version: UInt64) -> Bool {
        guard text.count == count, count > 0, version == self.version,
            let base = text.baseAddress
        else { return false }
        let source = UnsafeRawPointer(base)
        var difference: UInt64 = 0
        var offset = 0
        while offset &+ 8 <= count {
            difference |=
                bytes[offset &>> 3] ^ source.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            offset &+= 8
        }
        let tail = Self.tail(source + offset, count &- offset)
        difference |= bytes[offset &>> 3] ^ tail
        return difference == 0
    }

    /// Longer ones are not kept.
    mutating func remember(
        _ text: UnsafeBufferPointer<UInt8>, version: UInt64, grant: UInt64, untilNanos: UInt64
    ) {
        count = 0
        self.grant = grant
        self.untilNanos = untilNanos
        guard let base = text.baseAddress, (1..<Self.countMax).contains(text.count) else { return }
        let source = UnsafeRawPointer(base)
        var offset = 0
        while offset + 8 <= text.count {
            bytes[offset >> 3] = source.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            offset += 8
        }
        bytes[offset >> 3] = Self.tail(source + offset, text.count - offset)
        count = text.count
        self.version = version
    }

    /// Fewer than eight bytes as a word.
    private static func tail(_ text: UnsafeRawPointer, _ count: Int) -> UInt64 {
        var word: UInt64 = 0
        for index in 0..<count {
            word |= UInt64(text.load(fromByteOffset: index, as: UInt8.self)) << UInt64(8 * index)
        }
        return word
    }
}
