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
    /// The space between the first and the last bound, cut into equal pieces: how many bounds lie
    /// before each, and in all. A search by halves mispredicts a branch a step.
    private let pieces: [UInt16]
    private let pieceShift: UInt64

    private static let piecesMax = 2_048
    /// More than these are searched by halves.
    private static let boundsPerPieceMax = 8

    var count: Int { bounds.count + 1 }

    init(sample: [[UInt8]], countMax: Int) {
        guard let first = sample.first, countMax > 1 else {
            prefix = []
            prefixWord = 0
            prefixWordBytes = 0
            bounds = []
            pieces = []
            pieceShift = 0
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
        (pieces, pieceShift) = Self.pieces(of: bounds)
    }

    private static func pieces(of bounds: [UInt64]) -> ([UInt16], shift: UInt64) {
        guard let first = bounds.first, let last = bounds.last else { return ([], 0) }
        precondition(bounds.count < Int(UInt16.max), "there are no more ranges than that")
        var shift: UInt64 = 0
        while (last - first) >> shift >= UInt64(piecesMax) { shift += 1 }
        var pieces: [UInt16] = []
        var before = 0
        for piece in 0...((last - first) >> shift) {
            while before < bounds.count, (bounds[before] - first) >> shift < piece { before += 1 }
            pieces.append(UInt16(before))
        }
        pieces.append(UInt16(bounds.count))
        return (pieces, shift)
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
        return index(ofWord: KeyBytes.word(key, at: prefix.count))
    }

    /// The range of a key whose first sixteen bytes are these two words; nil when that takes more
    /// of it.
    @inline(__always)
    func index(ofWords first: UInt64, _ second: UInt64) -> Int? {
        if bounds.isEmpty { return 0 }
        guard prefix.count <= 8 else { return nil }
        let prefixBits = UInt64(8 * prefix.count)
        if prefixBits > 0 {
            let word = first >> (64 - prefixBits)
            if word != prefixWord { return word < prefixWord ? 0 : bounds.count }
        }
        return index(ofWord: first << prefixBits | second >> (64 - prefixBits))
    }

    /// The number of bounds that are not greater than the word.
    @inline(__always)
    private func index(ofWord word: UInt64) -> Int {
        bounds.withUnsafeBufferPointer { bounds in
            guard word >= bounds[0] else { return 0 }
            guard word < bounds[bounds.count &- 1] else { return bounds.count }
            let piece = Int(truncatingIfNeeded: (word &- bounds[0]) >> pieceShift)
            var (base, end) = pieces.withUnsafeBufferPointer {
                (Int($0[piece]), Int($0[piece &+ 1]))
            }
            // A piece mostly has one bound or two; few have many where keys are uneven.
            while end &- base > Self.boundsPerPieceMax {
                let middle = (base &+ end) / 2
                if bounds[middle] <= word { base = middle &+ 1 } else { end = middle }
            }
            // The last bound is greater.
            while bounds[base] <= word { base &+= 1 }
            return base
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
