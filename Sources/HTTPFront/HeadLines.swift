import CMicroHTTPD

/// Whether the lines of a head lie one behind the other as they should.
///
/// libmicrohttpd 0.9.75 takes a bare LF and a bare CR for the end of a line, joins folded lines,
/// and reads a line as a C string, so that a zero byte hides the rest of it. A proxy in front that
/// reads any of these otherwise sees other headers than we do. Nothing tells a handler, but it
/// shows in where things lie: the parser puts a zero byte for each of CR and LF and copies nothing
/// but folded lines. So the next line begins exactly two bytes behind the end of one, or something
/// was hidden.
///
/// From 1.0 on the library is strict by itself and lays its lines out otherwise.
struct HeadLines {
    /// Whether the library that runs is one whose layout is known.
    private static let isKnownLayout =
        MHD_get_version().map { version in
            version[0] == 0x30 && version[1] == 0x2E
        } ?? false

    /// Of the request line.
    private var start: UnsafeRawPointer?
    private var targetStart: UnsafeRawPointer?
    private var targetEnd: UnsafeRawPointer?
    /// Nil when it is not known.
    private var next: UnsafeRawPointer?

    /// When the request line was read.
    mutating func begin(_ target: UnsafePointer<CChar>, count: Int) {
        targetStart = UnsafeRawPointer(target)
        targetEnd = UnsafeRawPointer(target) + count
    }

    /// Whether the request line is a method, a target and a version with one space between each.
    mutating func acceptsRequestLine(
        _ method: UnsafePointer<CChar>, _ methodCount: Int, _ version: UnsafePointer<CChar>
    ) -> Bool {
        next = nil
        guard Self.isKnownLayout, let targetStart, let targetEnd else { return true }
        start = UnsafeRawPointer(method)
        next = UnsafeRawPointer(version) + Self.versionCount + 2
        return UnsafeRawPointer(method) + methodCount + 1 == targetStart
            && targetEnd + 1 == UnsafeRawPointer(version)
    }

    /// Of `HTTP/1.1` and its like; the library accepts no other length.
    private static let versionCount = 8

    /// Whether a header lies where the line before says.
    @inline(__always)
    mutating func acceptsHeader(
        _ name: UnsafePointer<CChar>, _ value: UnsafePointer<CChar>?, _ valueCount: Int
    ) -> Bool {
        let isInPlace = next == nil || next == UnsafeRawPointer(name)
        next = next == nil ? nil : value.map { UnsafeRawPointer($0) + valueCount + 2 }
        return isInPlace
    }

    /// Whether the whole head is what was seen of it, and CR and LF twice.
    ///
    /// - Parameter byteCount: of the head; 0 when it is not known.
    @inline(__always)
    func acceptsEnd(byteCount: Int) -> Bool {
        guard let next, let start, byteCount > 0 else { return true }
        return start + byteCount == next + 2
    }
}
