import CardAPI
import Logging

/// A log whose level may be changed while the server runs, for all loggers that were made of it:
/// theirs are copies, and the level is shared.
struct LevelledLogHandler: LogHandler {
    private static let levels = LogLevel.names.map { name in
        guard let level = Logger.Level(rawValue: name) else {
            preconditionFailure("the names of levels are those of the logging library")
        }
        return level
    }

    private let level: LogLevel
    private var handler: any LogHandler

    init(_ handler: any LogHandler, _ level: LogLevel) {
        self.level = level
        self.handler = handler
        // It has what gets here.
        self.handler.logLevel = .trace
    }

    /// Setting one logger's level would set all.
    var logLevel: Logger.Level {
        get { Self.levels[level.index] }
        set { _ = level.set(newValue.rawValue) }
    }

    var metadata: Logger.Metadata {
        get { handler.metadata }
        set { handler.metadata = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { handler[metadataKey: key] }
        set { handler[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        handler.log(event: event)
    }
}
