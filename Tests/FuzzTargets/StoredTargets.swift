internal import CardModel
internal import CardStore

/// A stored API key whose checksum holds is read as what was written, or refused.
enum KeyTarget {
    @Sendable static func run(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        // Most keys that are looked at have the right length.
        let hashCount = input.choice(of: [StoredKey.hashCount, 0, StoredKey.hashCount + 1])
        let hash = [UInt8](repeating: 0xA5, count: hashCount)
        let payload = input.rest
        let checksum = StoredDatabase.keys.entryHash(
            key: hash.span.bytes, value: payload.span.bytes)
        let value = (0..<8).map { UInt8(truncatingIfNeeded: checksum >> (8 * $0)) } + payload
        value.withExactBytes { value in
            do throws(RecordDamage) {
                let key = try APIKeyRecord.decode(value.span.bytes, hash: hash.span.bytes).key
                precondition(key.hash == hash, "a key has another's hash")
                precondition(
                    key.feed == nil || key.role == .ingest, "a key for other things has a feed")
                let written = APIKeyRecord.encode(key)
                let again = try APIKeyRecord.decode(written.span.bytes, hash: hash.span.bytes).key
                precondition(again == key, "a key is read as another")
            } catch {
                precondition(!"\(error)".isEmpty, "an error says something")
            }
        }
    }
}

/// The records of runs, rejects, sources and customers: sealed, so that what is read is what was
/// written, and read as the same thing again when it is written again; or refused.
enum SealedTarget {
    @Sendable static func run(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let databases: [StoredDatabase] = [.runs, .rejects, .sources, .customers]
        let database = input.choice(of: databases)
        let key = input.take(input.byte() % 24)
        let payload = input.rest
        let value = SealedRecord.seal(payload, key: key.span.bytes, database)
        value.withExactBytes { value in
            do throws(RecordDamage) {
                let record = try SealedRecord.verify(
                    value.span.bytes, key: key.span.bytes, database)
                check(record.payload, key, database)
            } catch {
                preconditionFailure("what was sealed is refused: \(error)")
            }
        }
        refusesChange(in: value, key, database, input.byte())
    }

    private static func check(_ payload: RawSpan, _ key: [UInt8], _ database: StoredDatabase) {
        switch database {
        case .runs:
            guard let run = StoredRun(id: 7, payload: payload) else { return }
            precondition(
                StoredRun(id: 7, payload: run.payload.span.bytes) == run, "a run is another")
        case .rejects:
            guard let file = RejectsFile(payload: payload) else { return }
            precondition(
                RejectsFile(payload: file.payload.span.bytes) == file, "a file is another")
        case .sources:
            guard let mark = SourceMark(payload: payload) else { return }
            precondition(
                SourceMark(payload: mark.payload.span.bytes) == mark, "a mark is another")
        case .customers:
            guard let id = CustomerID(stored: key.span),
                let customer = Customer(id, payload: payload)
            else { return }
            precondition(
                Customer(id, payload: customer.payload.span.bytes) == customer,
                "a customer is another")
        default: preconditionFailure("\(database) is not looked at")
        }
    }

    /// A bit that has changed is seen.
    private static func refusesChange(
        in value: [UInt8], _ key: [UInt8], _ database: StoredDatabase, _ place: Int
    ) {
        var value = value
        value[place % value.count] ^= 1 << UInt8(place % 8)
        do throws(RecordDamage) {
            _ = try SealedRecord.verify(value.span.bytes, key: key.span.bytes, database)
            preconditionFailure("a changed record is read")
        } catch {
            precondition(!"\(error)".isEmpty, "an error says something")
        }
    }
}
