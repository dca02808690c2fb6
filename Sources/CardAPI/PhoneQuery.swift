internal import CardModel
internal import HTTPFront

/// The commonest query for cards by phone: `phone=` and nothing else.
///
/// Read in one pass and without an array. Whatever else a query may be, and whatever may be wrong
/// with it, is left to ``RequestParameters``, which finds the same phone more slowly or says what
/// is wrong.
enum PhoneQuery {
    private static let name: StaticString = "phone="

    static func phone(
        _ query: UnsafeBufferPointer<UInt8>, defaultRegion: PhoneRegion
    ) -> PhoneNumber? {
        let nameCount = name.utf8CodeUnitCount
        guard query.count > nameCount, query.count <= nameCount + 48 else { return nil }
        for index in 0..<nameCount where query[index] != name.utf8Start[index] { return nil }
        if query[nameCount] == UInt8(ascii: "%"), query.count > nameCount + 3,
            query[nameCount + 1] == UInt8(ascii: "2"), query[nameCount + 2] | 0x20 == 0x62,
            let phone = PhoneParser.international(query.span.extracting((nameCount + 3)...))
        {
            return phone
        }
        return anyPhone(query, defaultRegion: defaultRegion)
    }

    @inline(never)
    private static func anyPhone(
        _ query: UnsafeBufferPointer<UInt8>, defaultRegion: PhoneRegion
    ) -> PhoneNumber? {
        let nameCount = name.utf8CodeUnitCount
        var text = InlineArray<48, UInt8>(repeating: 0)
        var count = 0
        var offset = nameCount
        while offset < query.count {
            guard query[offset] != UInt8(ascii: "&"),
                let byte = byte(query, at: &offset)
            else { return nil }
            text[count] = byte
            count += 1
        }
        // A plus at the front arrives as `%2B`, or, when nobody encoded it, as a space.
        if text[0] == UInt8(ascii: " ") { text[0] = UInt8(ascii: "+") }
        do {
            return try PhoneParser(region: defaultRegion).parse(text.span.extracting(0..<count))
        } catch {
            return nil
        }
    }

    private static func byte(
        _ query: UnsafeBufferPointer<UInt8>, at offset: inout Int
    ) -> UInt8? {
        let byte = query[offset]
        if byte != UInt8(ascii: "%"), byte != UInt8(ascii: "+") {
            offset += 1
            return byte
        }
        do {
            return try PercentDecoding.nextByte(of: query, at: &offset, plus: .space)
        } catch {
            return nil
        }
    }
}
