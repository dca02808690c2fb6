internal import CardModel

/// Reads `{"card_ids":[…],"phones":[…]}` and nothing else: RFC 8259 to the letter, each member at
/// most once and at least one of them, all values strings, nothing behind.
///
/// It builds no tree: a string goes to the keys as it is found, from where it lies unless it has
/// escapes. Depth is that of the shape, so no input can nest.
enum BatchReader {
    static func read(_ text: Span<UInt8>, into keys: inout BatchKeys) throws {
        var json = JSONReader(text)
        do {
            try readObject(&json, &keys)
        } catch let error as JSONError {
            throw BatchError.malformed(error.what, offset: error.offset)
        }
    }

    private static func readObject(
        _ json: inout JSONReader, _ keys: inout BatchKeys
    ) throws {
        try json.expect("{", "an object")
        // Phones come after all card IDs, whichever member came first.
        var hasCards = false
        var phonesStart: Int?
        repeat {
            let start = json.skipSpace()
            let name = try json.readName()
            try json.expect(":", "':'")
            switch name {
            case "card_ids":
                guard !hasCards else { throw json.fail("'card_ids' is given twice", at: start) }
                hasCards = true
                try readArray(&json) { key in try keys.appendCard(key) }
            case "phones":
                guard phonesStart == nil else {
                    throw json.fail("'phones' is given twice", at: start)
                }
                phonesStart = json.skipSpace()
                var count = 0
                try readArray(&json) { _ in
                    count += 1
                    guard count <= BatchKeys.countMax else { throw BatchError.tooManyKeys }
                }
            default:
                throw json.fail("only 'card_ids' and 'phones' are members", at: start)
            }
        } while try json.isFollowedByComma("}")
        try json.expectEnd("object")
        if let phonesStart {
            json.offset = phonesStart
            try readArray(&json) { key in try keys.appendPhone(key) }
        }
    }

    @inline(__always)
    private static func readArray(
        _ json: inout JSONReader, _ body: (Span<UInt8>) throws -> Void
    ) throws {
        if try json.isEmptyArray() { return }
        repeat {
            _ = json.skipSpace()
            try json.readString(body)
        } while try json.isFollowedByComma("]")
    }
}
