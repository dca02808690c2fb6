/// Why a row could not be read. The row is reported in its place, with its bytes, never dropped.
public enum CSVProblem: Equatable, Sendable {
    /// A quote opened on this line is not closed: the row runs on over the line's end inside
    /// quotes, and either the input ends there or the row does not end within `maxRowBytes`. The
    /// problem covers the one physical line on which the row begins; reading goes on with the line
    /// after it. Also a single line longer than `maxRowBytes` that passes them inside quotes.
    case unterminatedQuote
    /// The row is one physical line longer than `maxRowBytes`, and passes them outside quotes. The
    /// problem covers the line whole.
    case rowTooLong(limitBytes: Int)
    /// The row has more than `maxFields` fields.
    case tooManyFields(limit: Int)
}

extension CSVProblem: CustomStringConvertible {
    /// One line for the person who has to mend the file.
    public var description: String {
        switch self {
        case .unterminatedQuote: "a quote opened on this line is not closed"
        case .rowTooLong(let limitBytes): "the row is longer than \(limitBytes) bytes"
        case .tooManyFields(let limit): "the row has more than \(limit) fields"
        }
    }
}
