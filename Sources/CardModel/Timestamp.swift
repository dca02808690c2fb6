/// A moment in UTC, to the second, from 2000-01-01T00:00:00Z to 2099-12-31T23:59:59Z.
///
/// Four bytes, so that events and index records stay small. A value outside the range cannot be
/// made: whoever holds a `Timestamp` need not check it again.
public struct Timestamp: Comparable, Hashable, Sendable {
    /// 2000-01-01T00:00:00Z
    public static let min = Timestamp(unchecked: 946_684_800)
    /// 2099-12-31T23:59:59Z
    public static let max = Timestamp(unchecked: 4_102_444_799)

    /// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted (POSIX time).
    public let seconds: UInt32

    /// The timestamp of a POSIX time in seconds; nil outside 2000...2099.
    @inlinable
    public init?(seconds: Int64) {
        guard seconds >= 946_684_800, seconds <= 4_102_444_799 else { return nil }
        self.seconds = UInt32(truncatingIfNeeded: seconds)
    }

    private init(unchecked seconds: UInt32) {
        self.seconds = seconds
    }

    @inlinable
    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.seconds < right.seconds
    }
}

// MARK: - Text

extension Timestamp: CustomStringConvertible {
    /// `2023-11-13T09:34:56Z`: always 20 bytes of ASCII. No allocation.
    public var iso8601Bytes: InlineArray<20, UInt8> {
        let date = CivilDate(daysSince1970: Int64(seconds / 86_400))
        let second = seconds % 86_400
        let year = UInt32(truncatingIfNeeded: date.year)
        var bytes = InlineArray<20, UInt8>(repeating: UInt8(ascii: "-"))
        Timestamp.setTwoDigits(&bytes, at: 0, to: year / 100)
        Timestamp.setTwoDigits(&bytes, at: 2, to: year % 100)
        Timestamp.setTwoDigits(&bytes, at: 5, to: UInt32(truncatingIfNeeded: date.month))
        Timestamp.setTwoDigits(&bytes, at: 8, to: UInt32(truncatingIfNeeded: date.day))
        bytes[10] = UInt8(ascii: "T")
        Timestamp.setTwoDigits(&bytes, at: 11, to: second / 3_600)
        bytes[13] = UInt8(ascii: ":")
        Timestamp.setTwoDigits(&bytes, at: 14, to: second / 60 % 60)
        bytes[16] = UInt8(ascii: ":")
        Timestamp.setTwoDigits(&bytes, at: 17, to: second % 60)
        bytes[19] = UInt8(ascii: "Z")
        return bytes
    }

    /// Appends `iso8601Bytes`. Allocates only when `bytes` has no room left.
    public func appendISO8601(to bytes: inout [UInt8]) {
        let text = iso8601Bytes
        text.span.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
    }

    /// `2023-11-13T09:34:56Z`. Makes a String; rows and replies use `appendISO8601(to:)`.
    public var iso8601: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(20)
        appendISO8601(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    public var description: String { iso8601 }

    @inline(__always)
    private static func setTwoDigits(
        _ bytes: inout InlineArray<20, UInt8>, at index: Int, to value: UInt32
    ) {
        bytes[index] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value / 10)
        bytes[index + 1] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value % 10)
    }
}
