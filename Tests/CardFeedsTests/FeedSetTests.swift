import CardFeeds
import CardModel
import Testing

/// Which feed a file belongs to.
@Suite struct FeedSetTests {
    struct Case: Sendable {
        let pattern: String
        let name: String
        let matches: Bool

        init(_ pattern: String, _ name: String, _ matches: Bool) {
            self.pattern = pattern
            self.name = name
            self.matches = matches
        }
    }

    /// What stars, case, spaces, underscores and dashes mean in a pattern.
    @Test(arguments: [
        Case("a.csv", "a.csv", true), Case("a.csv", "A.CSV", true), Case("a.csv", "a.csv2", false),
        Case("a.csv", "ba.csv", false), Case("*", "", true), Case("*", "anything", true),
        Case("**", "x", true), Case("a*", "a", true), Case("a*", "ab", true),
        Case("a*", "ba", false), Case("*a", "ba", true), Case("*a", "ab", false),
        Case("*a*", "bab", true), Case("*a*", "bbb", false), Case("a*a", "a", false),
        Case("a*a", "aa", true), Case("a*a", "aba", true), Case("a*b*c", "a1b2c", true),
        Case("a*b*c", "a1c2b", false), Case("*ab*ab", "ab", false), Case("*ab*ab", "abab", true),
        Case("*ab*b", "abb", true), Case("*ab*b", "ab", false), Case("*aab*", "aaab", true),
        Case("*delivery exception*", "2023_Delivery-Exceptions.CSV", true),
        Case("*delivery exception*", "deliveryexceptions.csv", false),
        Case("a-b_c d", "a b c-d", true), Case("été*", "E\u{301}TE\u{301} 1.csv", true),
        Case("a?.csv", "ab.csv", false), Case("[a].csv", "a.csv", false),
    ])
    func matches_ofAPattern(_ example: Case) {
        #expect(FileNamePattern(example.pattern).matches(example.name) == example.matches)
        #expect(FileNamePattern(example.pattern).description == example.pattern)
    }

    /// Many stars do not make it slow: the leftmost place of each part is the right one.
    @Test func matches_ends_whenAPatternHasManyStars() {
        let pattern = FileNamePattern(String(repeating: "*a", count: 100) + "*b")
        #expect(!pattern.matches(String(repeating: "a", count: 5_000)))
        #expect(pattern.matches(String(repeating: "a", count: 5_000) + "b"))
    }

    /// The samples' names and what partners make of them.
    @Test(arguments: [
        ("Sample Card Status Info - Pickup.csv", "pickup"),
        ("Sample Card Status Info - Delivery exceptions.csv", "delivery-exceptions"),
        ("Sample Card Status Info - Delivered.csv", "delivered"),
        ("Sample Card Status Info - Returned.csv", "returned"),
        ("2024-01-02_DELIVERY_EXCEPTION_07.CSV", "delivery-exceptions"),
        ("pickup", "pickup"), ("pickup.csv.gz", "pickup"), ("Pickup.GZ", "pickup"),
    ])
    func profile_isFound_byTheFilesName(_ name: String, _ feed: String) throws {
        #expect(try FeedSet.samples.profile(forFileNamed: name).id.description == feed)
    }

    /// A file that two feeds claim, or none, is not guessed at.
    @Test func profile_isRefused_whenNoneOrSeveralMatch() {
        let several = #expect(throws: FeedError.self) {
            try FeedSet.samples.profile(forFileNamed: "returned and delivered.csv")
        }
        #expect(
            several?.description == "the file name 'returned and delivered.csv' matches several"
                + " feeds (delivered, returned); name one with --feed")
        let none = #expect(throws: FeedError.self) {
            try FeedSet.samples.profile(forFileNamed: "notes.csv")
        }
        #expect(
            none?.description == "no feed matches the file name 'notes.csv'; name one with --feed,"
                + " or rename the file (pickup: '*pickup*'; delivery-exceptions:"
                + " '*delivery exception*'; delivered: '*delivered*'; returned: '*returned*')")
        let unknown = #expect(throws: FeedError.self) {
            try FeedSet.samples.profile(named: "Pickup")
        }
        #expect(
            unknown?.description == "there is no feed 'Pickup'; the feeds are pickup,"
                + " delivery-exceptions, delivered, returned")
    }
}
