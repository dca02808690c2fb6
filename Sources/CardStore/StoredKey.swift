public import CardModel
internal import LMDBKit

/// What the holder of an API key may do. `agent` and `ingest` may both do what `lookup` may, and
/// neither what the other may; `admin` may do everything.
public enum KeyRole: String, CaseIterable, Sendable {
    case lookup, agent, ingest, admin

    /// One bit for each role that this one includes, itself among them.
    public var grants: UInt8 {
        switch self {
        case .lookup: 0b0001
        case .agent: 0b0011
        case .ingest: 0b0101
        case .admin: 0b1111
        }
    }

    /// The bit that `grants` of a role has if it includes this one.
    public var bit: UInt8 {
        switch self {
        case .lookup: 0b0001
        case .agent: 0b0010
        case .ingest: 0b0100
        case .admin: 0b1000
        }
    }

    public func includes(_ other: KeyRole) -> Bool { grants & other.bit != 0 }

    /// How the store writes it.
    fileprivate var code: UInt8 { bit }

    fileprivate init?(code: UInt8) {
        guard let role = KeyRole.allCases.first(where: { $0.code == code }) else { return nil }
        self = role
    }
}

/// An API key as the store knows it: by its hash, never by itself.
public struct StoredKey: Equatable, Sendable {
    /// SHA-256 of the key: 32 bytes.
    public let hash: [UInt8]
    /// What the operator calls it: 1 to ``nameMaxCount`` bytes of UTF-8.
    public let name: String
    /// Seconds since 1970, UTC, as all times of a key.
    public let createdAt: UInt64
    public let role: KeyRole
    /// From then on it opens nothing; nil is never.
    public let expiresAt: UInt64?
    /// The only feed that the key may report for; nil is any. Only keys for ingest have one.
    public let feed: FeedID?
    /// When it was last seen, some seconds early at most; nil when it never was.
    public internal(set) var lastUsedAt: UInt64?

    public static let hashCount = 32
    public static let nameMaxCount = 64

    /// Times are less than 2^56.
    public init(
        hash: [UInt8], name: String, createdAt: UInt64, role: KeyRole = .lookup,
        expiresAt: UInt64? = nil, feed: FeedID? = nil
    ) {
        precondition(hash.count == Self.hashCount, "a key is stored by its SHA-256")
        precondition(
            (1...Self.nameMaxCount).contains(name.utf8.count), "a key's name has 1 to 64 bytes")
        precondition(createdAt >> 56 == 0, "the time's highest byte has another use")
        precondition(expiresAt != 0, "0 stands for never")
        precondition(feed == nil || role == .ingest, "only a key for ingest is bound to a feed")
        self.hash = hash
        self.name = name
        self.createdAt = createdAt
        self.role = role
        self.expiresAt = expiresAt
        self.feed = feed
    }

    /// What tells keys apart in few bits: the first 48 of the hash.
    public var number: UInt64 { hash.prefix(6).reduce(0) { $0 << 8 | UInt64($1) } }

    public func isExpired(at seconds: UInt64) -> Bool {
        expiresAt.map { $0 <= seconds } ?? false
    }
}

/// The value of a key in the database `keys`, whose key is the SHA-256; integers little-endian.
///
/// Layout 1: u64 checksum, u56 created at, u8 layout, u8 role, u64 expires at, u64 last used at (0
/// for never), u8 bytes of the feed (0 for any), the feed's bytes, then the name's.
///
/// Layout 0 is what was written before keys had roles: the name follows the layout's byte, which is
/// the highest of a u64 there and so 0. Such a key could do everything, and is read as an admin's.
package enum APIKeyRecord {
    private static let layout: UInt64 = 1

    package static func encode(_ key: StoredKey) -> [UInt8] {
        var payload: [UInt8] = []
        payload.append(littleEndian: key.createdAt | layout << 56)
        payload.append(key.role.code)
        payload.append(littleEndian: key.expiresAt ?? 0)
        payload.append(littleEndian: key.lastUsedAt ?? 0)
        payload.append(UInt8(key.feed?.count ?? 0))
        key.feed?.append(to: &payload)
        payload.append(contentsOf: key.name.utf8)
        var bytes: [UInt8] = []
        bytes.append(
            littleEndian: StoredDatabase.keys.entryHash(
                key: key.hash.span.bytes, value: payload.span.bytes))
        return bytes + payload
    }

    package static func decode(
        _ value: RawSpan, hash: RawSpan
    ) throws(RecordDamage) -> (key: StoredKey, checksum: UInt64) {
        var reader = RecordReader(value)
        guard let checksum = reader.integer(UInt64.self),
            hash.byteCount == StoredKey.hashCount,
            checksum
                == StoredDatabase.keys.entryHash(
                    key: hash, value: value.extracting(8..<value.byteCount)),
            let key = key(&reader, value.byteCount, hash: Span<UInt8>(_bytes: hash).copied)
        else { throw RecordDamage("an API key's record is not what was written") }
        return (key, checksum)
    }

    private static func key(
        _ reader: inout RecordReader, _ byteCount: Int, hash: [UInt8]
    ) -> StoredKey? {
        guard let stamp = reader.integer(UInt64.self) else { return nil }
        var role = KeyRole.admin
        var (expiresAt, lastUsedAt): (UInt64, UInt64) = (0, 0)
        var feed: FeedID?
        switch stamp >> 56 {
        case 0: break
        case layout:
            guard let stored = reader.integer(UInt8.self).flatMap(KeyRole.init(code:)),
                let expires = reader.integer(UInt64.self),
                let lastUsed = reader.integer(UInt64.self),
                let count = reader.integer(UInt8.self),
                let bytes = reader.span(count: Int(count))?.copied
            else { return nil }
            if count > 0 {
                guard let bound = FeedID(bytes.span), stored == .ingest else { return nil }
                feed = bound
            }
            (role, expiresAt, lastUsedAt) = (stored, expires, lastUsed)
        default: return nil
        }
        guard let name = reader.span(count: byteCount - reader.offset)?.copied,
            (1...StoredKey.nameMaxCount).contains(name.count),
            let text = String(validating: name, as: UTF8.self)
        else { return nil }
        var key = StoredKey(
            hash: hash, name: text, createdAt: stamp & (1 << 56 - 1), role: role,
            expiresAt: expiresAt == 0 ? nil : expiresAt, feed: feed)
        key.lastUsedAt = lastUsedAt == 0 ? nil : lastUsedAt
        return key
    }
}
