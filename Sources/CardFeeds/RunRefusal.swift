internal import CardService
internal import CardStore

/// Why no run was made.
public enum RunRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    case unknownFeed(String)
    case tooManyUploads(Int)
    case stopping
    /// There is no room for what would have to be written.
    case full(String)
    case store(String)

    static func write(_ error: WriteError) -> RunRefusal {
        switch error {
        case .stopping, .queueFull: .stopping
        case .store(.mapFull), .store(.diskFull): .full("\(error)")
        case .store(let error): .store("\(error)")
        }
    }

    public var description: String {
        switch self {
        case .unknownFeed(let id): "there is no feed '\(id)'"
        case .tooManyUploads(let count): "\(count) uploads of the feed wait already"
        case .stopping: "the server is stopping"
        case .full(let what), .store(let what): what
        }
    }
}
