/// Whether an answer speaks of what was asked: the key at its place at the body's start, as
/// docs/protocol.md has it.
enum AnswerCheck {
    /// - Parameter body: the first ``ResponseParser/captureMax`` bytes, or all if there are fewer.
    static func isRight(
        _ body: UnsafeBufferPointer<UInt8>, _ flight: Flight, key: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        switch flight.kind {
        case .path, .event: return true
        case .card:
            // Not-found answers are problems, which name no card.
            return flight.isMissing || follows(body, "{\"card_id\":\"", key, "\"") != nil
        case .phone:
            guard let end = follows(body, "{\"phone\":\"+", key, "\",\"cards\":[") else {
                return false
            }
            guard end < body.count else { return false }
            return (body[end] == UInt8(ascii: "]")) == flight.isMissing
        case .batch: return contains(body, key)
        }
    }

    /// The place behind all three texts, when the body begins with them.
    private static func follows(
        _ body: UnsafeBufferPointer<UInt8>, _ before: StaticString,
        _ key: UnsafeBufferPointer<UInt8>, _ after: StaticString
    ) -> Int? {
        let keyEnd = before.utf8CodeUnitCount + key.count
        let end = keyEnd + after.utf8CodeUnitCount
        guard body.count >= end else { return nil }
        for index in 0..<before.utf8CodeUnitCount
        where body[index] != before.utf8Start[index] { return nil }
        for index in 0..<key.count where body[before.utf8CodeUnitCount + index] != key[index] {
            return nil
        }
        for index in 0..<after.utf8CodeUnitCount
        where body[keyEnd + index] != after.utf8Start[index] { return nil }
        return end
    }

    private static func contains(
        _ body: UnsafeBufferPointer<UInt8>, _ key: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard body.count >= key.count else { return false }
        for start in 0...(body.count - key.count) {
            var index = 0
            while index < key.count, body[start + index] == key[index] { index += 1 }
            if index == key.count { return true }
        }
        return false
    }
}
