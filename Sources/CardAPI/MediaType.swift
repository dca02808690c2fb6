internal import HTTPFront

/// What a body is, by its `Content-Type`.
enum MediaType {
    case json, text

    /// Nil without a header, and for other types: a web page can have a browser send any body
    /// elsewhere as long as it does not say that it is JSON. Parameters make no difference: what is
    /// not UTF-8 is found out when it is read.
    init?(_ header: UnsafeBufferPointer<UInt8>?) {
        guard let header else { return nil }
        let type = String(decoding: header.prefix { $0 != UInt8(ascii: ";") }, as: UTF8.self)
        switch type.lowercased().filter({ $0 != " " && $0 != "\t" }) {
        case "application/json": self = .json
        case "text/plain": self = .text
        default: return nil
        }
    }
}
