internal import CardModel
internal import HTTPFront

/// The parameters of a request as values, or the problem that tells the client what is wrong.
struct RequestParameters {
    struct Failure: Error {
        let message: String

        init(_ message: String) {
            self.message = message
        }
    }

    let query: Query

    /// The decoded value of a parameter; nil when it is not given or empty.
    func text(_ name: StaticString) throws(Failure) -> [UInt8]? {
        guard query.count(name) <= 1 else {
            throw Failure("The parameter '\(name)' is given more than once.")
        }
        guard let value = query.value(name), !value.isEmpty else { return nil }
        var decoded: [UInt8] = []
        do {
            try PercentDecoding.decode(queryValue: value, into: &decoded)
        } catch {
            throw Failure("The parameter '\(name)' is not percent-encoded correctly.")
        }
        return decoded
    }

    func limit(default fallback: Int, max: Int) throws(Failure) -> Int {
        guard let text = try text("limit") else { return fallback }
        // Int reads a sign too, which a decoded `%2B` would be.
        guard text.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }),
            let limit = Int(String(decoding: text, as: UTF8.self)), (1...max).contains(limit)
        else { throw Failure("The parameter 'limit' must be a whole number from 1 to \(max).") }
        return limit
    }

    /// A whole number, as those of our cursors; nil when it is not given.
    func number(_ name: StaticString) throws(Failure) -> UInt64? {
        guard let text = try text(name) else { return nil }
        guard text.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }),
            let number = UInt64(String(decoding: text, as: UTF8.self))
        else { throw Failure("The parameter '\(name)' must be a whole number.") }
        return number
    }

    /// A whole number; nil when it is not given.
    func whole(
        _ name: StaticString, in range: ClosedRange<UInt64>
    ) throws(Failure) -> UInt64? {
        guard let text = try text(name) else { return nil }
        guard text.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }),
            let value = UInt64(String(decoding: text, as: UTF8.self)), range.contains(value)
        else {
            let limit = range.upperBound < 1 << 53 ? " to \(range.upperBound)" : ""
            throw Failure(
                "The parameter '\(name)' must be a whole number from \(range.lowerBound)\(limit)"
                    + (limit.isEmpty ? " on." : "."))
        }
        return value
    }

    func flag(_ name: StaticString, default fallback: Bool) throws(Failure) -> Bool {
        guard let text = try text(name) else { return fallback }
        switch String(decoding: text, as: UTF8.self) {
        case "true": return true
        case "false": return false
        default: throw Failure("The parameter '\(name)' is true or false.")
        }
    }

    /// A card ID as people write it. A look-up stores nothing, so an ID that looks like a payment
    /// card's number may be asked for.
    static func card(_ text: [UInt8], called name: StaticString) throws(Failure) -> CardID {
        do {
            return try CardID.parse(text.span, allowsCardNumbers: true).id
        } catch {
            throw Failure("\(name): \(error).")
        }
    }

    /// A phone as people write it. A plus at the front arrives as `%2B`, or, when nobody encoded
    /// it, as a space.
    func phone(
        _ text: [UInt8], called name: StaticString, defaultRegion: PhoneRegion
    ) throws(Failure) -> PhoneNumber {
        var text = text
        if text.first == UInt8(ascii: " ") { text[0] = UInt8(ascii: "+") }
        let region = try region() ?? defaultRegion
        do {
            return try PhoneParser(region: region).parse(text.span)
        } catch {
            throw Failure("\(name): \(error).")
        }
    }

    /// A moment as RFC 3339 writes it, with `Z` or an offset. The plus of an offset arrives as
    /// `%2B`, or, when nobody encoded it, as a space.
    func time(_ name: StaticString) throws(Failure) -> Timestamp? {
        guard var text = try text(name) else { return nil }
        let timeCount = "2000-01-01T00:00:00".utf8.count
        if let offset = text.lastIndex(of: UInt8(ascii: " ")), offset >= timeCount {
            text[offset] = UInt8(ascii: "+")
        }
        do {
            return try TimestampParser.parseWithOffset(text.span)
        } catch {
            throw Failure("\(name): \(error).")
        }
    }

    func status() throws(Failure) -> CardStatus? {
        guard let text = try text("status") else { return nil }
        guard let status = CardStatus(name: String(decoding: text, as: UTF8.self)) else {
            let names = CardStatus.allCases.map { "'\($0.name)'" }.joined(separator: ", ")
            throw Failure("The parameter 'status' must be one of \(names).")
        }
        return status
    }

    func feed() throws(Failure) -> FeedID? {
        guard let text = try text("feed") else { return nil }
        guard let feed = FeedID(text.span) else {
            throw Failure(
                "The parameter 'feed' must be a feed's ID: 1 to 32 of a-z, 0-9 and '-'.")
        }
        return feed
    }

    func region() throws(Failure) -> PhoneRegion? {
        guard let text = try text("region") else { return nil }
        guard let region = PhoneRegion(String(decoding: text, as: UTF8.self)) else {
            throw Failure(
                "The parameter 'region' must be the two letters of a country, such as AE.")
        }
        return region
    }
}
