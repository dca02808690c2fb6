import CardFeeds
import CardModel
import CardService
import CardStore
import Foundation

/// Settings from the command line, the environment and the configuration file, in that order.
struct Settings {
    let configuration: CardFeeds.Configuration
    /// Where the configuration comes from; nil when it is the built-in one.
    let configPath: String?
    private let environment: [String: String]

    /// - Parameter configPath: what `--config` says.
    init(configPath: String?) throws {
        environment = ProcessInfo.processInfo.environment
        let path = configPath ?? Self.variable("CARDSTATUS_CONFIG", environment)
        self.configPath = path
        do {
            configuration = try path.map { try .init(file: $0) } ?? .builtIn()
        } catch {
            throw CommandFailure.misused("\(error)")
        }
    }

    /// An environment variable; empty is not set, as for variables of a compose file.
    private static func variable(_ name: String, _ environment: [String: String]) -> String? {
        environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    func variable(_ name: String) -> String? {
        Self.variable(name, environment)
    }

    /// An option that may be given several times, or its variable with commas.
    func list(_ option: [String], _ variableName: String) -> [String] {
        guard option.isEmpty, let text = variable(variableName) else { return option }
        return text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    }

    func dataDirectory(_ option: String?) throws -> String {
        guard
            let directory = option ?? variable("CARDSTATUS_DATA_DIR")
                ?? configuration.dataDirectory
        else {
            throw CommandFailure.misused(
                "no data directory: give --data-dir DIR, or set CARDSTATUS_DATA_DIR")
        }
        return directory
    }

    func mapSizeBytes(_ option: String?) throws -> Int {
        guard
            let text = option ?? variable("CARDSTATUS_MAP_SIZE") ?? configuration.mapSize
        else { return CardStore.defaultMapSizeBytes }
        guard let bytes = ByteSize.parse(text), bytes >= 1 << 20 else {
            throw CommandFailure.misused(
                "--map-size must be a size of at least 1MiB, such as 64GiB, not '\(text)'")
        }
        return bytes
    }

    func integer(
        _ option: Int?, _ name: String, _ variableName: String, in range: ClosedRange<Int>,
        configured: Int? = nil, default fallback: Int
    ) throws -> Int {
        var value = option
        if value == nil, let text = variable(variableName) {
            guard let number = Int(text) else {
                throw CommandFailure.misused(
                    "\(variableName) must be a whole number, not '\(text)'")
            }
            value = number
        }
        let result = value ?? configured ?? fallback
        guard range.contains(result) else {
            throw CommandFailure.misused(
                "\(name) must be from \(range.lowerBound) to \(range.upperBound), not \(result)")
        }
        return result
    }

    /// A file's permission bits, in octal.
    func permissions(
        _ option: String?, _ name: String, _ variableName: String, default fallback: UInt32
    ) throws -> UInt32 {
        guard let text = option ?? variable(variableName) else { return fallback }
        guard text.utf8.allSatisfy({ (0x30...0x37).contains($0) }),
            let mode = UInt32(text, radix: 8), mode <= 0o777
        else {
            throw CommandFailure.misused(
                "\(name) must be permissions in octal, such as 0660, not '\(text)'")
        }
        return mode
    }

    /// A switch: set by its option, or by its variable as 1, true, yes or on.
    func flag(_ option: Bool, _ variableName: String) throws -> Bool {
        if option { return true }
        guard let text = variable(variableName) else { return false }
        switch text.lowercased() {
        case "1", "true", "yes", "on": return true
        case "0", "false", "no", "off": return false
        default:
            throw CommandFailure.misused("\(variableName) must be 1 or 0, not '\(text)'")
        }
    }

    func readyWhen(_ option: String?) throws -> CardService.ReadyWhen {
        let text = option ?? variable("CARDSTATUS_READY_WHEN") ?? "store"
        guard let readyWhen = CardService.ReadyWhen(rawValue: text) else {
            throw CommandFailure.misused("--ready-when must be store or memory, not '\(text)'")
        }
        return readyWhen
    }

    func defaultRegion(_ option: String?) throws -> PhoneRegion {
        let text =
            option ?? variable("CARDSTATUS_DEFAULT_REGION") ?? configuration.defaultRegion ?? "AE"
        guard let region = PhoneRegion(text) else {
            throw CommandFailure.misused(
                "--default-region must be the two letters of a country, such as AE, not '\(text)'")
        }
        return region
    }
}
