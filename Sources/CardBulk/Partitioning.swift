/// Cuts the space of keys into ranges that hold about as much each, by a sample of keys.
///
/// A key's range is found from eight of its bytes, behind the prefix that all keys of the sample
/// share. The cuts do not decide what is right, only how evenly work and memory are spread.
struct Partitioning: Sendable {
    private let prefix: [UInt8]
    /// The prefix's first eight bytes, as an integer.
    private let prefixWord: UInt64
    private let prefixWordBytes: Int
    /// The lower bounds of all ranges but the first, ascending.
    private let bounds: [UInt64]

    var count: Int { bounds.count + 1 }

    init(sample: [[UInt8]], countMax: Int) {
        guard let first = sample.first, countMax > 1 else {
            prefix = []
            prefixWord = 0
            prefixWordBytes = 0
            bounds = []
            return
        }
        let shared = sample.reduce(first.count) { shared, key in
            first.withUnsafeBytes { a in
                key.withUnsafeBytes { min(shared, KeyBytes.sharedPrefix(a, $0)) }
            }
        }
        prefix = Array(first[..<shared])
        prefixWordBytes = min(shared, 8)
        let word = first.withUnsafeBytes { KeyBytes.word($0, at: 0) }
        prefixWord = prefixWordBytes == 0 ? 0 : word >> UInt64(64 - 8 * prefixWordBytes)
        let words = sample.map { key in key.withUnsafeBytes { KeyBytes.word($0, at: shared) } }
            .sorted()
        var bounds: [UInt64] = []
        for index in 1..<countMax {
            let word = words[index * words.count / countMax]
            if word > bounds.last ?? words[0] { bounds.append(word) }
        }
        self.bounds = bounds
    }

    /// The range that a key belongs to.
    @inline(__always)
    func index(of key: UnsafeRawBufferPointer) -> Int {
        if bounds.isEmpty { return 0 }
        if prefixWordBytes > 0 {
            let word = KeyBytes.word(key, at: 0) >> UInt64(64 - 8 * prefixWordBytes)
            if word != prefixWord { return word < prefixWord ? 0 : bounds.count }
        }
        if prefix.count > 8 {
            let order = prefix.withUnsafeBytes { prefix in
                KeyBytes.order(
                    UnsafeRawBufferPointer(rebasing: key[..<min(prefix.count, key.count)]), prefix)
            }
            if order != 0 { return order < 0 ? 0 : bounds.count }
        }
        let word = KeyBytes.word(key, at: prefix.count)
        return bounds.withUnsafeBufferPointer { bounds in
            var base = 0
            var rest = bounds.count
            // The number of bounds that are not greater than the word, without a branch.
            while rest > 1 {
                let half = rest / 2
                base += bounds[base + half - 1] <= word ? half : 0
                rest -= half
            }
            return base + (bounds[base] <= word ? 1 : 0)
        }
    }

    /// The least key that a range can hold; empty for the first. A key is in a range of at least
    /// `index` exactly when it is not less than this: zeros at the end say nothing about order.
    func lowerBound(_ index: Int) -> [UInt8] {
        guard index > 0 else { return [] }
        var key = prefix
        withUnsafeBytes(of: bounds[index - 1].bigEndian) { key.append(contentsOf: $0) }
        while key.last == 0, key.count > prefix.count { key.removeLast() }
        return key
    }
}
