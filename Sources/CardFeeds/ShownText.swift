/// A partner's words, fit to be part of a message.
enum ShownText {
    /// Cut, without card numbers, and with `?` for what would act on a terminal instead of being
    /// shown: control characters, and those that turn the direction of writing or end a line.
    static func make(_ text: [UInt8], scalarsMax: Int, hidesCardNumbers: Bool = true) -> String {
        // A scalar has four bytes at most. Masked before it is cut: half a number is too much.
        var bytes = Array(text.prefix(4 * scalarsMax + CardNumberMask.reachBytes))
        if hidesCardNumbers { CardNumberMask.apply(to: &bytes, .likely) }
        // The usual text costs nothing: it is shown as it is.
        if bytes.count <= scalarsMax, bytes.allSatisfy({ (0x20..<0x7F).contains($0) }) {
            return String(decoding: bytes, as: UTF8.self)
        }
        let scalars = String(decoding: bytes, as: UTF8.self).unicodeScalars
        let shown = scalars.prefix(scalarsMax).map { isPlain($0) ? String($0) : "?" }
        return shown.joined() + (scalars.count > scalarsMax ? "…" : "")
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: false
        default: scalar != "\u{FFFD}"
        }
    }
}
