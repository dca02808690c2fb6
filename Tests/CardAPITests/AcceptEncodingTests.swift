import Testing

@testable import CardAPI

struct AcceptEncodingTests {
    private static func prefersGzip(_ value: String) -> Bool {
        Array(value.utf8).withUnsafeBufferPointer { AcceptEncoding($0).prefersGzip }
    }

    /// A list that has gzip, by its name or another's, with a weight above nothing.
    @Test(arguments: [
        "gzip", "GZip", "x-gzip", "*", "gzip, deflate, br", "br,gzip", " \tgzip\t", "gzip;q=1",
        "gzip;q=0.001", "gzip; q=0.5", "gzip ;\tQ=0.5", "gzip;q=1.000", "gzip;q=1.", "br, *;q=0.1",
        "identity, gzip", "identity;q=0.5, gzip;q=0.5", "identity;q=0, gzip;q=0.1",
        "*;q=0, gzip", "gzip;q=0.2, *;q=0", ",,gzip,,", "gzip;q=0, x-gzip",
        "zstd;q=x, gzip", "deflate, gzip;q=1.0, *;q=0.5",
    ])
    func prefersGzip_isTrue_whenTheListHasIt(value: String) {
        #expect(Self.prefersGzip(value))
    }

    /// Nothing, other codings, a weight of nothing, a weight that is none, or plain rather than
    /// packed.
    @Test(arguments: [
        "", " ", ",", "identity", "br", "deflate, br;q=1.0", "gzip;q=0", "gzip;q=0.",
        "gzip;q=0.000", "*;q=0",
        "gzip;q=0, *", "x-gzip;q=0", "gzip2", "gz ip", "gzi", "q=1", "gzip;q=1.001", "gzip;q=2",
        "gzip;q=0.0001", "gzip;q=.5", "gzip;q=", "gzip;q", "gzip;", "gzip;v=1", "gzip;q=-1",
        "gzip;q=0,5", "gzip;q=1;x=2", "identity, gzip;q=0.5", "identity;q=1, *;q=0.9",
        "gzip;q=0.5, *", "\"gzip\"", "gzip;q=\"1\"",
    ])
    func prefersGzip_isFalse_whenItDoesNot(value: String) {
        #expect(!Self.prefersGzip(value))
    }
}
