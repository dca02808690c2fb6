/// One thing that is fuzzed. `run` takes any bytes and traps when what it holds to be true is not:
/// libFuzzer looks for bytes that make it, and the tests run what it found worth keeping.
///
/// A target first takes what options it needs off the front of the input (``FuzzInput``), so that
/// every choice is libFuzzer's to make.
public struct FuzzTarget: Sendable {
    /// Also the folder of its inputs, in `Tests/FuzzTests/Corpus`.
    public let name: String
    public let run: @Sendable ([UInt8]) -> Void

    public static let all: [FuzzTarget] = [
        FuzzTarget(name: "csv", run: CSVTarget.run),
        FuzzTarget(name: "text-encoding", run: TextEncodingTarget.run),
        FuzzTarget(name: "phone", run: PhoneTarget.run),
        FuzzTarget(name: "timestamp", run: TimestampTarget.run),
        FuzzTarget(name: "time-zone", run: TimeZoneTarget.run),
        FuzzTarget(name: "card-id", run: CardIDTarget.run),
        FuzzTarget(name: "query", run: QueryTarget.run),
        FuzzTarget(name: "request", run: RequestTarget.run),
        FuzzTarget(name: "cursor", run: CursorTarget.run),
        FuzzTarget(name: "events", run: EventsTarget.run),
        FuzzTarget(name: "json-text", run: JSONTextTarget.run),
        FuzzTarget(name: "configuration", run: ConfigurationTarget.run),
        FuzzTarget(name: "json", run: JSONTarget.run),
        FuzzTarget(name: "xml", run: XMLTarget.run),
        FuzzTarget(name: "feed", run: FeedTarget.run),
        FuzzTarget(name: "customers", run: CustomersTarget.run),
        FuzzTarget(name: "record", run: RecordTarget.run),
        FuzzTarget(name: "meta", run: MetaTarget.run),
        FuzzTarget(name: "key", run: KeyTarget.run),
        FuzzTarget(name: "sealed", run: SealedTarget.run),
    ]

    public static func named(_ name: String) -> FuzzTarget? {
        all.first { $0.name == name }
    }
}

/// An input that is taken apart from the front.
struct FuzzInput {
    private var bytes: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) {
        self.bytes = bytes[...]
    }

    /// 0 when there is none left.
    mutating func byte() -> Int {
        Int(bytes.popFirst() ?? 0)
    }

    /// One of several; the first when there is no byte left.
    mutating func choice<T>(of values: [T]) -> T {
        values[byte() % values.count]
    }

    /// At most so many bytes.
    mutating func take(_ count: Int) -> [UInt8] {
        defer { bytes = bytes.dropFirst(count) }
        return Array(bytes.prefix(count))
    }

    /// What is left.
    var rest: [UInt8] { Array(bytes) }
}

extension [UInt8] {
    /// The bytes in a block of the heap that is no longer than they are, where AddressSanitizer
    /// sees every read beyond.
    func withExactBytes<R, E: Error>(
        _ body: (UnsafeBufferPointer<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: count)
        defer { copy.deallocate() }
        _ = copy.initialize(from: self)
        return try body(UnsafeBufferPointer(copy))
    }
}
