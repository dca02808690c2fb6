/// The raw bytes after a target's `?`, taken apart at `&` and the first `=` of each part. Nothing
/// is decoded: values go to `PercentDecoding`, so that the caller decides what a `+` means.
///
/// It points into its request and is valid as long as that.
public struct Query {
    public let bytes: UnsafeBufferPointer<UInt8>

    public init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
    }

    /// The encoded value of the first parameter with this name, or nil; `name` without `=` has an
    /// empty value. A name may be percent-encoded in the request. Walks the query, allocates
    /// nothing.
    public func value(_ name: StaticString) -> UnsafeBufferPointer<UInt8>? {
        var found: UnsafeBufferPointer<UInt8>?
        forEach { candidate, value in
            guard found == nil, Query.isName(candidate, name) else { return }
            found = value
        }
        return found
    }

    /// How often a parameter occurs, for callers to whom a repeated one is an error.
    public func count(_ name: StaticString) -> Int {
        var count = 0
        forEach { candidate, _ in
            if Query.isName(candidate, name) { count += 1 }
        }
        return count
    }

    /// Calls `body` with the encoded name and value of every parameter in order; empty parts are
    /// skipped.
    public func forEach(
        _ body: (_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) -> Void
    ) {
        var start = 0
        while start < bytes.count {
            var end = start
            var equals: Int?
            while end < bytes.count, bytes[end] != UInt8(ascii: "&") {
                if bytes[end] == UInt8(ascii: "="), equals == nil { equals = end }
                end += 1
            }
            if end > start {
                let nameEnd = equals ?? end
                let valueStart = equals.map { $0 + 1 } ?? end
                body(
                    UnsafeBufferPointer(rebasing: bytes[start..<nameEnd]),
                    UnsafeBufferPointer(rebasing: bytes[valueStart..<end]))
            }
            start = end + 1
        }
    }

    private static func isName(_ encoded: UnsafeBufferPointer<UInt8>, _ name: StaticString) -> Bool
    {
        var offset = 0
        var matched = 0
        while offset < encoded.count {
            do throws(PercentDecodingError) {
                let byte = try PercentDecoding.nextByte(of: encoded, at: &offset, plus: .space)
                guard matched < name.utf8CodeUnitCount, name.utf8Start[matched] == byte else {
                    return false
                }
                matched += 1
            } catch {
                // A name that cannot be decoded is no name that we know.
                return false
            }
        }
        return matched == name.utf8CodeUnitCount
    }
}
