import ArgumentParser
import CardAPI
import HTTPFront

/// Whom `serve` takes for whom.
struct ExposureOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "A proxy in front, or a network of such, whose word on its clients' addresses counts, "
                + "as 10.0.0.0/8 or ::1, or unix for whoever comes to a Unix socket; may be "
                + "given several times [$CARDSTATUS_TRUSTED_PROXY, with commas].",
            valueName: "network"))
    var trustedProxy: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The header in which trusted proxies name their client: x-forwarded-for or forwarded "
                + "(default: x-forwarded-for) [$CARDSTATUS_FORWARDED_HEADER].",
            valueName: "name"))
    var forwardedHeader: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A web page, as https://host[:port], whose scripts may read answers; may be given "
                + "several times (default: none) [$CARDSTATUS_CORS_ORIGIN, with commas].",
            valueName: "origin"))
    var corsOrigin: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A name of this server, beside localhost and addresses, under which it answers while "
                + "it has no API key; may be given several times [$CARDSTATUS_HOST, with commas].",
            valueName: "name"))
    var host: [String] = []

    /// Nil when no proxy is trusted.
    func trustedProxies(_ settings: Settings) throws -> TrustedProxies? {
        var texts = settings.list(trustedProxy, "CARDSTATUS_TRUSTED_PROXY")
        if texts.isEmpty { texts = settings.configuration.trustedProxies ?? [] }
        let includesUnixSockets = texts.contains("unix")
        let ranges = try texts.filter { $0 != "unix" }.map { text in
            guard let range = AddressRange(text) else {
                throw CommandFailure.misused(
                    "--trusted-proxy must be an address or a network, such as 10.0.0.0/8, without "
                        + "bits behind its prefix, not '\(text)'")
            }
            return range
        }
        let name =
            forwardedHeader ?? settings.variable("CARDSTATUS_FORWARDED_HEADER")
            ?? settings.configuration.forwardedHeader
            ?? TrustedProxies.Header.xForwardedFor.rawValue
        guard let header = TrustedProxies.Header(rawValue: name.lowercased()) else {
            throw CommandFailure.misused(
                "--forwarded-header must be x-forwarded-for or forwarded, not '\(name)'")
        }
        return texts.isEmpty
            ? nil
            : TrustedProxies(ranges, includesUnixSockets: includesUnixSockets, header: header)
    }

    func policy(_ settings: Settings, _ limits: Limits) throws -> RequestPolicy {
        var policy = RequestPolicy()
        policy.perKey = limits.perKey
        policy.perClient = limits.perClient
        policy.rateBuckets = limits.rateBuckets
        policy.trustedProxies = try trustedProxies(settings)
        policy.corsOrigins = settings.list(corsOrigin, "CARDSTATUS_CORS_ORIGIN")
        if policy.corsOrigins.isEmpty {
            policy.corsOrigins = settings.configuration.corsOrigins ?? []
        }
        for origin in policy.corsOrigins where !Self.isOrigin(origin) {
            throw CommandFailure.misused(
                "--cors-origin must be as a browser sends it, such as https://desk.example or "
                    + "http://127.0.0.1:3000, not '\(origin)'")
        }
        policy.hosts = settings.list(host, "CARDSTATUS_HOST")
        if policy.hosts.isEmpty { policy.hosts = settings.configuration.hosts ?? [] }
        return policy
    }

    /// A scheme, a host in lower case and perhaps a port; no path, and no `*`.
    private static func isOrigin(_ text: String) -> Bool {
        text.wholeMatch(of: #/https?://[a-z0-9.\-\[\]:]+/#) != nil
    }
}
