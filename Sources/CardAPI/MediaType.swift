internal import HTTPFront

/// What a body is, by its `Content-Type`.
enum MediaType {
    case json, text

    /// Nil without a header, and for other types: a web page can have a browser send any body
    /// elsewhere as long as it does not say that it is JSON. Parameters make no difference: what is
    /// not UTF-8 is found out when it is read.
    init?(_ header: UnsafeBufferPointer<UInt8>?) {
        guard let header else { return nil }
        let type = header.prefix { $0 != UInt8(ascii: ";") }
        if Self.isName(type, "application/json") {
            self = .json
        } else if Self.isName(type, "text/plain") {
            self = .text
        } else {
            return nil
        }
    }

    /// Whether a text is a name of lower-case letters, whatever the text's case and white space.
    private static func isName(
        _ text: Slice<UnsafeBufferPointer<UInt8>>, _ name: StaticString
    ) -> Bool {
        name.withUTF8Buffer { name in
            var count = 0
            for byte in text where byte != UInt8(ascii: " ") && byte != UInt8(ascii: "\t") {
                let isUpper = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                guard count < name.count, name[count] == (isUpper ? byte | 0x20 : byte) else {
                    return false
                }
                count += 1
            }
            return count == name.count
        }
    }
}
