internal import CardModel

/// The rows of a stretch of cards, made in memory.
///
/// A block depends on the options and its index alone, so blocks can be made on any number of
/// threads: written one after the other, they give the same files. One `Block` is used again and
/// again, and its arrays soon have all the room they need.
struct Block: ~Copyable {
    /// Enough for writes of a few hundred kilobytes a file.
    static let cards = 16_384

    private let options: CardGenerator.Options
    private let lineEnds: [StaticString]
    private let comments = Comment.all

    /// What each file has of this block; a row begins with the line break that ends the one before.
    private(set) var bytes = [[UInt8]](repeating: [], count: PartnerFile.allCases.count)
    /// Rows that come late: they follow when the block's other rows are written.
    private var lateBytes = [[UInt8]](repeating: [], count: PartnerFile.allCases.count)
    /// What the loading of this block must come to.
    private(set) var manifest = Manifest()

    private var story = CardStory()
    private var id = TextBuffer(capacity: 32)
    private var row = TextBuffer(capacity: 8_192)
    private var json = TextBuffer(capacity: 4_096)
    private var random = SplitMix64(seed: 0, stream: 0)
    private var kind = CardName.Kind.plain
    private var spellsOut = false

    init(_ options: CardGenerator.Options) {
        self.options = options
        lineEnds = PartnerFile.allCases.map { $0.layout(seed: options.seed).lineEnd }
    }

    /// Makes the block with that index, in place of the one before.
    mutating func generate(_ index: Int) {
        for file in bytes.indices {
            bytes[file].removeAll(keepingCapacity: true)
            lateBytes[file].removeAll(keepingCapacity: true)
        }
        manifest.removeAll()
        let first = index * Self.cards
        // Far more cards than are spelled out lie in the first block.
        spellsOut = index == 0
        for number in first..<min(first + Self.cards, options.cards) {
            generateCard(UInt64(number))
        }
        for file in bytes.indices {
            bytes[file].append(contentsOf: lateBytes[file])
            manifest.files[file].bytes = bytes[file].count
        }
    }

    private mutating func generateCard(_ number: UInt64) {
        random = SplitMix64(seed: options.seed, stream: number)
        if number % Unusable.cardsForEachLostCard == Unusable.cardsForEachLostCard - 1 {
            addUnusable(.cardIDIsCardNumber, number)
            return
        }
        story.draw(number, options, &random)
        kind = CardName.drawKind(&random)
        id.removeAll()
        CardName.write(number, kind, seed: options.seed, to: &id)
        for index in story.events.indices { tell(story.events[index]) }
        if number % Unusable.cardsForEachRow == 7 {
            let reason = Int(number / Unusable.cardsForEachRow) % RejectReason.scatteredCount
            addUnusable(RejectReason.allCases[reason], number)
        }
        noteState()
    }

    // MARK: Rows

    /// Writes all rows of one event.
    private mutating func tell(_ event: CardStory.Event) {
        var bare = event
        bare.phone = 0
        bare.comment = Comment.none
        let isMore = event.phone != 0 || event.comment != Comment.none
        switch event.telling {
        case .once:
            tellOnce(event, mayBeLate: true)
        case .twice:
            let reasons = compose(event)
            add(event.file, reasons, isLate: false)
            add(event.file, reasons, isLate: random.chance(perMillion: 500_000))
            manifest.files[event.file.rawValue].duplicates += 1
        case .respelled:
            tellOnce(event, mayBeLate: false)
            tellOnce(event, mayBeLate: true)
            manifest.files[event.file.rawValue].duplicates += 1
        case .completed:
            tellOnce(bare, mayBeLate: false)
            tellOnce(event, mayBeLate: true)
            manifest.files[event.file.rawValue].accepted += isMore ? 1 : 0
            manifest.files[event.file.rawValue].duplicates += isMore ? 0 : 1
        case .impoverished:
            tellOnce(event, mayBeLate: false)
            tellOnce(bare, mayBeLate: true)
            manifest.files[event.file.rawValue].duplicates += 1
        }
        manifest.files[event.file.rawValue].accepted += 1
        manifest.events += 1
    }

    private mutating func tellOnce(_ event: CardStory.Event, mayBeLate: Bool) {
        let reasons = compose(event)
        add(event.file, reasons, isLate: mayBeLate && random.chance(perMillion: 10_000))
    }

    /// What the loader warns of in one row: one bit a reason.
    private typealias WarningBits = UInt16

    private static func bit(_ reason: WarningReason) -> WarningBits { 1 << reason.rawValue }

    /// Writes one row to `row`.
    private mutating func compose(_ event: CardStory.Event) -> WarningBits {
        var warnings: WarningBits = 0
        let lot = random.below(1_000)
        row.removeAll()
        row.append(reference: event.reference, in: event.file, isQuoted: lot < 10)
        row.append(UInt8(ascii: ","))
        if let reason = row.append(card: id, kind, &random) { warnings |= Self.bit(reason) }
        row.append(UInt8(ascii: ","))
        if event.phone != 0 {
            row.append(phone: event.phone, in: event.file, &random)
        } else if random.chance(perMillion: 400_000) {
            let lost = CardPhone.mobile(random.next())
            warnings |= Self.bit(row.append(brokenPhone: lost, &random))
        }
        row.append(UInt8(ascii: ","))
        row.append(moment: event.seconds, in: event.file, &random)
        if event.seconds >= CardStory.futureSeconds { warnings |= Self.bit(.timestampInFuture) }
        if event.file.hasComments, event.comment != Comment.none || lot >= 20 {
            row.append(UInt8(ascii: ","))
            // White space around a comment is no part of it; a quote must come first in its field.
            let isPadded = lot >= 980 && comments[event.comment].isPlain
            if isPadded { row.append("  ") }
            row.append(comments[event.comment].field)
            if isPadded { row.append(" ") }
        }
        // An empty field more than the header has means nothing. Where the comment is left out, it
        // would stand for the comment, which is as well.
        if lot >= 500, lot < 503 { row.append(UInt8(ascii: ",")) }
        return warnings
    }

    /// Adds what is in `row` to a file.
    private mutating func add(_ file: PartnerFile, _ warnings: WarningBits, isLate: Bool) {
        var rest = warnings
        while rest != 0 {
            manifest.files[file.rawValue].warnings[rest.trailingZeroBitCount] += 1
            rest &= rest &- 1
        }
        let hasBlankLine = random.chance(perMillion: 500)
        append(file, isLate: isLate, hasBlankLine: hasBlankLine)
    }

    private mutating func append(_ file: PartnerFile, isLate: Bool, hasBlankLine: Bool) {
        let lineEnd = lineEnds[file.rawValue]
        let end = UnsafeBufferPointer(
            start: lineEnd.utf8Start, count: lineEnd.utf8CodeUnitCount)
        manifest.files[file.rawValue].rows += 1
        row.withBytes { row in
            if isLate {
                lateBytes[file.rawValue].append(contentsOf: end)
                if hasBlankLine { lateBytes[file.rawValue].append(contentsOf: end) }
                lateBytes[file.rawValue].append(contentsOf: row)
            } else {
                bytes[file.rawValue].append(contentsOf: end)
                if hasBlankLine { bytes[file.rawValue].append(contentsOf: end) }
                bytes[file.rawValue].append(contentsOf: row)
            }
        }
    }

    private mutating func addUnusable(_ reason: RejectReason, _ number: UInt64) {
        row.removeAll()
        let file = Unusable.file(for: reason, number)
        Unusable.write(reason, number, file, to: &row)
        manifest.files[file.rawValue].rejects[reason.rawValue] += 1
        append(file, isLate: false, hasBlankLine: false)
    }

    // MARK: The state

    private mutating func noteState() {
        guard let last = story.last else { return }
        let phone = story.phone
        json.removeAll()
        json.append("{\"card_id\":\"")
        json.append(id)
        json.append("\",\"phone\":")
        if phone == 0 {
            json.append("null")
        } else {
            json.append("\"+")
            json.append(decimal: phone)
            json.append("\"")
            manifest.phones += 1
        }
        json.append(",\"status\":\"")
        json.append(last.file.status)
        json.append("\",\"updated_at\":\"")
        json.append(utc: last.seconds)
        json.append("\",\"comment\":")
        json.append(comments[last.comment].json)
        json.append(",\"reference\":")
        if last.reference == 0 {
            json.append("null}")
        } else {
            json.append("\"")
            json.append(reference: last.reference, in: last.file, isQuoted: false)
            json.append("\"}")
        }
        manifest.cards += 1
        manifest.stateDigest &+= json.withBytes { XXH64.hash($0.span.bytes) }
        if manifest.firstCards.count < Manifest.spelledOutMax, spellsOut {
            manifest.firstCards.append(json.withBytes { Array($0) })
        }
    }
}
