import ArgumentParser
import CardAPI
import CardAudit

/// What `serve` writes down about requests.
struct RecordOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "What the audit log has: agents (every change, and look-ups with keys of the roles "
                + "agent and admin), all (every look-up, too) or off (default: agents) "
                + "[$CARDSTATUS_AUDIT].", valueName: "scope"))
    var audit: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Days for which files of the audit log are kept; 0 is for ever (default: 400) "
                + "[$CARDSTATUS_AUDIT_KEEP_DAYS].", valueName: "days"))
    var auditKeepDays: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Microseconds from which on a request is in /api/admin/slow; 0 is none "
                + "(default: 100000) [$CARDSTATUS_SLOW_THRESHOLD].", valueName: "microseconds"))
    var slowThreshold: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "How many of the latest slow requests are kept (default: 128) "
                + "[$CARDSTATUS_SLOW_LENGTH].", valueName: "number"))
    var slowLength: Int?

    /// Nil when no request is slow.
    func slowLog(_ settings: Settings) throws -> SlowLog? {
        let micros = try settings.integer(
            slowThreshold, "--slow-threshold", "CARDSTATUS_SLOW_THRESHOLD", in: 0...3_600_000_000,
            configured: settings.configuration.slowThresholdMicros, default: 100_000)
        let length = try settings.integer(
            slowLength, "--slow-length", "CARDSTATUS_SLOW_LENGTH", in: 1...10_000,
            configured: settings.configuration.slowLength, default: 128)
        return micros == 0 ? nil : SlowLog(thresholdMicros: micros, length: length)
    }

    func auditKeepDays(_ settings: Settings) throws -> Int {
        try settings.integer(
            auditKeepDays, "--audit-keep-days", "CARDSTATUS_AUDIT_KEEP_DAYS", in: 0...36_500,
            configured: settings.configuration.auditKeepDays, default: 400)
    }
}

extension Settings {
    func auditScope(_ option: String? = nil) throws -> AuditScope {
        let text = option ?? variable("CARDSTATUS_AUDIT") ?? configuration.audit ?? "agents"
        guard let scope = AuditScope(rawValue: text) else {
            throw CommandFailure.misused("--audit must be agents, all or off, not '\(text)'")
        }
        return scope
    }
}
