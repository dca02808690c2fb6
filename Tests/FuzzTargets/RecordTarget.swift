internal import CardModel
internal import CardStore

/// Stored records whose checksum holds are decoded or refused, never trusted: the scan vouches for
/// just those that encoding what was decoded gives again, up to the limit that it has.
enum RecordTarget {
    @Sendable static func run(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let key = input.take(1 + input.byte() % CardID.maxCount)
        var value = input.rest
        _ = CardRecord.event(value.span.bytes)
        guard let id = CardID(canonical: key.span) else { return }
        // No input has a checksum that holds by itself.
        if value.count >= CardRecord.headSize {
            let hash = StoredDatabase.cards.entryHash(
                key: key.span.bytes, value: value.span.bytes.extracting(8..<value.count))
            for place in 0..<8 { value[place] = UInt8(truncatingIfNeeded: hash >> (8 * place)) }
            value[8] = CardRecord.layoutVersion
            let again = StoredDatabase.cards.entryHash(
                key: key.span.bytes, value: value.span.bytes.extracting(8..<value.count))
            for place in 0..<8 { value[place] = UInt8(truncatingIfNeeded: again >> (8 * place)) }
        }
        value.withExactBytes { value in
            let value = value.span.bytes
            let isVouchedFor = CardRecordScan().scan(value, key: key.span.bytes) != nil
            do throws(RecordDamage) {
                let record = try CardRecord(verifying: value, key: key.span.bytes)
                read(record, id)
                let history = try record.history()
                let again = CardRecord.encode(history, key: key.span.bytes)
                let isSame =
                    Span<UInt8>(_bytes: value).indices.count == again.count
                    && again.indices.allSatisfy {
                        value.unsafeLoad(fromByteOffset: $0, as: UInt8.self) == again[$0]
                    }
                if history.events.count <= CardHistory.eventLimit {
                    precondition(isVouchedFor == isSame, "the scan and the record differ")
                }
            } catch {
                precondition(!isVouchedFor, "the scan vouches for what cannot be read")
            }
        }
    }

    private static func read(_ record: borrowing CardRecord, _ id: CardID) {
        do {
            _ = try record.withView(id: id) { view in
                precondition(view.comment.count + view.reference.count < 1 << 17)
            }
        } catch {
            precondition(!"\(error)".isEmpty, "an error says something")
        }
    }
}

/// The same of the values in `meta`.
enum MetaTarget {
    @Sendable static func run(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let count = 1 + input.byte() % 3
        let name = input.choice(of: [MetaValue.schema, MetaValue.sequence, "totals/cards"])
        let value = input.rest
        value.withExactBytes { value in
            do throws(StoreError) {
                let integers = try MetaValue.decode(value.span.bytes, name: name, count: count)
                precondition(
                    MetaValue.encode(integers, name: name) == Array(value), "it reads as another")
            } catch {
                precondition(!"\(error)".isEmpty, "an error says something")
            }
        }
        let integers = stride(from: 0, to: value.count / 8 * 8, by: 8).map { start in
            value[start..<(start + 8)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        do throws(StoreError) {
            let written = MetaValue.encode(integers, name: name)
            let read = try MetaValue.decode(
                written.span.bytes, name: name, count: integers.count)
            precondition(read == integers, "it reads as another")
        } catch {
            preconditionFailure("what was written cannot be read: \(error)")
        }
    }
}
