import ArgumentParser
import HTTPFront

/// The limits of `serve`; `Limits` says why each is what it is.
struct LimitOptions: ParsableArguments {
    @Option(
        name: .long,
        help: "Connections of one worker at a time (default: 4096) [$CARDSTATUS_CONNECTION_LIMIT].")
    var connectionLimit: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Connections of one client address (IPv6: of a /64) at a time; 0 is no limit "
                + "(default: 0) [$CARDSTATUS_CLIENT_CONNECTIONS].", valueName: "number"))
    var clientConnections: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Seconds after which a silent connection is closed (default: 60) "
                + "[$CARDSTATUS_IDLE_TIMEOUT].", valueName: "seconds"))
    var idleTimeout: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Seconds in which headers must arrive (default: 10) [$CARDSTATUS_HEADER_TIMEOUT].",
            valueName: "seconds"))
    var headerTimeout: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Seconds that a body, or the taking of an answer, may take beside the minimum rate "
                + "(default: 30) [$CARDSTATUS_TRANSFER_TIMEOUT].", valueName: "seconds"))
    var transferTimeout: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Bytes a second that a client must send or take (default: 4096) "
                + "[$CARDSTATUS_MINIMUM_RATE].", valueName: "bytes"))
    var minimumRate: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Requests a second with one API key, and after a slash how many at once, such as "
                + "100/200; 0 is no limit (default: 0) [$CARDSTATUS_KEY_RATE].",
            valueName: "rate"))
    var keyRate: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The same for one client address (IPv6: a /64), whatever its keys (default: 0) "
                + "[$CARDSTATUS_CLIENT_RATE].", valueName: "rate"))
    var clientRate: String?

    func limits(_ settings: Settings) throws -> Limits {
        var limits = Limits()
        let configured = settings.configuration.limits
        limits.connectionsPerWorker = try settings.integer(
            connectionLimit, "--connection-limit", "CARDSTATUS_CONNECTION_LIMIT",
            in: 1...1_000_000, configured: configured["connections"],
            default: limits.connectionsPerWorker)
        limits.connectionsPerClient = try settings.integer(
            clientConnections, "--client-connections", "CARDSTATUS_CLIENT_CONNECTIONS",
            in: 0...1_000_000, configured: configured["client_connections"],
            default: limits.connectionsPerClient)
        limits.idleSeconds = try settings.integer(
            idleTimeout, "--idle-timeout", "CARDSTATUS_IDLE_TIMEOUT", in: 1...86_400,
            configured: configured["idle_timeout"], default: limits.idleSeconds)
        limits.headerSeconds = try settings.integer(
            headerTimeout, "--header-timeout", "CARDSTATUS_HEADER_TIMEOUT", in: 1...86_400,
            configured: configured["header_timeout"], default: limits.headerSeconds)
        limits.transferSeconds = try settings.integer(
            transferTimeout, "--transfer-timeout", "CARDSTATUS_TRANSFER_TIMEOUT", in: 1...86_400,
            configured: configured["transfer_timeout"], default: limits.transferSeconds)
        limits.bytesPerSecond = try settings.integer(
            minimumRate, "--minimum-rate", "CARDSTATUS_MINIMUM_RATE", in: 1...1_000_000_000,
            configured: configured["minimum_rate"], default: limits.bytesPerSecond)
        limits.perKey = try rate(
            keyRate ?? settings.variable("CARDSTATUS_KEY_RATE")
                ?? settings.configuration.keyRate, "--key-rate")
        limits.perClient = try rate(
            clientRate ?? settings.variable("CARDSTATUS_CLIENT_RATE")
                ?? settings.configuration.clientRate, "--client-rate")
        return limits
    }

    /// `100` or `100/200`; `0` is none.
    private func rate(_ text: String?, _ name: String) throws -> RateLimit? {
        guard let text, text != "0" else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard let rate = parts[0], parts.count <= 2, let burst = parts.count == 2 ? parts[1] : rate,
            RateLimit.range.contains(rate), RateLimit.range.contains(burst)
        else {
            throw CommandFailure.misused(
                "\(name) must be requests a second and perhaps how many at once, such as 100 or "
                    + "100/200, each from 1 to \(RateLimit.range.upperBound), not '\(text)'")
        }
        return RateLimit(perSecond: rate, burst: burst)
    }
}
