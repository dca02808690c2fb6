public import CardModel
internal import Glibc

/// The system's time zone files, where `TimeZoneRules` come from.
public enum TimeZoneDirectory {
    /// Debian's tzdata, and where every other Linux keeps them too.
    public static let path = "/usr/share/zoneinfo"

    /// The rules of an IANA zone, such as `Asia/Dubai`.
    public static func rules(named name: String) throws(TimeZoneDirectoryError) -> TimeZoneRules {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        let isName = parts.allSatisfy { part in
            !part.isEmpty && part != "." && part != ".." && part.utf8.allSatisfy(isNameByte)
        }
        guard isName, name.utf8.count <= 64 else { throw .notAName(name) }
        let bytes: [UInt8]
        do {
            bytes = try FileBytes.read("\(path)/\(name)", limitBytes: 1 << 20)
        } catch {
            throw .unreadable(name, reason: error.reason)
        }
        do {
            return try TimeZoneRules(name: name, tzif: bytes)
        } catch {
            throw .unreadable(name, reason: "\(error)")
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
            UInt8(ascii: "+"):
            true
        default: false
        }
    }
}

/// Why there are no rules for a time zone.
public enum TimeZoneDirectoryError: Error, Equatable, Sendable, CustomStringConvertible {
    case notAName(String)
    case unreadable(String, reason: String)

    public var description: String {
        switch self {
        case .notAName(let name):
            "'\(name)' is not the name of a time zone, such as Asia/Dubai"
        case .unreadable(let name, let reason):
            "there is no time zone '\(name)' in \(TimeZoneDirectory.path): \(reason)"
                + " (Debian's package tzdata has them)"
        }
    }
}
