import CardAPI
import CardFeeds
import CardService
import HTTPFront
import Synchronization

/// The configuration file of a running server, which a reload reads again.
final class ReloadedConfiguration: Sendable {
    private let path: String
    private let command: Serve
    private let configuration: Mutex<CardFeeds.Configuration>
    /// The log's, which a reload changes when the file has another.
    private let logLevel: LogLevel
    /// What runs the feeds, once there is one.
    private let engine = Mutex<RunEngine?>(nil)

    /// - Returns: nil without a configuration file.
    init?(_ settings: Settings, _ command: Serve, _ logLevel: LogLevel) throws {
        guard let path = settings.configPath else { return nil }
        self.path = path
        self.command = command
        self.logLevel = logLevel
        configuration = Mutex(settings.configuration)
    }

    /// As it was read last.
    var current: CardFeeds.Configuration {
        configuration.withLock { $0 }
    }

    /// Lets a reload change the feeds that are run.
    func change(_ engine: RunEngine) {
        self.engine.withLock { $0 = engine }
    }

    /// Reads the file, and validates all of it that counts as at a start.
    func prepare() throws -> PreparedSetting {
        let settings = try Settings(configPath: path)
        _ = try settings.mapSizeBytes(command.store.mapSize)
        _ = try settings.defaultRegion(command.regionOption.defaultRegion)
        _ = try settings.auditScope(command.record.audit)
        _ = try command.record.slowLog(settings)
        let newLevel = try ServerLog.level(settings, command.logLevel)
        _ = try ServerLog.logger(settings, newLevel, format: command.logFormat)
        for text in settings.configuration.listen ?? [] { _ = try ListenRequest(parsing: text) }
        let new = settings.configuration
        return PreparedSetting { [self] in
            let old = configuration.withLock { current in
                defer { current = new }
                return current
            }
            engine.withLock { $0 }?.replace(feeds: new.feeds)
            var feeds = "read \(new.feeds.profiles.count) feeds"
            // What was asked for meanwhile stays, unless the file says something new.
            if old.logLevel != new.logLevel, logLevel.set(newLevel.name) {
                feeds += "; the log's level is \(newLevel.name)"
            }
            let later = Self.settingsOfTheStart(changedFrom: old, to: new)
            guard !later.isEmpty else { return feeds }
            return feeds + "; changed, and in effect from the next start on: "
                + later.joined(separator: ", ")
        }
    }

    /// The names of changed settings that a server only looks at when it starts.
    private static func settingsOfTheStart(
        changedFrom old: CardFeeds.Configuration, to new: CardFeeds.Configuration
    ) -> [String] {
        var names: [String] = []
        if old.dataDirectory != new.dataDirectory { names.append("data_dir") }
        if old.listen != new.listen { names.append("listen") }
        if old.workers != new.workers { names.append("workers") }
        if old.mapSize != new.mapSize { names.append("map_size") }
        if old.defaultRegion != new.defaultRegion { names.append("default_region") }
        if old.limits != new.limits || old.keyRate != new.keyRate
            || old.clientRate != new.clientRate
        {
            names.append("limits")
        }
        if old.certificates != new.certificates { names.append("certificates") }
        if old.trustedProxies != new.trustedProxies
            || old.forwardedHeader != new.forwardedHeader
        {
            names.append("trusted_proxies")
        }
        if old.corsOrigins != new.corsOrigins { names.append("cors_origins") }
        if old.hosts != new.hosts { names.append("hosts") }
        if old.audit != new.audit { names.append("audit") }
        if old.auditKeepDays != new.auditKeepDays { names.append("audit_keep_days") }
        if old.slowThresholdMicros != new.slowThresholdMicros
            || old.slowLength != new.slowLength
        {
            names.append("slow_threshold_us, slow_length")
        }
        if old.logFormat != new.logFormat { names.append("log_format") }
        return names
    }
}
