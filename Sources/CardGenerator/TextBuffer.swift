/// The bytes of one row, or of one line of JSON, in the making.
///
/// Room is fixed and every write is checked against it, so the pointer never leads outside. The
/// buffer is not copyable and lends its bytes to a closure only.
struct TextBuffer: ~Copyable {
    private let bytes: UnsafeMutablePointer<UInt8>
    private let capacity: Int
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = capacity
        bytes = .allocate(capacity: capacity)
    }

    deinit {
        bytes.deallocate()
    }

    mutating func removeAll() {
        count = 0
    }

    @inline(__always)
    private mutating func grow(by added: Int) -> UnsafeMutablePointer<UInt8> {
        precondition(added <= capacity - count, "a row is longer than any row can be")
        defer { count += added }
        return bytes + count
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        grow(by: 1).pointee = byte
    }

    @inline(__always)
    mutating func append(_ text: StaticString) {
        let length = text.utf8CodeUnitCount
        grow(by: length).update(from: text.utf8Start, count: length)
    }

    mutating func append(_ text: [UInt8]) {
        text.withUnsafeBufferPointer { text in
            guard let start = text.baseAddress else { return }
            grow(by: text.count).update(from: start, count: text.count)
        }
    }

    mutating func append(repeating byte: UInt8, count length: Int) {
        grow(by: length).update(repeating: byte, count: length)
    }

    /// The decimal digits of `value`, at least `width` of them.
    mutating func append(decimal value: UInt64, width: Int = 1) {
        var length = 1
        var limit: UInt64 = 10
        while length < 20, value >= limit || length < width {
            length += 1
            if length < 20 { limit &*= 10 }
        }
        let start = grow(by: length)
        var rest = value
        for index in stride(from: length - 1, through: 0, by: -1) {
            let quotient = rest / 10
            start[index] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest &- quotient &* 10)
            rest = quotient
        }
    }

    /// Two digits; `value` is at most 99.
    @inline(__always)
    mutating func append(twoDigits value: Int) {
        let start = grow(by: 2)
        start[0] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value / 10)
        start[1] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value % 10)
    }

    @inline(__always)
    mutating func append(_ other: borrowing TextBuffer) {
        grow(by: other.count).update(from: other.bytes, count: other.count)
    }

    mutating func replace(at index: Int, _ change: (UInt8) -> UInt8) {
        precondition(index >= 0 && index < count, "index past the end of a row")
        bytes[index] = change(bytes[index])
    }

    borrowing func withBytes<R>(_ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
        body(UnsafeBufferPointer(start: bytes, count: count))
    }
}
