/// How a file's characters lie in its bytes.
public enum TextEncoding: Equatable, Sendable {
    case utf8
    case utf16LittleEndian
    case utf16BigEndian
    /// ISO 8859-1: each byte is the scalar of its value.
    case latin1

    /// How much of a file's start should be looked at: enough of a first line to see its zeros.
    public static let startBytesMax = 4_096

    /// The encoding that a byte order mark at the start names; nil when there is none.
    ///
    /// The mark of UTF-32 in little endian begins with that of UTF-16; here it is taken for that.
    public static func marked(at start: Span<UInt8>) -> TextEncoding? {
        guard start.count >= 2 else { return nil }
        switch (start[0], start[1]) {
        case (0xFF, 0xFE): return .utf16LittleEndian
        case (0xFE, 0xFF): return .utf16BigEndian
        case (0xEF, 0xBB): return start.count >= 3 && start[2] == 0xBF ? .utf8 : nil
        default: return nil
        }
    }

    /// UTF-16 as its first line shows it without a mark; nil when that does not.
    ///
    /// Delimiters and the letters of most titles are ASCII, and each of these has a zero byte, all
    /// in even places or all in odd ones. Other text has no zeros at all. So the line must have
    /// them in one kind of place only, and in at least a quarter of its bytes: titles in other
    /// scripts have fewer than Latin ones.
    public static func utf16ByZeros(in start: Span<UInt8>) -> TextEncoding? {
        var evenZeros = 0
        var oddZeros = 0
        var count = 0
        while count < start.count, start[count] != Byte.lineFeed {
            if start[count] == 0 {
                if count.isMultiple(of: 2) { evenZeros += 1 } else { oddZeros += 1 }
            }
            count += 1
        }
        guard (evenZeros == 0) != (oddZeros == 0), evenZeros + oddZeros >= count / 4 else {
            return nil
        }
        return evenZeros == 0 ? .utf16LittleEndian : .utf16BigEndian
    }
}
