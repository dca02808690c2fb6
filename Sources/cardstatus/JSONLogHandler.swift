import Foundation
import Logging

/// Logs as JSON objects, one a line, on standard error: `time`, `level`, `message`, then the
/// metadata.
struct JSONLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields: [(String, String)] = [
            ("time", Self.timestamp()), ("level", event.level.rawValue),
            ("message", "\(event.message)"),
        ]
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) {
            fields.append((key, "\(value)"))
        }
        let members = fields.map { "\(Self.quoted($0.0)):\(Self.quoted($0.1))" }
        Terminal.line("{\(members.joined(separator: ","))}")
    }

    private static func timestamp() -> String {
        Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\" + String(scalar)
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20:
                result += String(format: "\\u%04x", scalar.value)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// How the server logs.
enum ServerLog {
    static func logger(_ settings: Settings, level: String?, format: String?) throws -> Logger {
        let levelText =
            level ?? settings.variable("CARDSTATUS_LOG_LEVEL") ?? settings.configuration.logLevel
            ?? "info"
        guard let level = Logger.Level(rawValue: levelText) else {
            let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw CommandFailure.misused("--log-level must be one of \(levels), not '\(levelText)'")
        }
        let formatText =
            format ?? settings.variable("CARDSTATUS_LOG_FORMAT")
            ?? settings.configuration.logFormat ?? "text"
        var logger: Logger
        switch formatText {
        case "text":
            logger = Logger(label: "cardstatus") { StreamLogHandler.standardError(label: $0) }
        case "json":
            logger = Logger(label: "cardstatus") { _ in JSONLogHandler() }
        default:
            throw CommandFailure.misused("--log-format must be text or json, not '\(formatText)'")
        }
        logger.logLevel = level
        return logger
    }
}
