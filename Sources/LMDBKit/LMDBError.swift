internal import CLMDB

/// A code that an LMDB function returned, and which function that was. Not found is not an error:
/// look-ups give nil.
public struct LMDBError: RawRepresentable, Error, Equatable, Sendable, CustomStringConvertible {
    /// LMDB's own code (negative), or an `errno`.
    public let rawValue: CInt
    /// The C function that failed.
    public let call: String

    public init(rawValue: CInt) {
        self.init(rawValue: rawValue, call: "LMDB")
    }

    init(rawValue: CInt, call: String) {
        self.rawValue = rawValue
        self.call = call
    }

    /// The named codes, with the C header's meaning. Others survive as they are.
    public static let mapFull = LMDBError(rawValue: MDB_MAP_FULL)
    public static let mapResized = LMDBError(rawValue: MDB_MAP_RESIZED)
    public static let readersFull = LMDBError(rawValue: MDB_READERS_FULL)
    public static let keyExists = LMDBError(rawValue: MDB_KEYEXIST)
    public static let panic = LMDBError(rawValue: MDB_PANIC)
    public static let invalid = LMDBError(rawValue: MDB_INVALID)
    public static let versionMismatch = LMDBError(rawValue: MDB_VERSION_MISMATCH)
    public static let corrupted = LMDBError(rawValue: MDB_CORRUPTED)
    public static let incompatible = LMDBError(rawValue: MDB_INCOMPATIBLE)
    public static let notFound = LMDBError(rawValue: MDB_NOTFOUND)

    /// Two errors are equal when their codes are.
    public static func == (a: Self, b: Self) -> Bool { a.rawValue == b.rawValue }

    public var description: String {
        "\(call): \(String(cString: mdb_strerror(rawValue)))"
    }
}

/// The one place where LMDB's return codes become errors.
func check(_ code: CInt, _ call: StaticString) throws(LMDBError) {
    if code != 0 { throw LMDBError(rawValue: code, call: "\(call)") }
}
