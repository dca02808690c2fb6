public import CardModel
public import CardStore
internal import Synchronization

/// A writer with its thread, for a program that only writes, such as `load`.
public final class WriterThread: Sendable {
    public let writer: CardWriter
    private let thread: NamedThread

    public init(store: CardStore, follow: @escaping @Sendable () -> Void = {}) {
        let writer = CardWriter(store: store, follow: follow)
        self.writer = writer
        thread = NamedThread(name: "writer") { writer.run() }
    }

    /// Finishes what is queued and ends the thread. Must be called once.
    public func stop() {
        writer.stop()
        thread.join()
    }
}
