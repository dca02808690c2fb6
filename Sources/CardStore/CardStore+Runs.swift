internal import CardModel
internal import LMDBKit

/// What the end of a run, or a step of it, changes together.
public struct RunChange: Sendable {
    public var run: StoredRun
    /// In the order of reading; they replace those stored before.
    public var rejects: [RejectsFile]?
    public var marks: [SourceMark] = []
    /// Places of the feed that are gone.
    public var forgotten: [String] = []

    public init(_ run: StoredRun) {
        self.run = run
    }
}

extension CardStore {
    /// Stores a new run with the next number; durable when this returns.
    ///
    /// - Parameter prepare: what has to be done before the run is there.
    public func addRun(
        _ make: (_ id: UInt64) -> StoredRun, prepare: (_ id: UInt64) throws -> Void = { _ in }
    ) throws -> StoredRun {
        try write { transaction in
            let id = try MetaValue.read(MetaValue.lastRun, transaction, databases.meta)[0] + 1
            try prepare(id)
            let run = make(id)
            precondition(run.id == id, "a run has the number that it was given")
            var runs = try SealedChanges(.runs, databases, transaction)
            try runs.put(run.payload, for: SequenceKey.encode(id), &transaction)
            try runs.finish(&transaction)
            try MetaValue.write(MetaValue.lastRun, [id], &transaction, databases.meta)
            return run
        }
    }

    /// Stores what has become of a run, all or nothing; durable when this returns.
    public func store(_ change: RunChange) throws {
        try write { transaction in
            let run = change.run
            var runs = try SealedChanges(.runs, databases, transaction)
            try runs.put(run.payload, for: SequenceKey.encode(run.id), &transaction)
            try runs.finish(&transaction)
            if let files = change.rejects {
                try removeRejects(of: [run.id], &transaction)
                var rejects = try SealedChanges(.rejects, databases, transaction)
                for (index, file) in files.enumerated() {
                    let key = RejectsKey.encode(run.id, index)
                    try rejects.put(file.payload, for: key, &transaction)
                }
                try rejects.finish(&transaction)
            }
            guard !change.marks.isEmpty || !change.forgotten.isEmpty else { return }
            var sources = try SealedChanges(.sources, databases, transaction)
            for mark in change.marks {
                let key = SourceKey.encode(run.feed, mark.place)
                try sources.put(mark.payload, for: key, &transaction)
            }
            for place in change.forgotten {
                try sources.remove(SourceKey.encode(run.feed, place), &transaction)
            }
            try sources.finish(&transaction)
        }
    }

    /// Removes the runs that have ended and are older than `secondsMin`, or beyond the newest
    /// `countMax`; durable when this returns.
    ///
    /// - Returns: the names of the files that belonged to them.
    public func trimRuns(countMax: Int, secondsMin: Int64) throws -> [String] {
        var old: [UInt64] = []
        var number = 0
        try forEachRun { run in
            number += 1
            let isOld = number > countMax || (run.endedAt ?? run.requestedAt) < secondsMin
            if isOld, run.state.isFinal, !run.hasFilesToClear { old.append(run.id) }
            return true
        }
        guard !old.isEmpty else { return [] }
        return try write { transaction in
            let names = try removeRejects(of: old, &transaction)
            var runs = try SealedChanges(.runs, databases, transaction)
            for id in old { try runs.remove(SequenceKey.encode(id), &transaction) }
            try runs.finish(&transaction)
            return names
        }
    }

    @discardableResult
    private func removeRejects(
        of runs: [UInt64], _ transaction: inout WriteTransaction
    ) throws -> [String] {
        var rejects = try SealedChanges(.rejects, databases, transaction)
        var names: [String] = []
        for run in runs {
            let files = try transaction.withCursor(over: databases.rejects) {
                try Self.rejectsFiles(of: run, &$0)
            }
            for (index, file) in files.enumerated() {
                names.append(file.name)
                try rejects.remove(RejectsKey.encode(run, index), &transaction)
            }
        }
        try rejects.finish(&transaction)
        return names
    }

    // MARK: Reading

    public func run(_ id: UInt64) throws -> StoredRun? {
        try read { transaction in
            let key = SequenceKey.encode(id)
            guard let value = try transaction.value(of: key.span.bytes, in: databases.runs)
            else { return nil }
            return try Self.run(value, key: key.span.bytes)
        }
    }

    /// Lends the runs, the newest first, until `body` says false.
    ///
    /// - Parameter before: begins with the newest run of a smaller number.
    public func forEachRun(
        before: UInt64? = nil, _ body: (StoredRun) throws -> Bool
    ) throws {
        try read { transaction in
            try transaction.withCursor(over: databases.runs) { cursor in
                var found: Bool
                if let before,
                    try cursor.move(toFirstNotBefore: SequenceKey.encode(before).span.bytes)
                {
                    found = try cursor.moveToPrevious()
                } else {
                    found = try cursor.moveToLast()
                }
                while found {
                    let run = try Self.run(cursor.value, key: cursor.key)
                    guard try body(run) else { return }
                    found = try cursor.moveToPrevious()
                }
            }
        }
    }

    /// The files of rejects and warnings of a run, in the order of reading.
    public func rejectsFiles(of run: UInt64) throws -> [RejectsFile] {
        try read { transaction in
            try transaction.withCursor(over: databases.rejects) {
                try Self.rejectsFiles(of: run, &$0)
            }
        }
    }

    /// What was taken from a place; nil when nothing was.
    public func mark(of feed: String, _ place: String) throws -> SourceMark? {
        try read { transaction in
            let key = SourceKey.encode(feed, place)
            guard let value = try transaction.value(of: key.span.bytes, in: databases.sources)
            else { return nil }
            return try Self.mark(value, key: key.span.bytes)
        }
    }

    /// All places of a feed from which something was taken.
    public func marks(of feed: String) throws -> [SourceMark] {
        try read { transaction in
            try transaction.withCursor(over: databases.sources) { cursor in
                let prefix = SourceKey.prefix(feed)
                var marks: [SourceMark] = []
                var found = try cursor.move(toFirstNotBefore: prefix.span.bytes)
                while found, Span<UInt8>(_bytes: cursor.key).copied.starts(with: prefix) {
                    marks.append(try Self.mark(cursor.value, key: cursor.key))
                    found = try cursor.moveToNext()
                }
                return marks
            }
        }
    }

    private static func run(_ value: RawSpan, key: RawSpan) throws(StoreError) -> StoredRun {
        do throws(RecordDamage) {
            let record = try SealedRecord.verify(value, key: key, .runs)
            return try decodeRun(record, key: key)
        } catch {
            throw .damaged(database: StoredDatabase.runs.rawValue, what: error.description)
        }
    }

    private static func mark(_ value: RawSpan, key: RawSpan) throws(StoreError) -> SourceMark {
        do throws(RecordDamage) {
            let record = try SealedRecord.verify(value, key: key, .sources)
            guard let mark = SourceMark(payload: record.payload) else {
                throw RecordDamage("the record is not what was written")
            }
            return mark
        } catch {
            throw .damaged(database: StoredDatabase.sources.rawValue, what: error.description)
        }
    }

    private static func rejectsFiles(
        of run: UInt64, _ cursor: inout Cursor
    ) throws -> [RejectsFile] {
        let prefix = SequenceKey.encode(run)
        var files: [RejectsFile] = []
        var found = try cursor.move(toFirstNotBefore: prefix.span.bytes)
        while found, Span<UInt8>(_bytes: cursor.key).copied.starts(with: prefix) {
            do throws(RecordDamage) {
                let record = try SealedRecord.verify(cursor.value, key: cursor.key, .rejects)
                guard let file = RejectsFile(payload: record.payload) else {
                    throw RecordDamage("the record is not what was written")
                }
                files.append(file)
            } catch {
                throw StoreError.damaged(
                    database: StoredDatabase.rejects.rawValue, what: error.description)
            }
            found = try cursor.moveToNext()
        }
        return files
    }

    private static func decodeRun(
        _ record: SealedRecord, key: RawSpan
    ) throws(RecordDamage) -> StoredRun {
        guard let id = SequenceKey.decode(key),
            let run = StoredRun(id: id, payload: record.payload)
        else { throw RecordDamage("the record is not what was written") }
        return run
    }

    /// Whether a record can be read; for `check`.
    static func verifySealed(
        _ record: SealedRecord, key: RawSpan, _ database: StoredDatabase
    ) throws(RecordDamage) {
        let isRight =
            switch database {
            case .runs:
                SequenceKey.decode(key).flatMap { StoredRun(id: $0, payload: record.payload) }
                    != nil
            case .rejects:
                key.byteCount == RejectsKey.byteCount
                    && RejectsFile(payload: record.payload) != nil
            case .sources: SourceMark(payload: record.payload) != nil
            case .customers, .customerMarks: isCustomerRecord(record, key: key, database)
            case .erasures: StoredErasure.isRecord(record, key: key)
            default: preconditionFailure("\(database) has no sealed records")
            }
        guard isRight else { throw RecordDamage("the record is not what was written") }
    }
}

/// Key in `rejects`: the run's number (8 bytes, big-endian), then the file's (4, big-endian).
private enum RejectsKey {
    static let byteCount = 12

    static func encode(_ run: UInt64, _ file: Int) -> [UInt8] {
        var bytes = SequenceKey.encode(run)
        bytes.append(bigEndian: UInt32(file))
        return bytes
    }
}

/// Key in `sources`: the feed's ID, a zero byte, and the place's hash (8 bytes, big-endian), for a
/// place may be longer than a key.
private enum SourceKey {
    static func prefix(_ feed: String) -> [UInt8] { Array(feed.utf8) + [0] }

    static func encode(_ feed: String, _ place: String) -> [UInt8] {
        var bytes = prefix(feed)
        bytes.append(bigEndian: XXH64.hash(Array(place.utf8).span.bytes, seed: 0))
        return bytes
    }
}
