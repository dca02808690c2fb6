import Foundation

/// Calls a closure at every SIGHUP, which by custom asks a server to read its settings again.
final class HangUp {
    private let source: any DispatchSourceSignal

    init(_ body: @escaping @Sendable () -> Swift.Void) {
        // The source is told of signals that the process ignores, and would end without.
        _ = signal(SIGHUP, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        source.setEventHandler(handler: body)
        source.resume()
    }

    /// From now on the signal does nothing: a stop goes on to its end.
    func stop() {
        source.cancel()
    }
}
