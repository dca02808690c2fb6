/// What stands before a file's first row and after its last one.
enum FileEnds {
    /// The loader reads rows of up to 1 MiB.
    private static let longRowBytes = (1 << 20) + 1
    /// A smaller run has no row of 1 MiB, which would be most of it.
    private static let longRowCardsMin = 1_000

    static func head(_ file: PartnerFile, _ options: CardGenerator.Options) -> [UInt8] {
        var text = TextBuffer(capacity: 256)
        if file.layout(seed: options.seed).hasByteOrderMark { text.append("\u{FEFF}") }
        text.append(file.header)
        return text.withBytes { Array($0) }
    }

    /// Rows that a run has once: in `Delivered` one that is longer than the loader reads, and at
    /// the end of `Delivery exceptions`, where no later quote can close it, a quote that is left
    /// open. `Returned` ends without a line break.
    static func tail(
        _ file: PartnerFile, _ options: CardGenerator.Options, _ manifest: inout Manifest.File
    ) -> [UInt8] {
        let lineEnd = file.layout(seed: options.seed).lineEnd
        var text = TextBuffer(capacity: longRowBytes + 1_024)
        if file == .delivered, options.cards >= longRowCardsMin {
            text.append(lineEnd)
            text.append("B0,ZYW0,0501234567,13-11-2023 14:00,")
            text.append(repeating: UInt8(ascii: "a"), count: longRowBytes)
            manifest.rows += 1
            manifest.rejects[RejectReason.rowTooLong.rawValue] += 1
        }
        if file == .deliveryExceptions, options.cards > 0 {
            text.append(lineEnd)
            text.append("B0,ZYW0,0501234567,13-11-2023 14:00,\"User not available")
            manifest.rows += 1
            manifest.rejects[RejectReason.quoteNotClosed.rawValue] += 1
        }
        if file != .returned { text.append(lineEnd) }
        return text.withBytes { Array($0) }
    }
}
