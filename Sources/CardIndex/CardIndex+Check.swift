internal import CardModel

extension CardIndex {
    /// What is wrong; empty when nothing is. Keeps writers out, and takes seconds a million cards.
    public func checkInvariants() -> [String] {
        writer.withLock { writer in
            var check = Check(index: self)
            check.run(writer)
            return check.problems
        }
    }

    private struct Check {
        let index: CardIndex
        var problems: [String] = []
        /// Bytes of the arena by the record that begins there.
        private var extents: [UInt32: Int] = [:]
        private var commentUsers: [UInt32: UInt32] = [:]
        private var holders: [PhoneNumber: Int] = [:]
        private var listed: Set<UInt32> = []

        init(index: CardIndex) { self.index = index }

        mutating func run(_ writer: borrowing Writer) {
            walkCards(writer)
            walkPhones(writer)
            walkComments(writer)
            walkMemory(writer)
        }

        /// Notes a part of the arena that something has.
        private mutating func add(_ record: UInt32, _ byteCount: Int, _ what: String) {
            let units = (byteCount + 3) / 4 * 4
            if extents.updateValue(units, forKey: record) != nil {
                problems.append("\(what) begins where something else does")
            }
        }

        private mutating func walkCards(_ writer: borrowing Writer) {
            let table = index.cardTable
            problems += table.problems("cards") { index.hash.hash(index.record($0).id) }
            var count = 0
            var ids: Set<CardID> = []
            for group in 0..<table.groupCount {
                table.forEach(inGroup: group) { _, name in
                    let record = index.record(name)
                    count += 1
                    add(name, record.byteCount, "a card")
                    if !ids.insert(record.id).inserted { problems.append("a card is there twice") }
                    if index.find(record.id, index.hash.hash(record.id)) != name {
                        problems.append("a card is not found by its ID")
                    }
                    if !record.isCurrent { problems.append("a card's record is not marked") }
                    if record.comment != 0 { commentUsers[record.comment, default: 0] += 1 }
                    guard let phone = record.phone else { return }
                    holders[phone, default: 0] += 1
                    if writer.crowds[phone] == nil { listed.insert(name) }
                }
            }
            if count != index.count {
                problems.append("there are \(count) cards, and \(index.count) are counted")
            }
        }

        private mutating func walkPhones(_ writer: borrowing Writer) {
            let table = index.phoneTable
            problems += table.problems("phones") { name in
                index.record(name).phone.map { index.hash.hash($0) } ?? 0
            }
            var count = 0
            var crowds = 0
            for group in 0..<table.groupCount {
                table.forEach(inGroup: group) { _, name in
                    count += 1
                    let record = index.record(name)
                    guard record.isCrowd else {
                        if listed.remove(name) == nil {
                            problems.append("a phone lists a record that is no card's")
                        }
                        return
                    }
                    crowds += 1
                    add(name, IndexRecord.crowdBytes, "a crowd")
                    guard let phone = record.phone, let members = writer.crowds[phone],
                        members == holders[phone]
                    else {
                        problems.append("a crowd has another number of cards than it counts")
                        return
                    }
                }
            }
            if !listed.isEmpty {
                problems.append("\(listed.count) cards are not listed under their phone")
            }
            if crowds != writer.crowds.count {
                problems.append("\(crowds) crowds are listed of \(writer.crowds.count)")
            }
            if count != writer.phoneEntries {
                problems.append("\(count) phone entries, \(writer.phoneEntries) are counted")
            }
            for (phone, count) in holders
            where count > CardIndex.listedMax && writer.crowds[phone] == nil {
                problems.append("a phone of \(count) cards is no crowd")
            }
        }

        private mutating func walkComments(_ writer: borrowing Writer) {
            var pooled: Set<UInt32> = []
            for name in writer.pool.records { pooled.insert(name) }
            if pooled.count != writer.pool.count { problems.append("the pool counts wrongly") }
            for (name, users) in commentUsers {
                let comment = CommentRecord(index.records, name)
                add(name, CommentRecord.headBytes + comment.byteCount, "a comment")
                if users != comment.users {
                    problems.append(
                        "a comment has \(users) cards, and \(comment.users) are counted")
                }
                if comment.isPooled ? pooled.remove(name) == nil : users != 1 {
                    problems.append("a comment is shared outside the pool")
                }
            }
            if !pooled.isEmpty { problems.append("the pool has comments that no card has") }
        }

        /// Every unit belongs to something, and to one thing.
        private mutating func walkMemory(_ writer: borrowing Writer) {
            var free = 0
            var retired = 0
            writer.arena.forEachFree { name, byteCount in
                free += byteCount
                add(name, byteCount, "a free record")
            }
            writer.arena.forEachRetired { name, byteCount in
                retired += byteCount
                add(name, byteCount, "a retired record")
            }
            if free != writer.arena.freeBytes || retired != writer.arena.retiredBytes {
                problems.append("free or retired memory is counted wrongly")
            }
            var end = Int(RecordArena.firstRecord) * RecordArena.unitBytes
            for (name, byteCount) in extents.sorted(by: { $0.key < $1.key }) {
                if Int(name) * RecordArena.unitBytes != end {
                    problems.append("records overlap, or memory is lost, before byte \(end)")
                    return
                }
                end += byteCount
            }
            if end != writer.arena.usedBytes { problems.append("memory is lost at the end") }
        }
    }
}
