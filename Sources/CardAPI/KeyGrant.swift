package import CardModel
internal import CardService
internal import CardStore
internal import Glibc
internal import HTTPFront

/// What the key of a request lets its holder do, and which key it is, in the one word that is kept
/// with the connection: the key's ``StoredKey/id`` as a number (48 bits), whether it is bound to a
/// feed and whether it is a person's (8), and the bits of its role (8).
struct KeyGrant: Equatable, Sendable {
    let rawValue: UInt64

    /// What holds where no key is needed.
    static let everything = KeyGrant(rawValue: UInt64(KeyRole.admin.grants))

    init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    init(_ key: StoredKey) {
        rawValue =
            key.number << 16 | (key.feed == nil ? 0 : 1 << 8)
            | (key.role.includes(.agent) ? Self.personBit : 0) | UInt64(key.role.grants)
    }

    /// Set for the keys of people: of the roles agent and admin.
    static let personBit: UInt64 = 1 << 9

    /// Set for everybody who may look up.
    static let everybodyBit = UInt64(KeyRole.lookup.bit)

    /// Whether one of these bits is set.
    @inline(__always)
    func isAmong(_ bits: UInt64) -> Bool { rawValue & bits != 0 }

    /// 0 where no key is needed.
    var keyNumber: UInt64 { rawValue >> 16 }

    var isBoundToFeed: Bool { rawValue & (1 << 8) != 0 }

    @inline(__always)
    func allows(_ role: KeyRole) -> Bool { rawValue & UInt64(role.bit) != 0 }
}

/// Whether a request gets in.
enum Admission: Equatable {
    case granted(KeyGrant)
    case noKey
    case expiredKey
    /// No key is needed, and the server is asked under a name that may be anybody's.
    case foreignHost
    /// The key is valid; what it is asked for takes another role.
    case forbidden
}

/// The feed that a request may report for.
package enum ReportedFeed: Equatable {
    case any
    case only(FeedID)
    /// The key that it is bound by has gone in this moment.
    case noKey
}

/// Asks for keys, and remembers the answer with the connection.
struct KeyCheck: Sendable {
    /// How long an answer holds at most. Until then neither a clock that somebody set shows, nor
    /// that the key is in use.
    static let answerSeconds: UInt64 = 15

    let service: CardService
    let access: CardAPI.Access
    let hosts: LocalHosts

    /// A key that came before on the connection is compared with that one; any other, and after a
    /// while that one too, is hashed and looked for.
    @inline(__always)
    func admission(of request: borrowing Request, to role: KeyRole) -> Admission {
        switch access {
        case .everybody: return .granted(.everything)
        case .keysIfAny where !service.hasKeys:
            // Browsers have no way to a Unix socket.
            let isKnown = request.peer == nil || hosts.contain(request.authority)
            return isKnown ? .granted(.everything) : .foreignHost
        case .keysIfAny, .keysOnly: break
        }
        guard let text = APIKey.text(in: request) else { return .noKey }
        // The version is read first, so that an answer is never remembered for longer than the set
        // of keys that it comes from.
        let version = service.keysVersion
        guard let known = request.acceptedGrant(text, version: version) else {
            return lookUp(text, request, version, role)
        }
        let grant = KeyGrant(rawValue: known)
        return grant.allows(role) ? .granted(grant) : .forbidden
    }

    @inline(never)
    private func lookUp(
        _ text: UnsafeBufferPointer<UInt8>, _ request: borrowing Request, _ version: UInt64,
        _ role: KeyRole
    ) -> Admission {
        switch service.verdict(onKey: APIKey.hash(of: text)) {
        case .unknown: return .noKey
        case .expired: return .expiredKey
        case .valid(let key):
            let grant = KeyGrant(key)
            request.rememberAccepted(
                text, version: version, grant: grant.rawValue,
                untilNanos: request.startNanos
                    + Self.answerNanos(key, now: UInt64(max(0, time(nil)))))
            return grant.allows(role) ? .granted(grant) : .forbidden
        }
    }

    /// The clock gives whole seconds, so in the last one of a key it is looked for each time.
    static func answerNanos(_ key: StoredKey, now: UInt64) -> UInt64 {
        guard let expiresAt = key.expiresAt else { return answerSeconds * 1_000_000_000 }
        guard now + 1 < expiresAt else { return 0 }
        return min(answerSeconds, expiresAt - now - 1) * 1_000_000_000
    }

    /// The feed that a request may report for which `grant` was given.
    func feed(of request: borrowing Request, _ grant: KeyGrant) -> ReportedFeed {
        guard grant.isBoundToFeed else { return .any }
        guard let text = APIKey.text(in: request),
            case .valid(let key) = service.verdict(onKey: APIKey.hash(of: text)),
            let feed = key.feed
        else { return .noKey }
        return .only(feed)
    }
}
