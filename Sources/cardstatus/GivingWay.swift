import CardBulk

/// A command's way of leaving the processor to a server of the same store, for as long as the
/// command works.
final class GivingWay {
    let priority: WorkPriority
    private let interruption: Interruption?

    init(toServerOf directory: String, _ priority: WorkPriority = WorkPriority()) {
        priority.settle(in: directory)
        self.priority = priority
        interruption = priority.session.map { session in Interruption { session.restore() } }
    }

    deinit { end() }

    /// Called at the command's end.
    func end() {
        interruption?.stop()
        priority.end()
    }
}
