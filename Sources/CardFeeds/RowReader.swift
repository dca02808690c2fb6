internal import CardBulk
internal import CardCSV
internal import CardModel

/// Something about a row that a person should see: why it was rejected, or what was mended or
/// left out.
public struct RowProblem: Equatable, Sendable {
    /// A fixed word to count by, such as `card_id_empty`.
    public let code: String
    /// The title of the column, when the problem lies in one.
    public let column: String?
    public let message: String
}

/// Turns the rows of one file into facts.
struct RowReader {
    /// A timestamp further ahead of the clock than this is a typing error more often than not.
    private static let futureToleranceSeconds: Int64 = 48 * 3_600

    private let profile: FeedProfile
    private let map: ColumnMap
    private let phones: PhoneParser
    private let timestamps: TimestampParser
    private let futureSeconds: Int64
    private let places: Places

    /// What became of a row. A row without a fact has exactly one problem: why.
    struct Reading {
        var fact: CardFact?
        var problems: [RowProblem] = []
    }

    /// - Parameter nowSeconds: the time, in seconds since 1970.
    init(_ profile: FeedProfile, _ map: ColumnMap, nowSeconds: Int64) {
        self.profile = profile
        self.map = map
        phones = PhoneParser(region: profile.region, placeholders: profile.placeholderPhones)
        timestamps = TimestampParser(
            formats: profile.timestampFormats, timeZone: profile.timeZone)
        futureSeconds = nowSeconds + Self.futureToleranceSeconds
        places = Places(map, profile)
    }

    func read(_ row: borrowing CSVRow) -> Reading {
        var reading = Reading()
        do throws(Rejection) {
            let parsed = try parse(row, &reading.problems)
            reading.fact = CardFact(
                card: parsed.card,
                event: CardEvent(
                    identity: EventIdentity(
                        occurredAt: parsed.occurredAt, status: profile.status, feed: profile.id,
                        reference: text(parsed.reference, row)),
                    phone: parsed.phone, comment: text(parsed.comment, row)))
        } catch {
            reading.problems = [error.problem]
        }
        return reading
    }

    /// Reads a row and appends its fact to `facts`. Returns its problems, and whether it has no
    /// fact. Allocates nothing for a row without problems.
    @inline(__always)
    func read(
        _ row: borrowing CSVRow, into facts: inout FactBuffer, _ source: borrowing FactBuffer.Source
    ) -> (problems: [RowProblem], isReject: Bool) {
        var problems: [RowProblem] = []
        do throws(Rejection) {
            let parsed = try parse(row, &problems)
            // A column that is not there is shown as the empty part of one that is.
            row.withField(parsed.reference?.field ?? 0) { reference in
                row.withField(parsed.comment?.field ?? 0) { comment in
                    facts.append(
                        parsed.card, occurredAt: parsed.occurredAt, phone: parsed.phone,
                        reference: reference.extracting(parsed.reference?.range ?? 0..<0),
                        comment: comment.extracting(parsed.comment?.range ?? 0..<0), source)
                }
            }
        } catch {
            return ([error.problem], true)
        }
        return (problems, false)
    }

    private func text(_ place: TextPlace?, _ row: borrowing CSVRow) -> EventText {
        guard let place else { return .empty }
        return row.withField(place.field) {
            EventText(unchecked: Array($0.extracting(place.range)))
        }
    }

    /// Reads a row that was rejected before and may have been mended since. A number that was
    /// hidden then is not there any more, and what is left of it must not pass for a partner's own.
    func readMended(_ row: borrowing CSVRow) -> Reading {
        if !profile.allowsCardNumbers {
            for column in FeedProfile.Column.allCases {
                guard let index = map.indices[column], index < row.fieldCount else { continue }
                let isMasked = row.withField(index) { CardNumberMask.isApplied(to: $0) }
                if isMasked {
                    return Reading(
                        problems: [
                            RowProblem(
                                code: "number_masked", column: map.titles[index],
                                message: "the number was masked when the row was written here;"
                                    + " take it from the file that the row came from")
                        ])
                }
            }
        }
        return read(row)
    }

    private struct Rejection: Error {
        let problem: RowProblem
    }

    /// What a row says. Its texts stay where they are.
    private struct ParsedRow {
        let card: CardID
        let occurredAt: Timestamp
        let phone: PhoneNumber?
        let reference: TextPlace?
        let comment: TextPlace?
    }

    /// A part of a field.
    private struct TextPlace {
        let field: Int
        let range: Range<Int>
    }

    private func parse(
        _ row: borrowing CSVRow, _ warnings: inout [RowProblem]
    ) throws(Rejection) -> ParsedRow {
        if let problem = row.problem {
            throw Rejection(
                problem: RowProblem(
                    code: problem.code, column: nil, message: "\(problem)"))
        }
        try checkFieldCount(row)
        let card = try cardID(row, &warnings)
        let occurredAt = try timestamp(row, &warnings)
        let reference = try text(
            .reference, places.reference, row, maxCount: EventText.referenceMaxCount)
        let comment = try text(.comment, places.comment, row, maxCount: EventText.commentMaxCount)
        return ParsedRow(
            card: card, occurredAt: occurredAt, phone: phone(row, &warnings), reference: reference,
            comment: comment)
    }

    /// A field too many is mostly a comma that nobody quoted, and every column behind it is wrong;
    /// a field too few may leave a column out. Empty fields at the end mean nothing.
    private func checkFieldCount(_ row: borrowing CSVRow) throws(Rejection) {
        let expected = places.titles
        for index in expected..<max(expected, row.fieldCount) {
            let isBlank = row.withField(index) { $0.isBlank }
            if !isBlank {
                throw Rejection(
                    problem: RowProblem(
                        code: "too_many_fields", column: nil, message: fieldCounts(row)))
            }
        }
        guard row.fieldCount < places.fieldsMin else { return }
        var firstMissing: Int?
        for (column, index) in map.indices
        where index >= row.fieldCount && profile.columns[column]?.isRequired == true {
            firstMissing = min(firstMissing ?? index, index)
        }
        if let firstMissing {
            throw Rejection(
                problem: RowProblem(
                    code: "too_few_fields", column: map.titles[firstMissing],
                    message: fieldCounts(row)))
        }
    }

    private func fieldCounts(_ row: borrowing CSVRow) -> String {
        "the row has \(row.fieldCount) fields, and the header \(map.titles.count)"
    }

    private func cardID(
        _ row: borrowing CSVRow, _ warnings: inout [RowProblem]
    ) throws(Rejection) -> CardID {
        let index = places.cardID
        let parsed: Result<CardID.Parsed, CardIDError> = row.withField(index) { text in
            Result { () throws(CardIDError) in
                try CardID.parse(text, allowsCardNumbers: profile.allowsCardNumbers)
            }
        }
        switch parsed {
        case .success(let parsed):
            if parsed.hadFloatTail {
                warnings.append(
                    RowProblem(
                        code: "card_id_float_tail", column: map.titles[index],
                        message: "the card ID had a number's tail, '.0', which was taken off"))
            }
            return parsed.id
        case .failure(let error):
            throw Rejection(
                problem: RowProblem(
                    code: error.code, column: map.titles[index], message: "\(error)"))
        }
    }

    private func timestamp(
        _ row: borrowing CSVRow, _ warnings: inout [RowProblem]
    ) throws(Rejection) -> Timestamp {
        let index = places.occurredAt
        let parsed: Result<Timestamp, TimestampError> = row.withField(index) { text in
            Result { () throws(TimestampError) in try timestamps.parse(text) }
        }
        switch parsed {
        case .success(let timestamp):
            if Int64(timestamp.seconds) > futureSeconds {
                warnings.append(
                    RowProblem(
                        code: "timestamp_in_future", column: map.titles[index],
                        message: "the timestamp is more than 48 hours ahead: \(timestamp)"))
            }
            return timestamp
        case .failure(let error):
            throw Rejection(
                problem: RowProblem(
                    code: error.code, column: map.titles[index], message: "\(error)"))
        }
    }

    private func text(
        _ column: FeedProfile.Column, _ index: Int?, _ row: borrowing CSVRow, maxCount: Int
    ) throws(Rejection) -> TextPlace? {
        guard let index, index < row.fieldCount else { return nil }
        let parsed: Result<Range<Int>, EventTextError> = row.withField(index) { text in
            Result { () throws(EventTextError) in
                try EventText.checkedRange(of: text, maxCount: maxCount)
            }
        }
        switch parsed {
        case .success(let range): return TextPlace(field: index, range: range)
        case .failure(let error):
            throw Rejection(
                problem: RowProblem(
                    code: "\(column.rawValue)_\(error.code)", column: map.titles[index],
                    message: "\(error)"))
        }
    }

    /// A phone that cannot be used costs a warning, never the row.
    private func phone(
        _ row: borrowing CSVRow, _ warnings: inout [RowProblem]
    ) -> PhoneNumber? {
        guard let index = places.phone, index < row.fieldCount else { return nil }
        return row.withField(index) { text in
            do throws(PhoneError) {
                return try phones.parse(text)
            } catch {
                // An empty field says that there is no phone; nothing is lost.
                if error == .empty { return nil }
                warnings.append(
                    RowProblem(
                        code: "phone_\(error.code)", column: map.titles[index],
                        message: "\(error): '\(shown(text))'; the event has no phone"))
                return nil
            }
        }
    }

    /// The raw text of a phone, as a warning shows it.
    private func shown(_ text: Span<UInt8>) -> String {
        ShownText.make(
            Array(text), scalarsMax: 64, hidesCardNumbers: !profile.allowsCardNumbers)
    }

    /// Where the columns are: looked up once, and not for each row.
    private struct Places {
        let cardID: Int
        let occurredAt: Int
        let phone: Int?
        let reference: Int?
        let comment: Int?
        let titles: Int
        /// Rows with fewer fields lack a required one.
        let fieldsMin: Int

        init(_ map: ColumnMap, _ profile: FeedProfile) {
            guard let cardID = map.indices[.cardID], let occurredAt = map.indices[.occurredAt]
            else { preconditionFailure("a header without an essential column is refused") }
            self.cardID = cardID
            self.occurredAt = occurredAt
            phone = map.indices[.phone]
            reference = map.indices[.reference]
            comment = map.indices[.comment]
            titles = map.titles.count
            let required = map.indices.filter { profile.columns[$0.key]?.isRequired == true }
            fieldsMin = (required.values.max() ?? 0) + 1
        }
    }
}

extension Span<UInt8> {
    /// Whether there is nothing but spaces and tabs.
    fileprivate var isBlank: Bool {
        for index in indices
        where self[index] != UInt8(ascii: " ") && self[index] != UInt8(ascii: "\t") {
            return false
        }
        return true
    }
}

extension CSVProblem {
    var code: String {
        switch self {
        case .unterminatedQuote: "quote_not_closed"
        case .rowTooLong: "row_too_long"
        case .tooManyFields: "too_many_fields"
        }
    }
}

extension CardIDError {
    var code: String {
        switch self {
        case .empty: "card_id_empty"
        case .tooLong: "card_id_too_long"
        case .invalidByte: "card_id_invalid"
        case .looksLikeCardNumber: "card_id_is_card_number"
        }
    }
}

extension TimestampError {
    var code: String {
        switch self {
        case .empty: "timestamp_empty"
        case .unknownFormat, .notISO8601, .formatNotAccepted, .unixDigits, .fieldDigits,
            .incomplete, .missingTime, .missingOffset, .unexpectedCharacter:
            "timestamp_format"
        case .fieldOutOfRange, .noSuchDate: "timestamp_impossible"
        case .outOfRange: "timestamp_out_of_range"
        }
    }
}

extension EventTextError {
    var code: String {
        switch self {
        case .tooLong: "too_long"
        case .notUTF8: "not_utf8"
        case .controlCharacter: "control_character"
        }
    }
}

extension PhoneError {
    var code: String {
        switch self {
        case .empty: "empty"
        case .notANumber: "not_a_number"
        case .lostDigits: "lost_digits"
        case .invalidCountryCode: "unknown_country"
        case .tooShort: "too_short"
        case .tooLong: "too_long"
        case .invalidLength: "invalid_length"
        case .localOnly: "local_only"
        case .placeholder: "placeholder"
        }
    }
}
