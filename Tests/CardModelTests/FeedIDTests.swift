import Testing

@testable import CardModel

struct FeedIDTests {
    /// A feed's name is `[a-z0-9-]{1,32}` and nothing else: no trimming, no change of case.
    @Test(arguments: [
        ("pickup", true), ("a", true), ("-", true), ("feed-2", true),
        ("abcdefghijklmnopqrstuvwxyz-01234", true),
        ("", false), ("Pickup", false), ("a_b", false), (" a", false), ("a.b", false),
        ("é", false),
        ("a\0", false), ("abcdefghijklmnopqrstuvwxyz-012345", false),
    ])
    func init_takesOnlyFeedNames(_ text: String, _ isName: Bool) {
        let feed = FeedID(text)
        #expect(feed?.description == (isName ? text : nil))
        if let feed {
            var bytes: [UInt8] = []
            feed.append(to: &bytes)
            #expect(bytes == Array(text.utf8))
            #expect(feed.count == bytes.count)
        }
    }

    /// Feeds decide between events of one moment and status, so their order is a contract.
    @Test func order_isThatOfTheBytes_prefixFirst() throws {
        let names = ["-", "0", "a", "a-", "a0", "aa", "b", "pickup", "pickup-2"]
        let feeds = try names.map { try #require(FeedID($0)) }
        #expect(feeds.shuffled().sorted() == feeds)
    }
}
