/// What an erasure names: a phone, or a customer by the ID that the issuer has for them.
public enum ErasureSubject: Hashable, Sendable {
    case phone(PhoneNumber)
    case customer(CustomerID)

    public enum Kind: UInt8, CaseIterable, Sendable, CustomStringConvertible {
        case phone = 1
        case customer

        public var description: String { self == .phone ? "phone" : "customer" }

        public init?(name: some StringProtocol) {
            guard let kind = Self.allCases.first(where: { $0.description == name }) else {
                return nil
            }
            self = kind
        }
    }

    public var kind: Kind {
        switch self {
        case .phone: .phone
        case .customer: .customer
        }
    }
}

/// The secret of one store under which it remembers what was erased: without it, a tag says nothing
/// of the phone that it stands for.
public struct ErasureKey: Hashable, Sendable {
    /// Bytes 0 to 7, little-endian.
    private let first: UInt64
    /// Bytes 8 to 15.
    private let second: UInt64

    /// A new one, from the system's generator.
    public init() {
        first = .random(in: 0 ... .max)
        second = .random(in: 0 ... .max)
    }

    /// nil unless there are two words.
    public init?(words: [UInt64]) {
        guard words.count == 2 else { return nil }
        (first, second) = (words[0], words[1])
    }

    public var words: [UInt64] { [first, second] }

    /// The tag that stands for a subject: of one byte for its kind and the phone's digits (8 bytes,
    /// big-endian) or the customer's ID. Stores and exports keep tags, so the same key and subject
    /// must give the same one for ever.
    public func tag(of subject: ErasureSubject) -> ErasureTag {
        switch subject {
        case .phone(let phone): return tag(of: phone)
        case .customer(let id):
            let bytes = [ErasureSubject.Kind.customer.rawValue] + id.bytes
            return ErasureTag(SipHash.hash(bytes.span.bytes, key0: first, key1: second))
        }
    }

    /// Asked of every phone that comes in once anything was erased.
    func tag(of phone: PhoneNumber) -> ErasureTag {
        var bytes = InlineArray<9, UInt8>(repeating: ErasureSubject.Kind.phone.rawValue)
        for index in 0..<8 {
            bytes[index + 1] = UInt8(truncatingIfNeeded: phone.digits &>> UInt64(56 - 8 * index))
        }
        return ErasureTag(SipHash.hash(bytes.span.bytes, key0: first, key1: second))
    }
}

/// What stands for something erased: 16 bytes.
public struct ErasureTag: Hashable, Sendable {
    public static let byteCount = 16

    private let first: UInt64
    private let second: UInt64

    fileprivate init(_ hash: SipHash.Hash) {
        first = hash.first
        second = hash.second
    }

    /// nil unless there are 16 bytes.
    public init?(bytes: Span<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        func word(_ start: Int) -> UInt64 {
            (0..<8).reduce(0) { $0 | UInt64(bytes[start + $1]) &<< UInt64(8 * $1) }
        }
        first = word(0)
        second = word(8)
    }

    public var bytes: [UInt8] {
        [first, second].flatMap { word in
            withUnsafeBytes(of: word.littleEndian) { Array($0) }
        }
    }

    /// The bytes are as good as random.
    public func hash(into hasher: inout Hasher) { hasher.combine(first) }
}

/// What must not come back: the tags of all that was erased, and the key that they are made with.
///
/// **What an erased phone means for events.** An identity of which anybody ever said an erased
/// phone is erased, for good, as a void is final: it has neither a phone nor a comment, whatever
/// else was or will be said of it. So it makes no difference whether the erasure came first.
public struct ErasureList: Sendable {
    public let key: ErasureKey
    private var tags: Set<ErasureTag>

    public init(key: ErasureKey, tags: Set<ErasureTag> = []) {
        self.key = key
        self.tags = tags
    }

    public init(key: ErasureKey = ErasureKey(), of subjects: [ErasureSubject]) {
        self.init(key: key, tags: Set(subjects.map(key.tag)))
    }

    public var count: Int { tags.count }

    public func covers(_ subject: ErasureSubject) -> Bool { tags.contains(key.tag(of: subject)) }

    public func covers(_ phone: PhoneNumber) -> Bool { tags.contains(key.tag(of: phone)) }

    /// Whether an event was said with a phone that is erased.
    public func covers(_ event: CardEvent) -> Bool {
        guard let phone = event.phone else { return false }
        return covers(phone) || event.otherPhones.contains(where: covers)
    }

    /// Whether a customer, or their phone, is erased.
    public func covers(_ customer: Customer) -> Bool {
        covers(.customer(customer.id)) || customer.phone.map(covers) ?? false
    }

    /// What may be kept of what an event says.
    public func applied(to event: CardEvent) -> CardEvent {
        guard covers(event) else { return event }
        var event = event
        event.erase()
        return event
    }
}
