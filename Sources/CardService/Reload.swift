/// What to load again.
public struct ReloadScope: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The configuration file.
    public static let config = ReloadScope(rawValue: 1)
    /// The certificates and their keys.
    public static let certs = ReloadScope(rawValue: 2)
    /// The API keys of the store.
    public static let keys = ReloadScope(rawValue: 4)
    /// The index in memory.
    public static let index = ReloadScope(rawValue: 8)
    /// All of these, as far as the server has them.
    public static let all: ReloadScope = [.config, .certs, .keys, .index]

    /// A scope by its name in the API: `config`, `certs`, `keys`, `index` or `all`.
    public init?(_ name: some StringProtocol) {
        switch name {
        case "config": self = .config
        case "certs": self = .certs
        case "keys": self = .keys
        case "index": self = .index
        case "all": self = .all
        default: return nil
        }
    }
}

/// A setting that was read and found valid, and changes nothing yet.
public struct PreparedSetting: Sendable {
    let apply: @Sendable () -> String

    /// - Parameter apply: puts the setting into effect, which cannot fail any more, and says in a
    ///   few words what it did.
    public init(apply: @escaping @Sendable () -> String) {
        self.apply = apply
    }
}

/// How to read again what the service does not know of itself. Called on the reloading thread.
public struct ReloadHooks: Sendable {
    /// Reads and validates; what it throws becomes ``ReloadError/invalid(setting:reason:)``.
    public typealias Prepare = @Sendable () throws -> PreparedSetting

    /// Nil when the server has no configuration file.
    public var config: Prepare?
    /// Nil when the server has no certificates.
    public var certs: Prepare?

    public init(config: Prepare? = nil, certs: Prepare? = nil) {
        self.config = config
        self.certs = certs
    }
}

/// What a reload did, step by step.
public struct ReloadReport: Equatable, Sendable {
    public struct Step: Equatable, Sendable {
        public enum Name: String, Sendable {
            case config
            case certs
            case keys
            /// All cards were read from one snapshot into a new index.
            case indexFill = "index_fill"
            /// What was committed since that snapshot was applied.
            case indexCatchUp = "index_catch_up"
            /// The new index took the old one's place.
            case indexSwap = "index_swap"
            /// The last readers left the old index, and its memory went back to the system.
            case indexRelease = "index_release"
        }

        public let name: Name
        public let milliseconds: Double
        /// What was done, in words for people.
        public let detail: String
        /// Cards that the step read or changed, where it is about cards.
        public var cards: Int?
        /// Memory that the step took or gave back, where it is about memory.
        public var bytes: Int?
    }

    public internal(set) var steps: [Step] = []
}

/// Why a reload was refused, or did not come to its end.
public enum ReloadError: Error, Equatable, Sendable, CustomStringConvertible {
    /// One reload at a time: nothing was done. To be asked for again later.
    case alreadyReloading
    /// The index is being filled already, as at a start: nothing was done.
    case alreadyFilling
    /// The server has nothing of what the scope names: nothing was done.
    case nothingToReload(reason: String)
    /// Something that was read is not valid: nothing was changed.
    case invalid(setting: String, reason: String)
    /// The server is stopping.
    case stopping
    /// A step failed after those of `report` were done. Answers go on as before.
    case failed(step: ReloadReport.Step.Name, reason: String, report: ReloadReport)

    public var description: String {
        switch self {
        case .alreadyReloading: "another reload is under way"
        case .alreadyFilling: "the index is being filled already"
        case .nothingToReload(let reason): reason
        case .invalid(let setting, let reason): "\(setting): \(reason)"
        case .stopping: "the server is stopping"
        case .failed(let step, let reason, _): "\(step.rawValue) failed: \(reason)"
        }
    }
}
