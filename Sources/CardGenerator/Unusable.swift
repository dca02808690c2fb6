/// Rows that the loader rejects: each is right but for one thing.
enum Unusable {
    /// One card in so many has a row beside its own that cannot be used; all reasons take turns, so
    /// that a run of a few thousand cards has each.
    static let cardsForEachRow: UInt64 = 40
    /// One card in so many has no other row than one that cannot be used, and so no state.
    static let cardsForEachLostCard: UInt64 = 2_000

    static func file(for reason: RejectReason, _ number: UInt64) -> PartnerFile {
        let turn = turn(number)
        switch reason {
        case .commentTooLong, .commentNotUTF8, .commentControlCharacter:
            return turn % 2 == 0 ? .deliveryExceptions : .delivered
        default:
            return PartnerFile.allCases[turn % PartnerFile.allCases.count]
        }
    }

    /// How often the reason that this card's row has was there before.
    private static func turn(_ number: UInt64) -> Int {
        Int(number / cardsForEachRow / UInt64(RejectReason.scatteredCount))
    }

    static func write(
        _ reason: RejectReason, _ number: UInt64, _ file: PartnerFile, to row: inout TextBuffer
    ) {
        writeReference(reason, number, to: &row)
        if reason == .tooFewFields { return }
        row.append(UInt8(ascii: ","))
        writeCard(reason, number, to: &row)
        row.append(",0501234567,")
        writeMoment(reason, number, to: &row)
        if file.hasComments {
            row.append(UInt8(ascii: ","))
            writeComment(reason, to: &row)
        }
        // A comma that nobody quoted.
        if reason == .tooManyFields { row.append(", twice") }
    }

    private static func writeReference(
        _ reason: RejectReason, _ number: UInt64, to row: inout TextBuffer
    ) {
        row.append("B")
        row.append(decimal: number)
        switch reason {
        case .referenceTooLong: row.append(repeating: UInt8(ascii: "0"), count: 64)
        case .referenceNotUTF8: row.append(0xE9)
        case .referenceControlCharacter: row.append("\u{1}9")
        default: break
        }
    }

    private static func writeCard(
        _ reason: RejectReason, _ number: UInt64, to row: inout TextBuffer
    ) {
        switch reason {
        case .cardIDEmpty: row.append(turn(number) % 2 == 0 ? "" : "\"\"\" \"\"\"")
        case .cardIDTooLong: row.append("ZYW882700010002000300040005000600")
        case .cardIDInvalid: row.append(turn(number) % 2 == 0 ? "ZYW 8827" : "ZYW8827/é")
        case .cardIDIsCardNumber: CardName.writeCardNumber(number, to: &row)
        default:
            row.append("ZYW")
            row.append(decimal: number)
        }
    }

    private static func writeMoment(
        _ reason: RejectReason, _ number: UInt64, to row: inout TextBuffer
    ) {
        switch (reason, turn(number) / 2 % 4) {
        case (.timestampEmpty, _): break
        case (.timestampFormat, 0): row.append("yesterday")
        case (.timestampFormat, 1): row.append("13-11-2023")
        case (.timestampFormat, 2): row.append("13.11.2023 14:00")
        case (.timestampFormat, _): row.append("45243.5833")
        case (.timestampImpossible, 0): row.append("31-02-2024 14:00")
        case (.timestampImpossible, 1): row.append("13-11-2023 13:00 PM")
        case (.timestampImpossible, 2): row.append("13-11-2023 14:60")
        case (.timestampImpossible, _): row.append("2023-13-11T14:00:00Z")
        case (.timestampOutOfRange, 0): row.append("31-12-1999 23:59")
        case (.timestampOutOfRange, 1): row.append("2100-01-01T00:00:00Z")
        case (.timestampOutOfRange, 2): row.append("0000000000")
        case (.timestampOutOfRange, _): row.append("01-01-1970 12:00 AM")
        default: row.append("13-11-2023 14:00")
        }
    }

    private static func writeComment(_ reason: RejectReason, to row: inout TextBuffer) {
        switch reason {
        case .commentTooLong: row.append(repeating: UInt8(ascii: "a"), count: 1_025)
        case .commentNotUTF8:
            row.append("caf")
            row.append(0xE9)
        case .commentControlCharacter: row.append("\"called\ntwice\"")
        default: row.append("User not available")
        }
    }
}

extension TextBuffer {
    /// The partner's own ID of a row: a number at the pick-up, a letter and a number elsewhere.
    mutating func append(reference: UInt64, in file: PartnerFile, isQuoted: Bool) {
        if isQuoted { append(UInt8(ascii: "\"")) }
        if reference != 0 {
            if file != .pickup { append(UInt8(ascii: "A")) }
            append(decimal: reference)
        }
        if isQuoted { append(UInt8(ascii: "\"")) }
    }
}
