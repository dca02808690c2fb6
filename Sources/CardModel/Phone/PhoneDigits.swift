/// The digits of a phone number on their way through the numbering plans, in place and in order.
///
/// Holds up to 64 digits and drops the rest. That changes no answer: prefixes take at most about
/// 25 digits off a number and 17 may remain, so anything near 64 digits is too long either way.
struct PhoneDigits {
    private var storage = InlineArray<64, UInt8>(repeating: 0)
    private var start = 0
    private var end = 0

    var count: Int { end - start }

    /// The value, 0 to 9, of the digit at an offset from the first one left.
    subscript(offset: Int) -> UInt8 { storage[start + offset] }

    mutating func append(_ digit: UInt8) {
        guard end < storage.count else { return }
        storage[end] = digit
        end += 1
    }

    mutating func removeFirst(_ n: Int) {
        precondition(n <= count, "A prefix was matched beyond the digits there are.")
        start += n
    }

    /// The first `n` digits as an integer; `n` is at most 19.
    func value(first n: Int) -> UInt64 {
        var value: UInt64 = 0
        for offset in 0..<n { value = value * 10 + UInt64(self[offset]) }
        return value
    }

    /// Takes a country calling code that is in use off the front; 0 if there is none.
    ///
    /// Calling codes are prefix-free, so the shortest one found is the only one.
    mutating func removeCallingCode() -> Int {
        guard count > 0, self[0] != 0 else { return 0 }
        var code = 0
        for offset in 0..<min(count, 3) {
            code = code * 10 + Int(self[offset])
            if PhonePlan.main(callingCode: code) != nil {
                removeFirst(offset + 1)
                return code
            }
        }
        return 0
    }
}
