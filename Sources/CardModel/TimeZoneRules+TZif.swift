/// Why a file is not a usable TZif file (RFC 9636).
public enum TZifError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file ends before its data does.
    case truncated

    public var description: String { "time zone file is truncated" }
}
