/// Why a text is not a phone number. None of the cases carries the text, which may be personal.
public enum PhoneError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Nothing is left after white space and quotes are removed.
    case empty
    /// The text does not look like a phone number at all.
    case notANumber
    /// A spreadsheet wrote the number in scientific notation with too few digits to restore it.
    case lostDigits
    /// No country has the calling code that the number begins with.
    case invalidCountryCode
    /// Fewer digits than any number of that country has.
    case tooShort
    /// More digits than any number of that country has.
    case tooLong
    /// Between the shortest and the longest number of that country, but of a length that none has.
    case invalidLength
    /// A subscriber number that can only be dialled from within its area.
    case localOnly
    /// The feed lists this number as a placeholder for "no number".
    case placeholder

    public var description: String {
        switch self {
        case .empty: "the phone number is empty"
        case .notANumber: "not a phone number"
        case .lostDigits: "scientific notation has lost digits of the phone number"
        case .invalidCountryCode: "the phone number has no known country code"
        case .tooShort: "the phone number is too short for its country"
        case .tooLong: "the phone number is too long for its country"
        case .invalidLength: "no phone number of that country has this length"
        case .localOnly: "the phone number lacks its area code"
        case .placeholder: "the phone number is a placeholder"
        }
    }
}
