import CardFeeds
import CardModel
import Testing

@Suite struct TimeZoneDirectoryTests {
    /// Names of one, two and three parts, and a link.
    @Test(arguments: ["UTC", "Asia/Dubai", "America/Argentina/Ushuaia", "Etc/GMT+5", "US/Eastern"])
    func rules_areRead_ofZonesThatThereAre(_ name: String) throws {
        _ = try TimeZoneDirectory.rules(named: name)
    }

    /// A name cannot leave the directory, nor be anything else than a zone's.
    @Test(arguments: [
        "", "/", "../../etc/passwd", "..", ".", "Asia/../UTC", "Asia/./Dubai", "/etc/localtime",
        "/usr/share/zoneinfo/UTC", "Asia//Dubai", "Asia/", "Asia/Dubai/", "UTC\u{0}", "UTC ",
        "UTC\n", "zone.tab", "Ásia/Dubai", "UTC\\..", String(repeating: "a", count: 65),
    ])
    func rules_areRefused_whenTheNameIsNone(_ name: String) {
        let error = #expect(throws: TimeZoneDirectoryError.self) {
            try TimeZoneDirectory.rules(named: name)
        }
        #expect(error == .notAName(name))
    }

    /// Names that could be zones but are not: unknown, a folder, a file of another kind.
    @Test(arguments: [
        ("Mars/Base", "No such file or directory"), ("asia/dubai", "No such file or directory"),
        ("Asia", "not a regular file"), ("UTC/UTC", "Not a directory"),
        ("leapseconds", "not a time zone file: it does not begin with TZif"),
    ])
    func rules_areRefused_whenThereIsNoSuchZone(_ name: String, _ reason: String) {
        let error = #expect(throws: TimeZoneDirectoryError.self) {
            try TimeZoneDirectory.rules(named: name)
        }
        #expect(error == .unreadable(name, reason: reason))
        #expect(error?.description.contains("'\(name)'") == true)
    }
}
