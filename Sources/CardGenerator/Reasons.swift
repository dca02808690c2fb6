/// Why the loader warns about a row, in the words it counts by.
enum WarningReason: Int, CaseIterable, Sendable {
    case phoneLostDigits
    case phoneNotANumber
    case phoneTooShort
    case phoneTooLong
    case phoneInvalidLength
    case phoneLocalOnly
    case phoneUnknownCountry
    case cardIDFloatTail
    case timestampInFuture

    var code: String {
        switch self {
        case .phoneLostDigits: "phone_lost_digits"
        case .phoneNotANumber: "phone_not_a_number"
        case .phoneTooShort: "phone_too_short"
        case .phoneTooLong: "phone_too_long"
        case .phoneInvalidLength: "phone_invalid_length"
        case .phoneLocalOnly: "phone_local_only"
        case .phoneUnknownCountry: "phone_unknown_country"
        case .cardIDFloatTail: "card_id_float_tail"
        case .timestampInFuture: "timestamp_in_future"
        }
    }
}

/// Why the loader rejects a row, in the words it counts by.
enum RejectReason: Int, CaseIterable, Sendable {
    case cardIDEmpty
    case cardIDTooLong
    case cardIDInvalid
    case cardIDIsCardNumber
    case timestampEmpty
    case timestampFormat
    case timestampImpossible
    case timestampOutOfRange
    case commentTooLong
    case commentNotUTF8
    case commentControlCharacter
    case referenceTooLong
    case referenceNotUTF8
    case referenceControlCharacter
    case tooManyFields
    case tooFewFields
    /// Once in a run: see `FileEnds`.
    case rowTooLong
    /// Once in a run: see `FileEnds`.
    case quoteNotClosed

    /// Those that any row can have; they lie before the others.
    static let scatteredCount = 16

    var code: String {
        switch self {
        case .cardIDEmpty: "card_id_empty"
        case .cardIDTooLong: "card_id_too_long"
        case .cardIDInvalid: "card_id_invalid"
        case .cardIDIsCardNumber: "card_id_is_card_number"
        case .timestampEmpty: "timestamp_empty"
        case .timestampFormat: "timestamp_format"
        case .timestampImpossible: "timestamp_impossible"
        case .timestampOutOfRange: "timestamp_out_of_range"
        case .commentTooLong: "comment_too_long"
        case .commentNotUTF8: "comment_not_utf8"
        case .commentControlCharacter: "comment_control_character"
        case .referenceTooLong: "reference_too_long"
        case .referenceNotUTF8: "reference_not_utf8"
        case .referenceControlCharacter: "reference_control_character"
        case .tooManyFields: "too_many_fields"
        case .tooFewFields: "too_few_fields"
        case .rowTooLong: "row_too_long"
        case .quoteNotClosed: "quote_not_closed"
        }
    }
}
