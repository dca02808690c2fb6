public import CardModel

/// What a partner's file means: which column is what, and how its texts are to be read.
public struct FeedProfile: Sendable {
    /// Part of every event's identity: it stays when anything else about the feed changes.
    public let id: FeedID
    /// What people call the feed.
    public let title: String
    /// Patterns for file names; see ``FileNamePattern``.
    public let fileNames: [FileNamePattern]
    public let kind: Kind
    /// nil for a feed of customers.
    let cardStatus: CardStatus?
    /// Where phones without a country code belong.
    public let region: PhoneRegion
    /// Where timestamps without an offset belong.
    public let timeZone: TimeZoneRules
    public let timestampFormats: [TimestampFormat]
    /// The byte between fields; nil finds it from the header.
    public let delimiter: UInt8?
    public let encoding: Encoding
    public let columns: [Column: ColumnRule]
    /// Numbers that mean "no phone".
    public let placeholderPhones: Set<PhoneNumber>
    /// Whether an ID may look like a payment card's number.
    public let allowsCardNumbers: Bool
    public let format: Format
    /// Where the records of a document of JSON or XML are: names from the outside inwards.
    public let records: String
    /// Where the fields of a customer are in a record; empty for a feed of cards.
    public let customerFields: [CustomerField: [String]]
    /// Where a server gets the feed's data.
    public let source: FeedSource

    /// What every row of a feed of cards says happened to its card.
    public var status: CardStatus {
        guard let cardStatus else { preconditionFailure("customers have no status") }
        return cardStatus
    }

    /// What the feed is about.
    public enum Kind: String, CaseIterable, Sendable {
        case cards
        case customers
    }

    /// What the feed's files and documents are.
    public enum Format: String, CaseIterable, Sendable {
        case csv
        case json
        case xml
    }

    /// What a column can be.
    public enum Column: String, CaseIterable, Sendable {
        case cardID = "card_id"
        case phone
        case occurredAt = "occurred_at"
        case comment
        case reference

        /// Without these a row says nothing.
        var isEssential: Bool { self == .cardID || self == .occurredAt }
    }

    /// How a feed's files are encoded, unless a byte order mark says something else.
    public enum Encoding: String, CaseIterable, Sendable {
        /// UTF-8, or UTF-16 where the header shows it.
        case auto
        case utf8 = "utf-8"
        /// Of the byte order that the header shows, else little endian.
        case utf16 = "utf-16"
        /// ISO 8859-1.
        case latin1 = "latin-1"
    }

    /// How a column is found in a header, or a field in a record.
    public struct ColumnRule: Sendable {
        /// Titles, of which the header must have one; compared by ``HeaderName``. In records,
        /// paths of which the first one counts that is there.
        public let titles: [String]
        /// A file without the column is refused.
        public let isRequired: Bool
    }
}

/// A column's title as it is compared: without surrounding white space and quotes, in lower case,
/// with every run of white space as one space.
struct HeaderName: Hashable {
    let text: String

    init(_ title: String) {
        let trimmed = title.lowercased().filter { $0 != "\"" && $0 != "\u{FEFF}" }
        text = trimmed.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}

/// A pattern for file names: `*` stands for any characters, case does not matter, and a space, `_`
/// and `-` are the same. `*delivery exception*` matches `2023_Delivery-Exceptions.CSV`.
public struct FileNamePattern: Sendable, CustomStringConvertible {
    public let description: String
    private let parts: [[Character]]

    public init(_ pattern: String) {
        description = pattern
        parts = Self.canonical(pattern).split(separator: "*", omittingEmptySubsequences: false)
            .map(Array.init)
    }

    public func matches(_ fileName: String) -> Bool {
        var rest = Self.canonical(fileName)[...]
        guard let first = parts.first, rest.starts(with: first) else { return false }
        rest = rest.dropFirst(first.count)
        if parts.count == 1 { return rest.isEmpty }
        // The leftmost place is right for every part but the last, which must end the name.
        for part in parts.dropFirst().dropLast() {
            guard let end = Self.firstEnd(of: part, in: rest) else { return false }
            rest = rest[end...]
        }
        let last = parts[parts.count - 1]
        return rest.count >= last.count && rest.suffix(last.count).elementsEqual(last)
    }

    private static func firstEnd(of part: [Character], in text: ArraySlice<Character>) -> Int? {
        var start = text.startIndex
        while start + part.count <= text.endIndex {
            if text[start...].starts(with: part) { return start + part.count }
            start += 1
        }
        return nil
    }

    private static func canonical(_ text: String) -> [Character] {
        text.lowercased().map { $0 == "_" || $0 == "-" ? " " : $0 }
    }
}

/// The feeds that a program knows.
public struct FeedSet: Sendable {
    public let profiles: [FeedProfile]

    public init(_ profiles: [FeedProfile]) {
        self.profiles = profiles
    }

    /// The feed with that id.
    public func profile(named id: String) throws(FeedError) -> FeedProfile {
        guard let profile = profiles.first(where: { $0.id.description == id }) else {
            throw .unknownFeed(id, known: profiles.map(\.id.description))
        }
        return profile
    }

    /// The one feed whose patterns match the file's name, with or without an ending `.gz`.
    public func profile(forFileNamed fileName: String) throws(FeedError) -> FeedProfile {
        let isCompressed = fileName.lowercased().hasSuffix(".gz")
        let names = isCompressed ? [fileName, String(fileName.dropLast(3))] : [fileName]
        let matching = profiles.filter { profile in
            profile.fileNames.contains { names.contains(where: $0.matches) }
        }
        guard let profile = matching.first else {
            throw .noFeed(
                fileName: fileName,
                patterns: profiles.map { profile in
                    "\(profile.id): \(profile.fileNames.map { "'\($0)'" }.joined(separator: ", "))"
                })
        }
        guard matching.count == 1 else {
            throw .severalFeeds(
                fileName: fileName, feeds: matching.map(\.id.description))
        }
        return profile
    }
}

/// Why no feed could be chosen for a file.
public enum FeedError: Error, Equatable, Sendable, CustomStringConvertible {
    case unknownFeed(String, known: [String])
    case noFeed(fileName: String, patterns: [String])
    case severalFeeds(fileName: String, feeds: [String])

    public var description: String {
        switch self {
        case .unknownFeed(let id, []):
            "there is no feed '\(id)'; the configuration has no feeds"
        case .noFeed(let fileName, []):
            "no feed matches the file name '\(fileName)'; the configuration has no feeds"
        case .unknownFeed(let id, let known):
            "there is no feed '\(id)'; the feeds are \(known.joined(separator: ", "))"
        case .noFeed(let fileName, let patterns):
            "no feed matches the file name '\(fileName)'; name one with --feed, or rename the file"
                + " (\(patterns.joined(separator: "; ")))"
        case .severalFeeds(let fileName, let feeds):
            "the file name '\(fileName)' matches several feeds (\(feeds.joined(separator: ", ")));"
                + " name one with --feed"
        }
    }
}
