import CardModel
import CardTesting
import Testing

@testable import CardIndex

struct CardIndexTests {
    private let text = DrawnCard.text

    private func insert(
        _ index: CardIndex, _ id: CardID, phone: UInt64, comment: Int = 0, reference: Int = 0,
        status: CardStatus = .delivered, time: Int64 = 1_700_000_000
    ) throws {
        let time = try #require(Timestamp(seconds: time))
        try index.insert(
            CardView(
                id: id, phone: PhoneNumber(digits: phone), status: status, updatedAt: time,
                comment: text.span.extracting(0..<comment),
                reference: text.span.extracting(5_000..<5_000 + reference)))
    }

    /// Nothing is found in an empty index, and removing from it is no error.
    @Test func index_isEmpty_whenNew() throws {
        let index = try CardIndex()
        let id = makeIDs(1..<2)[0]
        index.remove(id)
        #expect(index.withCard(id) { _ in true } == nil)
        #expect(page(index, try #require(PhoneNumber(digits: 5))) == [])
        var absent: [Int] = []
        let ids = [id, id]
        index.withCards(ids.span) { _, _ in
            Issue.record("a card is found in an empty index")
        } absent: {
            absent.append($0)
        }
        #expect(absent == [0, 1])
        #expect(index.count == 0)
        #expect(index.checkInvariants() == [])
    }

    /// The lent fields are those of the whole card, and what is not there is not lent.
    @Test func withFound_lendsWhatLendDoes() throws {
        let index = try CardIndex()
        let shape = CardShape(phones: 4)
        let ids = makeIDs(0..<300)
        for (place, id) in ids.enumerated() where place % 3 > 0 {
            try DrawnCard(id, version: UInt32(place), shape).insert(into: index)
        }
        for (place, id) in ids.enumerated() {
            let card = DrawnCard(id, version: UInt32(place), shape)
            var isEqual = false
            let isFound = index.withFound(id) { found in
                isEqual =
                    found.phone == card.phone && found.status == card.status
                    && found.updatedAt == index.withCard(id) { $0.updatedAt }
            }
            #expect(isFound == (place % 3 > 0))
            #expect(isEqual == isFound)
        }
    }

    /// Asking for memory ahead finds nothing and changes nothing: for cards and phones that are
    /// there or not, before anything was inserted, and with a hash from before the tables grew.
    @Test func prefetch_changesNothing() throws {
        let index = try CardIndex()
        let shape = CardShape(phones: 4)
        let ids = makeIDs(0..<400)
        let phones = (1...6).compactMap { PhoneNumber(digits: shape.phoneBase + $0) }
        var cardHashes = ids.map { index.prefetch($0) }
        var phoneHashes = phones.map { index.prefetch($0) }
        for (place, id) in ids.enumerated() where place % 2 == 0 {
            try DrawnCard(id, version: 1, shape).insert(into: index)
        }
        cardHashes += [0, .max]
        phoneHashes += [0, .max]
        for hash in cardHashes { index.prefetchCard(hash) }
        for hash in phoneHashes { index.prefetchCard(ofPhone: hash) }
        for (place, id) in ids.enumerated() {
            #expect(index.prefetch(id) == cardHashes[place])
            let isWhole = index.withCard(id) { DrawnCard(id, version: 1, shape).isEqual($0) }
            #expect(isWhole == (place % 2 == 0 ? true : nil))
        }
        #expect(index.checkInvariants() == [])
    }

    /// What the reader's closure throws comes out as it is, and the read has ended.
    @Test func withCard_passesTheClosuresError() throws {
        struct Refusal: Error {}
        let index = try CardIndex()
        let ids = makeIDs(1..<2)
        let id = ids[0]
        let phone = try #require(PhoneNumber(digits: 7))
        try insert(index, id, phone: 7)
        #expect(throws: Refusal.self) { try index.withCard(id) { _ in throw Refusal() } }
        #expect(throws: Refusal.self) {
            try index.withCards(phone: phone, limit: 1) { _ in throw Refusal() }
        }
        #expect(throws: Refusal.self) {
            try index.withCards(ids.span) { _, _ in
                throw Refusal()
            } absent: { _ in
            }
        }
        // Would trap if a read had not ended: a read must not wait for readers.
        CardIndex.waitForReaders()
        #expect(index.checkInvariants() == [])
    }

    /// Every field comes back, at every length that the model allows, alone and packed between
    /// others.
    @Test(arguments: [0, 3_000_000_000, 9_999_999_999_999_999_999] as [UInt64])
    func withCard_lendsWhatWasInserted_atEverySize(_ phone: UInt64) throws {
        let index = try CardIndex()
        let comments = [0, 1, 4, 5, 6, 7, 8, 9, 1_023, 1_024]
        let references = [0, 1, 2, 3, 4, 63, 64]
        for idCount in 1...CardID.maxCount {
            let bytes = (0..<idCount).map { UInt8(ascii: "A") + UInt8($0 % 26) }
            let id = makeID(bytes)
            for comment in comments {
                for reference in references {
                    let status = CardStatus(rawValue: UInt8(reference % 4)) ?? .pickedUp
                    let time = Int64(comment % 2 == 0 ? 946_684_800 : 4_102_444_799)
                    try insert(
                        index, id, phone: phone, comment: comment, reference: reference,
                        status: status, time: time)
                    let isRight = index.withCard(id) { card in
                        card.id == id && card.phone?.digits ?? 0 == phone && card.status == status
                            && Int64(card.updatedAt.seconds) == time
                            && isText(card.comment, 0..<comment)
                            && isText(card.reference, 5_000..<5_000 + reference)
                    }
                    #expect(
                        isRight == true, "ID \(idCount), comment \(comment), ref. \(reference)")
                }
            }
        }
        #expect(index.count == CardID.maxCount)
        #expect(index.checkInvariants() == [])
    }

    private func isText(_ bytes: Span<UInt8>, _ place: Range<Int>) -> Bool {
        guard bytes.count == place.count else { return false }
        for offset in bytes.indices where bytes[offset] != text[place.lowerBound + offset] {
            return false
        }
        return true
    }

    /// An ID is found by all of its bytes: not by one that differs in one place, though the two
    /// have one hash, and not by a part of it.
    @Test func withCard_findsNothing_forAnIDThatIsAlmostTheSame() throws {
        for count in 1...CardID.maxCount {
            let bytes = (0..<count).map { UInt8(ascii: "A") + UInt8($0 % 26) }
            let id = makeID(bytes)
            for place in 0..<count {
                var changed = bytes
                changed[place] = UInt8(ascii: "-")
                let other = makeID(changed)
                let hash = Self.hashThatOverlooks(place, of: id)
                #expect(hash.hash(id) == hash.hash(other), "\(count) bytes, \(place)")
                let index = try CardIndex(capacity: 0, hash: hash)
                try insert(index, id, phone: 1)
                #expect(index.withCard(other) { _ in true } == nil, "\(count) bytes, \(place)")
                try insert(index, other, phone: 1)
                #expect(index.count == 2, "\(count) bytes, \(place)")
                #expect(index.withCard(id) { $0.id } == id, "\(count) bytes, \(place)")
            }
            let index = try CardIndex()
            try insert(index, id, phone: 1)
            for part in 1..<count {
                #expect(index.withCard(makeID(Array(bytes[..<part]))) { _ in true } == nil)
                #expect(index.withCard(makeID(Array(bytes[part...]))) { _ in true } == nil)
            }
        }
    }

    /// Seeds under which the ID's hash does not depend on the byte at a place: the hash multiplies
    /// words of the ID, each combined with a seed, and these seeds make the other factor 0. Nobody
    /// outside the process knows its seeds, which are random.
    private static func hashThatOverlooks(_ place: Int, of id: CardID) -> KeyHash {
        let words = id.words
        let constant: UInt64 = 0x9E37_79B9_7F4A_7C15
        switch place / 8 {
        case 0, 2: return KeyHash(seeds: words.3 ^ (0 &- constant), words.1)
        default: return KeyHash(seeds: words.0, words.2)
        }
    }

    /// A phone lists 64 cards; with the 65th it is a crowd, and stays one until its last card has
    /// gone, one way or the other: then it lists again.
    @Test(arguments: [true, false])
    func withCards_leavesACrowdToTheStore_beyond64Cards(_ leaveByMoving: Bool) throws {
        let index = try CardIndex()
        let ids = makeIDs(0..<65).sorted()
        let phone = try #require(PhoneNumber(digits: 42))
        for round in 0..<3 {
            for (place, id) in ids.shuffled().enumerated() {
                try insert(index, id, phone: 42)
                // An update is not another card.
                try insert(index, id, phone: 42, time: 1_800_000_000)
                #expect(page(index, phone)?.count == (place < 64 ? place + 1 : nil))
            }
            #expect(index.statistics.crowds == 1, "round \(round)")
            #expect(index.checkInvariants() == [])
            for (place, id) in ids.shuffled().enumerated() {
                #expect(page(index, phone) == nil, "\(65 - place) cards are left")
                if leaveByMoving {
                    try insert(index, id, phone: place % 2 == 0 ? 43 : 0)
                } else {
                    index.remove(id)
                }
            }
            #expect(page(index, phone) == [])
            #expect(index.statistics.crowds == 0)
            #expect(index.checkInvariants() == [])
        }
    }

    /// 64 cards are listed in the order of their IDs, from anywhere, up to any limit.
    @Test func withCards_listsFromAnyCard_inOrder() throws {
        let index = try CardIndex()
        let ids = makeIDs(0..<64)
        let sorted = ids.sorted()
        for id in ids { try insert(index, id, phone: 42) }
        let phone = try #require(PhoneNumber(digits: 42))
        #expect(page(index, phone) == sorted)
        for (place, id) in sorted.enumerated() {
            for limit in [0, 1, 2, 63, 64, .max] {
                #expect(
                    page(index, phone, after: id, limit: limit)
                        == Array(sorted[(place + 1)...].prefix(limit)))
            }
        }
    }

    /// A batch answers each ID once and in order, whatever its size and however often an ID is in
    /// it.
    @Test func withCards_answersEachID_inOrder() throws {
        let index = try CardIndex()
        let ids = makeIDs(0..<200)
        for id in ids[..<100] { try insert(index, id, phone: 0) }
        var random = SeededGenerator(seed: 5)
        for count in 0...100 {
            let batch = (0..<count).map { _ in Int.random(in: 0..<200, using: &random) }
            var answers: [Int] = []
            let asked = batch.map { ids[$0] }
            index.withCards(asked.span) { place, card in
                #expect(card.id == ids[batch[place]])
                answers.append(place)
                #expect(batch[place] < 100)
            } absent: { place in
                answers.append(place)
                #expect(batch[place] >= 100)
            }
            #expect(answers == Array(0..<count))
        }
    }

    /// A comment is kept once from its second card on, goes with its last card, and the pool takes
    /// 8,192 of them.
    @Test func comments_areShared_fromTheSecondSightOn() throws {
        let index = try CardIndex()
        let ids = makeIDs(0..<20_000)
        for (place, id) in ids[..<3].enumerated() {
            try insert(index, id, phone: 0, comment: 40)
            #expect(index.statistics.sharedComments == (place == 0 ? 0 : 1))
        }
        for (place, id) in ids[..<3].enumerated() {
            // The first card has its own copy.
            try insert(index, id, phone: 0, comment: 0)
            #expect(index.statistics.sharedComments == (place < 2 ? 1 : 0))
        }
        let shape = CardShape(phones: 0)
        for id in ids { try DrawnCard(id, version: 1, shape).insert(into: index) }
        let time = try #require(Timestamp(seconds: 1_700_000_000))
        for (place, id) in ids[..<18_000].enumerated() {
            // Two cards in a row have one comment.
            var comment: [UInt8] = Array("comment of ".utf8)
            ids[place / 2].append(to: &comment)
            let none: [UInt8] = []
            try index.insert(
                CardView(
                    id: id, phone: nil, status: .returned, updatedAt: time, comment: comment.span,
                    reference: none.span))
        }
        #expect(index.statistics.sharedComments == CommentPool.capacity)
        #expect(index.checkInvariants() == [])
        for id in ids { index.remove(id) }
        #expect(index.statistics.sharedComments == 0)
        #expect(index.checkInvariants() == [])
    }

    /// A filled index is what insertion would have made of it, for any count of cards, with growth
    /// and crowds, and takes changes afterwards.
    @Test(arguments: [0, 1, 2, 31, 32, 33, 64, 65, 5_000])
    func fill_addsWhatInsertWould(_ count: Int) throws {
        let ids = makeIDs(0..<count).sorted()
        let shape = CardShape(phones: 30)
        let filled = try CardIndex()
        let inserted = try CardIndex()
        try filled.fill { add in
            for id in ids { try DrawnCard(id, version: 1, shape).lend(to: add) }
        }
        for id in ids { try DrawnCard(id, version: 1, shape).insert(into: inserted) }
        #expect(filled.checkInvariants() == [])
        // A fill takes memory in blocks: what is left of the last one is free.
        var statistics = filled.statistics
        statistics.recordBytes -= statistics.freeBytes
        statistics.freeBytes = 0
        #expect(statistics == inserted.statistics)
        #expect(count < 5_000 || filled.statistics.crowds > 0)
        for id in ids {
            let isWhole = filled.withCard(id) { DrawnCard(id, version: 1, shape).isEqual($0) }
            #expect(isWhole == true)
        }
        for digits in 1...UInt64(shape.phones) {
            let phone = try #require(PhoneNumber(digits: shape.phoneBase + digits))
            #expect(page(filled, phone) == page(inserted, phone))
        }
        for id in ids { filled.remove(id) }
        #expect(filled.count == 0)
        #expect(filled.checkInvariants() == [])
    }

    /// An index that knows its size beforehand does not grow, and one that does not keeps to 64
    /// bytes a card: right after each growth too, when its tables are emptiest.
    ///
    /// The sum for the usual card: 8 head + 8 phone + 4 comment + 11 ID + 9 reference = 40 bytes a
    /// record; a table's place takes 64 / 12 bytes and is filled to 85 / 135 at the least: 8.5
    /// bytes a card, twice. 57 in all.
    @Test func memory_isAtMost64BytesACard_atAnyCount() throws {
        let cards = 30_000
        let grown = try CardIndex()
        let sized = try CardIndex(capacity: cards)
        let sizedTables = sized.statistics.tableBytes
        var tableBytes = 0
        var growths = 0
        for number in 0..<cards {
            let bytes = Array("ZY\(100_000_000 + number * 29)".utf8)
            let id = makeID(bytes)
            for index in [grown, sized] {
                try insert(
                    index, id, phone: 971_500_000_000 + UInt64(number), comment: 18, reference: 9)
            }
            let statistics = grown.statistics
            guard statistics.tableBytes != tableBytes else { continue }
            tableBytes = statistics.tableBytes
            growths += 1
            guard number >= 1_000 else { continue }
            let perCard = (tableBytes + statistics.recordBytes) / (number + 1)
            #expect(perCard <= 64, "\(number + 1) cards")
        }
        #expect(growths > 15)
        #expect(sized.statistics.tableBytes == sizedTables)
        #expect((sizedTables + sized.statistics.recordBytes) / cards <= 54)
        #expect(grown.checkInvariants() == [])
    }

    /// What the closure of a fill throws comes out as it is, and the index is whole: it has some of
    /// the cards that were added, and the memory of all others is accounted for.
    @Test func fill_leavesAWholeIndex_whenTheClosureThrows() throws {
        struct Refusal: Error {}
        let ids = makeIDs(0..<100).sorted()
        let shape = CardShape()
        let index = try CardIndex()
        #expect(throws: Refusal.self) {
            try index.fill { add in
                for id in ids { try DrawnCard(id, version: 1, shape).lend(to: add) }
                throw Refusal()
            }
        }
        #expect(index.checkInvariants() == [])
        for id in ids { try DrawnCard(id, version: 2, shape).insert(into: index) }
        #expect(index.count == ids.count)
        #expect(index.checkInvariants() == [])
    }
}
