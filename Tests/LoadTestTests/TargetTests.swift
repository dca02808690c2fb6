import Testing

@testable import LoadTest

struct TargetTests {
    /// Addresses that are read, whether they are this machine, and the path.
    @Test(
        arguments: [
            ("http://127.0.0.1:8080", true, "127.0.0.1:8080", nil),
            ("http://localhost/a?b=c", true, "localhost", "/a?b=c"),
            ("http://[::1]:9/", true, "[::1]:9", "/"),
            ("http://127.9.9.9", true, "127.9.9.9", nil),
            ("http://192.0.2.1:80/x", false, "192.0.2.1:80", "/x"),
            ("http://[2001:db8::1]", false, "[2001:db8::1]", nil),
            ("http://0.0.0.0:80", false, "0.0.0.0:80", nil),
            ("unix:/run/a.sock", true, "localhost", nil),
            ("unix:/run/a.sock:/api/x", true, "localhost", "/api/x"),
        ] as [(String, Bool, String, String?)])
    func init_reads_whatNamesAnAddress(
        _ text: String, _ isLocal: Bool, _ host: String, _ path: String?
    ) throws {
        let target = try Target(text)
        #expect(target.isLocal == isLocal)
        #expect(target.host == host)
        #expect(target.path == path)
    }

    /// What cannot be meant, and names, which are not looked up.
    @Test(arguments: [
        "", "127.0.0.1:80", "https://127.0.0.1", "http://", "http://example.org/",
        "http://127.0.0.1:0", "http://127.0.0.1:65536", "http://127.0.0.1:", "http://127.1",
        "http://[::1", "http://[::1]x", "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: y",
        "unix:", "unix:/" + String(repeating: "x", count: 107), "unix:/a:/b c",
    ])
    func init_refuses_whatIsNoAddress(_ text: String) {
        #expect(throws: Target.Failure.self) { try Target(text) }
    }

    /// A name with parentheses does not move the fields.
    @Test
    func parse_findsTheTimes_whateverTheProgramsName() {
        let stat = "42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 250 30 0 0 20 0 4 0 99"
        #expect(
            ServerCPU.parse(stat, ticksPerSecond: 100)
                == CPUTime(userSeconds: 2.5, systemSeconds: 0.3))
        #expect(ServerCPU.parse("42 (x) S 1 2", ticksPerSecond: 100) == nil)
    }
}
