/// One reading of a feed's data: what was asked for, how far it is, what became of it.
public struct StoredRun: Equatable, Sendable {
    public enum State: UInt8, CaseIterable, Sendable, CustomStringConvertible {
        /// Asked for; it begins when the feed's other run has ended.
        case queued = 0
        case running
        /// Read to the end. Rows may have been rejected.
        case done
        /// Not read to the end. What was accepted before is kept.
        case failed
        /// Cut off by the end of the server; it starts again by itself.
        case interrupted

        public var description: String {
            switch self {
            case .queued: "queued"
            case .running: "running"
            case .done: "done"
            case .failed: "failed"
            case .interrupted: "interrupted"
            }
        }

        public init?(name: some StringProtocol) {
            guard let state = Self.allCases.first(where: { $0.description == name }) else {
                return nil
            }
            self = state
        }

        /// Whether nothing more will become of the run.
        public var isFinal: Bool { self == .done || self == .failed }
    }

    /// How the data come.
    public enum Way: UInt8, Sendable, CustomStringConvertible {
        case folder = 0
        case pull
        case upload

        public var description: String {
            switch self {
            case .folder: "folder"
            case .pull: "pull"
            case .upload: "upload"
            }
        }
    }

    /// What was counted. A run that starts again counts from the beginning.
    public struct Totals: Equatable, Sendable {
        public var bytes = 0
        /// Documents of a pull.
        public var pages = 0
        public var rows = 0
        public var counts = CommitCounts()
        public var warnings = 0
        public var warningsByReason: [String: Int] = [:]
        public var rejects = 0
        public var rejectsByReason: [String: Int] = [:]

        public init() {}
    }

    /// A file that the run reads.
    public struct File: Equatable, Sendable {
        /// In the feed's folder; what the client called it for an upload.
        public var name: String
        public var sizeBytes: Int
        /// Nanoseconds since 1970.
        public var modifiedAt: Int64
        public var rows = 0
        /// Why it could not be read to its end; empty when it could.
        public var failure = ""

        public init(name: String, sizeBytes: Int, modifiedAt: Int64) {
            self.name = name
            self.sizeBytes = sizeBytes
            self.modifiedAt = modifiedAt
        }
    }

    public let id: UInt64
    public let feed: String
    public let way: Way
    /// Where the data come from: a folder, an address without credentials and query, or the
    /// name of an upload.
    public var source: String
    public var state = State.queued
    /// How often it was begun.
    public var attempts = 0
    /// Seconds since 1970, as all times here.
    public var requestedAt: Int64
    public var startedAt: Int64?
    public var endedAt: Int64?
    public var totals = Totals()
    public var files: [File] = []
    /// Why it failed, or what else a person should know.
    public var message = ""
    /// Whether the files still lie where they were read, though the run has ended.
    public var hasFilesToClear = false

    public init(id: UInt64, feed: String, way: Way, source: String, requestedAt: Int64) {
        self.id = id
        self.feed = feed
        self.way = way
        self.source = source
        self.requestedAt = requestedAt
    }
}

/// A file of the store's folder `rejects` that belongs to a run.
public struct RejectsFile: Equatable, Sendable {
    public enum Kind: UInt8, Sendable {
        case rejects = 0
        case warnings
    }

    public let kind: Kind
    public let name: String

    public init(kind: Kind, name: String) {
        self.kind = kind
        self.name = name
    }
}

/// What was taken from a place already, so that it is not taken again.
public struct SourceMark: Equatable, Sendable {
    /// A path, or an address without credentials.
    public let place: String
    public var sizeBytes = 0
    /// Nanoseconds since 1970.
    public var modifiedAt: Int64 = 0
    /// The validators of HTTP (RFC 9110, 8.8); empty when there are none.
    public var entityTag = ""
    public var lastModified = ""

    public init(place: String) {
        self.place = place
    }
}

// MARK: - Layout

extension StoredRun {
    package var payload: [UInt8] {
        var bytes: [UInt8] = [state.rawValue, way.rawValue, hasFilesToClear ? 1 : 0]
        bytes.append(text: feed)
        bytes.append(text: source)
        bytes.append(text: message)
        bytes.append(littleEndian: UInt32(attempts))
        // No run is of 1970, so 0 is none.
        for time in [requestedAt, startedAt ?? 0, endedAt ?? 0] {
            bytes.append(littleEndian: time)
        }
        let counts = totals.counts
        let numbers = [
            totals.bytes, totals.pages, totals.rows, counts.accepted, counts.duplicates,
            counts.beyondLimit, counts.forgotten, totals.warnings, totals.rejects,
        ]
        for number in numbers { bytes.append(littleEndian: Int64(number)) }
        bytes.append(counts: totals.warningsByReason)
        bytes.append(counts: totals.rejectsByReason)
        bytes.append(littleEndian: UInt32(files.count))
        for file in files {
            bytes.append(text: file.name)
            bytes.append(littleEndian: Int64(file.sizeBytes))
            bytes.append(littleEndian: file.modifiedAt)
            bytes.append(littleEndian: Int64(file.rows))
            bytes.append(text: file.failure)
        }
        return bytes
    }

    package init?(id: UInt64, payload: RawSpan) {
        var reader = RecordReader(payload)
        guard let state = reader.integer(UInt8.self).flatMap(State.init),
            let way = reader.integer(UInt8.self).flatMap(Way.init),
            let flags = reader.integer(UInt8.self),
            let feed = reader.text(), let source = reader.text(), let message = reader.text(),
            let attempts = reader.integer(UInt32.self),
            let requestedAt = reader.integer(Int64.self),
            let startedAt = reader.integer(Int64.self), let endedAt = reader.integer(Int64.self)
        else { return nil }
        self.init(id: id, feed: feed, way: way, source: source, requestedAt: requestedAt)
        self.state = state
        hasFilesToClear = flags != 0
        self.message = message
        self.attempts = Int(attempts)
        self.startedAt = startedAt == 0 ? nil : startedAt
        self.endedAt = endedAt == 0 ? nil : endedAt
        var numbers: [Int] = []
        for _ in 0..<9 {
            guard let number = reader.integer(Int64.self) else { return nil }
            numbers.append(Int(number))
        }
        totals.bytes = numbers[0]
        totals.pages = numbers[1]
        totals.rows = numbers[2]
        totals.counts.accepted = numbers[3]
        totals.counts.duplicates = numbers[4]
        totals.counts.beyondLimit = numbers[5]
        totals.counts.forgotten = numbers[6]
        totals.warnings = numbers[7]
        totals.rejects = numbers[8]
        guard let warnings = reader.counts(), let rejects = reader.counts(),
            let count = reader.integer(UInt32.self)
        else { return nil }
        totals.warningsByReason = warnings
        totals.rejectsByReason = rejects
        for _ in 0..<count {
            guard let name = reader.text(), let size = reader.integer(Int64.self),
                let modifiedAt = reader.integer(Int64.self),
                let rows = reader.integer(Int64.self), let failure = reader.text()
            else { return nil }
            var file = File(name: name, sizeBytes: Int(size), modifiedAt: modifiedAt)
            file.rows = Int(rows)
            file.failure = failure
            files.append(file)
        }
        guard reader.isAtEnd else { return nil }
    }
}

extension RejectsFile {
    package var payload: [UInt8] {
        var bytes = [kind.rawValue]
        bytes.append(text: name)
        return bytes
    }

    package init?(payload: RawSpan) {
        var reader = RecordReader(payload)
        guard let kind = reader.integer(UInt8.self).flatMap(Kind.init), let name = reader.text(),
            reader.isAtEnd
        else { return nil }
        self.init(kind: kind, name: name)
    }
}

extension SourceMark {
    package var payload: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(text: place)
        bytes.append(littleEndian: Int64(sizeBytes))
        bytes.append(littleEndian: modifiedAt)
        bytes.append(text: entityTag)
        bytes.append(text: lastModified)
        return bytes
    }

    package init?(payload: RawSpan) {
        var reader = RecordReader(payload)
        guard let place = reader.text(), let sizeBytes = reader.integer(Int64.self),
            let modifiedAt = reader.integer(Int64.self), let entityTag = reader.text(),
            let lastModified = reader.text(), reader.isAtEnd
        else { return nil }
        self.init(place: place)
        self.sizeBytes = Int(sizeBytes)
        self.modifiedAt = modifiedAt
        self.entityTag = entityTag
        self.lastModified = lastModified
    }
}
