import CardAPI
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
    /// - Parameter level: what `--log-level` says.
    static func level(_ settings: Settings, _ level: String?) throws -> LogLevel {
        let text =
            level ?? settings.variable("CARDSTATUS_LOG_LEVEL") ?? settings.configuration.logLevel
            ?? "info"
        guard let level = LogLevel(text) else {
            let names = LogLevel.names.joined(separator: ", ")
            throw CommandFailure.misused("--log-level must be one of \(names), not '\(text)'")
        }
        return level
    }

    private static func format(_ settings: Settings, _ format: String?) -> String {
        format ?? settings.variable("CARDSTATUS_LOG_FORMAT") ?? settings.configuration.logFormat
            ?? "text"
    }

    static func isJSON(_ settings: Settings, _ format: String?) -> Bool {
        self.format(settings, format) == "json"
    }

    static func logger(
        _ settings: Settings, _ level: LogLevel, format: String?
    ) throws -> Logger {
        let formatText = self.format(settings, format)
        switch formatText {
        case "text":
            return Logger(label: "cardstatus") {
                LevelledLogHandler(StreamLogHandler.standardError(label: $0), level)
            }
        case "json":
            return Logger(label: "cardstatus") { _ in LevelledLogHandler(JSONLogHandler(), level) }
        default:
            throw CommandFailure.misused("--log-format must be text or json, not '\(formatText)'")
        }
    }
}
