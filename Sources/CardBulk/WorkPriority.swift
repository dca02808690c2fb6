internal import CardService
internal import CardStore

/// How much of the machine a command takes from a server that has the same store open.
///
/// Beside one, everything but transactions runs at idle priority: reading, sorting and making
/// events take what look-ups leave. Transactions run at a low priority instead, on a thread of
/// their own, since who holds LMDB's writer lock keeps the server's writes waiting: at idle
/// priority that would last for as long as look-ups want the processor.
///
/// It belongs to the thread that works, and lowers that thread and those that it starts.
public final class WorkPriority {
    /// What the person who gave the command wants.
    public enum Setting: String, CaseIterable, Sendable {
        /// Idle beside a server, normal otherwise.
        case auto
        case idle
        case normal
    }

    private let setting: Setting
    private var committer: ReservedThread?
    /// That of this process's session, while it is lowered.
    public private(set) var session: SessionShare?
    public private(set) var isIdle = false

    public init(_ setting: Setting = .auto) {
        self.setting = setting
    }

    deinit {
        committer?.join()
    }

    /// Gives back what is not only this thread's.
    public func end() {
        session?.restore()
        session = nil
    }

    /// Lowers the calling thread if that is due now, and stays so. A server may come later, so this
    /// is asked again before transactions begin.
    public func settle(in directory: String) {
        guard !isIdle else { return }
        switch setting {
        case .normal: return
        case .auto: guard ServerLock.isHeld(in: directory) else { return }
        case .idle: break
        }
        // Before it: a thread starts with the priority of who starts it.
        committer = ReservedThread(priority: .low)
        OSThread.lower(to: .idle)
        session = SessionShare(awayFromServerOf: directory)
        isIdle = true
    }

    /// The thread for transactions, which the caller then ends.
    func takeCommitter() -> ReservedThread {
        committer.take() ?? ReservedThread(priority: .normal)
    }
}
