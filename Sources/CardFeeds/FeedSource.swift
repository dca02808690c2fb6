public import CurlKit

/// Where a server gets a feed's data.
public enum FeedSource: Sendable {
    /// Files that somebody puts into a folder.
    case folder(FolderRule)
    /// Documents that are fetched.
    case pull(PullRule)
}

/// How files are taken from a folder.
public struct FolderRule: Equatable, Sendable {
    /// What becomes of a file that was read.
    public enum After: String, CaseIterable, Sendable {
        /// It goes to the folder's `done` or `failed`.
        case move
        /// It stays, and the store remembers it by name, size and time.
        case mark
    }

    /// nil for the folder `inbox` of the data directory.
    public var path: String?
    /// How often it is looked into, also when nothing tells of a change: network folders do not.
    public var scanMs = 30_000
    /// How long a file must have kept its size and time before it is taken.
    public var settleMs = 1_000
    public var after = After.move
}

/// How documents are fetched.
public struct PullRule: Sendable {
    /// What leads from one document to the next.
    public enum Paging: Equatable, Sendable {
        case none
        /// Numbers from `first` on in the parameter `page`; `total` is where a document says how
        /// many records there are in all.
        case pages(page: String, limit: String, size: Int, first: Int, total: String?)
        /// A document says at `next` what the parameter is for the next one, or its address.
        case cursor(parameter: String, next: String)
        /// The header `Link` with `rel=next`.
        case link
    }

    /// A header whose value may be a secret, which is read when it is sent.
    public struct Header: Equatable, Sendable {
        public enum Value: Equatable, Sendable {
            case text(String)
            case environment(String)
            case file(String)
        }

        public let name: String
        /// In front of the value.
        var prefix = ""
        public let value: Value
        /// For a user's name and password: the name, and the value is the password.
        var user: String?
    }

    public var address: HTTPAddress
    /// nil for a feed that is pulled only when somebody asks.
    public var everyMs: Int?
    public var paging = Paging.none
    /// Sent to the address's own origin only, whatever they are.
    public var headers: [Header] = []
    public var limits = HTTPRequest.Limits()
    public var trustedCertificates: String?
    /// Documents of one run.
    public var pagesMax = 10_000
    /// Bytes of one run's documents together.
    public var bytesMax = 8 << 30
    public var retriesMax = 4
    /// Before the first retry; doubled before each further one.
    public var retryDelayMs = 1_000
}
