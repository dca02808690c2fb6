internal import CardBulk
internal import CardService
internal import CardStore
internal import CurlKit

/// Why a run did not read its data to the end.
struct RunFailure: Error, Equatable {
    /// What metrics count failures by.
    enum Kind: String, CaseIterable, Sendable {
        case connect
        case timeout
        case cutOff = "cut_off"
        case tooLarge = "too_large"
        case redirect
        /// No HTTP, or an answer that cannot be unpacked.
        case malformed
        /// An answer that is no success.
        case status
        /// A document that is not what the feed has.
        case content
        /// Pages that do not end, or lead elsewhere.
        case paging
        /// A file that cannot be read, or a setting that is missing.
        case file
        /// The store did not take the facts.
        case store
        /// The server is stopping: the run goes on with the next start.
        case stopped
    }

    let kind: Kind
    let message: String

    init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    init(_ error: any Error) {
        switch error {
        case let error as RunFailure: self = error
        case let error as HTTPFailure:
            let kind: Kind =
                switch error.kind {
                case .connect: .connect
                case .timeout: .timeout
                case .cutOff: .cutOff
                case .tooLarge: .tooLarge
                case .redirect: .redirect
                case .malformed: .malformed
                case .stopped: .stopped
                }
            self.init(kind, error.what)
        case FileLoadError.stopped, FileLoadError.bulk(_, .stopped), BulkError.stopped:
            self.init(.stopped, "the server stopped")
        case FileLoadError.bulk(_, let error): self.init(.store, "\(error)")
        case FileLoadError.store(_, let what): self.init(.store, what)
        case let error as FileLoadError:
            if case .file = error {
                self.init(.file, "\(error)")
            } else {
                self.init(.content, "\(error)")
            }
        case is FileError: self.init(.file, "\(error)")
        case is BulkError, is StoreError, is WriteError: self.init(.store, "\(error)")
        default: self.init(.file, "\(error)")
        }
    }
}
