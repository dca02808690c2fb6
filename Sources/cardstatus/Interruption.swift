import Foundation

/// Does something first when the person at the terminal, or a supervisor, ends the program.
final class Interruption {
    private let sources: [any DispatchSourceSignal]

    init(_ body: @escaping @Sendable () -> Swift.Void) {
        sources = [SIGINT, SIGTERM].map { number in
            // The source is told of signals that the process ignores, and would end without.
            _ = signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                body()
                // Whoever waits for the program learns what ended it.
                _ = signal(number, SIG_DFL)
                _ = kill(getpid(), number)
            }
            source.resume()
            return source
        }
    }

    /// From now on the signals end the program at once.
    func stop() {
        for source in sources { source.cancel() }
        for number in [SIGINT, SIGTERM] { _ = signal(number, SIG_DFL) }
    }
}
