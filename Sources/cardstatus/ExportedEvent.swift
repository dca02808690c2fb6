import CardModel

/// One event as an export has it, checked to be one that the same line would be written for.
struct ExportedEvent {
    let card: CardID
    let event: CardEvent

    /// - Parameters:
    ///   - fields: the texts, in the order of `ExportFormat.columns`; empty is absent.
    ///   - otherPhones: with spaces between.
    init(
        _ fields: [[UInt8]], isVoid: Bool, isErased: Bool = false, otherPhones: [UInt8] = []
    ) throws(LineProblem) {
        let (cardText, feedText) = (fields[0], fields[6])
        guard let card = CardID(canonical: cardText.span) else {
            throw LineProblem("card_id is no card ID in canonical form")
        }
        guard let status = CardStatus(name: String(decoding: fields[1], as: UTF8.self)) else {
            throw LineProblem("status is none of those there are")
        }
        guard let feed = FeedID(feedText.span) else {
            throw LineProblem("feed is no feed ID: 1 to 32 of a-z, 0-9 and '-'")
        }
        let identity = EventIdentity(
            occurredAt: try Self.timestamp(fields[2]), status: status, feed: feed,
            reference: try Self.text(fields[5], "reference", EventText.referenceMaxCount))
        self.card = card
        var others: [PhoneNumber] = []
        let space = UInt8(ascii: " ")
        let texts = otherPhones.split(separator: space, omittingEmptySubsequences: false)
        for text in texts where !otherPhones.isEmpty {
            guard let phone = try Self.phone(Array(text)) else {
                throw LineProblem("other_phones has more than one space between phones")
            }
            others.append(phone)
        }
        let event = CardEvent(
            restoring: identity, phone: try Self.phone(fields[3]), otherPhones: others,
            comment: try Self.text(fields[4], "comment", EventText.commentMaxCount),
            isVoid: isVoid, isErased: isErased)
        guard let event else {
            throw LineProblem(
                "an erased event has neither phones nor a comment, and other phones ascend to the"
                    + " phone")
        }
        self.event = event
    }

    init(_ line: JSONLine) throws(LineProblem) {
        var fields: [[UInt8]] = []
        for name in ExportFormat.columns.dropLast() {
            switch line[name] {
            case .string(let text): fields.append(text)
            case .null where ["phone", "comment", "reference"].contains(name): fields.append([])
            case .none: throw LineProblem("\(name) is missing")
            default: throw LineProblem("\(name) is not what an export has there")
            }
        }
        guard case .boolean(let isVoid)? = line["void"] else {
            throw LineProblem("void is neither true nor false")
        }
        var isErased = false
        var otherPhones: [UInt8] = []
        var count = ExportFormat.columns.count
        switch line["erased"] {
        case .boolean(true):
            isErased = true
            count += 1
        case nil: break
        default: throw LineProblem("erased is true or not there")
        }
        switch line["other_phones"] {
        case .string(let text) where !text.isEmpty:
            otherPhones = text
            count += 1
        case nil: break
        default: throw LineProblem("other_phones is not what an export has there")
        }
        guard line.fields.count == count else {
            throw LineProblem("there is a name that an export does not have")
        }
        try self.init(fields, isVoid: isVoid, isErased: isErased, otherPhones: otherPhones)
    }

    private static func text(
        _ bytes: [UInt8], _ name: String, _ maxCount: Int
    ) throws(LineProblem) -> EventText {
        let text: EventText
        do throws(EventTextError) {
            text = try EventText(bytes.span, maxCount: maxCount)
        } catch {
            throw LineProblem("\(name): \(error)")
        }
        guard text.bytes == bytes else {
            throw LineProblem("\(name) has white space around it")
        }
        return text
    }

    private static func phone(_ bytes: [UInt8]) throws(LineProblem) -> PhoneNumber? {
        if bytes.isEmpty { return nil }
        guard bytes[0] == UInt8(ascii: "+"),
            let digits = UInt64(String(decoding: bytes.dropFirst(), as: UTF8.self)),
            let phone = PhoneNumber(digits: digits), Array(phone.e164.utf8) == bytes
        else { throw LineProblem("phone is not '+' and digits (E.164)") }
        return phone
    }

    /// `2023-11-13T09:34:56Z`, and nothing else.
    private static func timestamp(_ bytes: [UInt8]) throws(LineProblem) -> Timestamp {
        let problem = LineProblem("occurred_at is no time such as 2023-11-13T09:34:56Z")
        guard bytes.count == 20 else { throw problem }
        func number(_ start: Int, _ count: Int) -> Int64 {
            bytes[start..<(start + count)].reduce(0) { $0 * 10 + Int64($1) - 0x30 }
        }
        let (year, month, day) = (number(0, 4), number(5, 2), number(8, 2))
        guard (1...12).contains(month), (2000...2099).contains(year) else { throw problem }
        // Days since 2000-01-01; every fourth year of this century is a leap year.
        let monthStarts: [Int64] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
        let isLeap = year % 4 == 0
        let days =
            (year - 2000) * 365 + (year - 2000 + 3) / 4 + monthStarts[Int(month) - 1]
            + (isLeap && month > 2 ? 1 : 0) + day - 1
        let seconds =
            Int64(Timestamp.min.seconds) + days * 86_400 + number(11, 2) * 3_600
            + number(14, 2) * 60 + number(17, 2)
        // A date that there is not would be written as another.
        guard let timestamp = Timestamp(seconds: seconds), Array(timestamp.iso8601.utf8) == bytes
        else { throw problem }
        return timestamp
    }
}
