/// What the thread of an ``AuditLog`` does and remembers.
struct AuditScribe: ~Copyable {
    /// Between two looks at what is to be written.
    static let pauseMs = 100
    /// The oldest line waits so long for others that are written with it.
    private static let flushAfterNanos: UInt64 = 500_000_000
    /// Lines beyond this are written at once.
    private static let flushBytes = 1 << 20
    /// While so many lines wait for a disk, no more are made: what comes then fills rings and
    /// queue, and is lost when these are full.
    private static let waitingBytesMax = 16 << 20
    private static let retryAfterNanos: UInt64 = 1_000_000_000
    /// Keys whose names are remembered, so that entries have them after a key was revoked, too.
    private static let keysMax = 10_000

    private let log: AuditLog
    private var appender: AuditAppender
    private var keys: [UInt64: AuditKey] = [:]
    private var lines: [UInt8] = []
    /// How many entries `lines` are.
    private var waitingCount = 0
    private var oldestNanos: UInt64?
    private var retryNanos: UInt64 = 0
    private var lostTold = 0
    private var isFailing = false
    /// The day for which files that are too old were removed.
    private var tidiedDay = ""

    init(_ log: AuditLog) {
        self.log = log
        appender = AuditAppender(log.folder)
    }

    /// Takes what there is, and writes it when it is time.
    mutating func turn(isLast: Bool) {
        let now = AuditClock.monotonicNanos()
        if isLast || lines.count < Self.waitingBytesMax { collect(nowNanos: now) }
        guard !lines.isEmpty else {
            tidy()
            return
        }
        let since = oldestNanos ?? now
        oldestNanos = since
        let isDue = now - since >= Self.flushAfterNanos || lines.count >= Self.flushBytes
        guard isLast || (isDue && now >= retryNanos) else { return }
        write(nowNanos: now)
        if isLast, waitingCount > 0 { log.context.onEvent(.lost(entries: waitingCount)) }
        tidy()
    }

    private mutating func collect(nowNanos: UInt64) {
        let boot = AuditClock.milliseconds() - Int64(nowNanos / 1_000_000)
        let lost = log.lost
        // Two closures cannot both change this value, so the records come out first.
        var entries: [AuditEntry] = []
        log.takeRecords { record in
            entries.append(
                record.entry(
                    bootMilliseconds: boot, routeName: log.context.routeName(record.route)))
        }
        entries += log.takeEntries()
        if lost > lostTold {
            var entry = AuditEntry(actor: .program, deed: .lost, what: "")
            entry.count = lost - lostTold
            entries.append(entry)
            lostTold = lost
        }
        // Each worker and the queue have theirs in order.
        entries.sort { $0.milliseconds < $1.milliseconds }
        for entry in entries {
            AuditLine.append(entry, key: key(of: entry.actor), log.folder, to: &lines)
        }
        waitingCount += entries.count
    }

    private mutating func key(of actor: AuditEntry.Actor) -> AuditKey? {
        guard case .key(let number) = actor else { return nil }
        if let key = keys[number] { return key }
        guard let key = log.context.key(number) else { return nil }
        if keys.count >= Self.keysMax { keys = [:] }
        keys[number] = key
        return key
    }

    private mutating func write(nowNanos: UInt64) {
        do {
            try appender.append(&lines, day: AuditClock.day(AuditClock.milliseconds()))
            try appender.sync()
        } catch {
            retryNanos = nowNanos + Self.retryAfterNanos
            if !isFailing { log.context.onEvent(.failing(error)) }
            setFailing(true)
            return
        }
        log.written.add(waitingCount, ordering: .relaxed)
        waitingCount = 0
        oldestNanos = nil
        if isFailing { log.context.onEvent(.recovered) }
        setFailing(false)
    }

    private mutating func setFailing(_ isFailing: Bool) {
        self.isFailing = isFailing
        log.isFailing.store(isFailing, ordering: .relaxed)
    }

    /// Once a day removes files that are older than they may be.
    private mutating func tidy() {
        guard log.keepDays > 0 else { return }
        let now = AuditClock.milliseconds()
        let today = AuditClock.day(now)
        guard today != tidiedDay else { return }
        tidiedDay = today
        do {
            let first = AuditClock.day(now, daysBefore: log.keepDays)
            let count = try log.folder.removeFiles(before: first)
            if count > 0 { log.context.onEvent(.removed(files: count)) }
        } catch {
            log.context.onEvent(.failing(error))
        }
    }
}
