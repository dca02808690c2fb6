#if DEBUG
internal import Glibc
internal import Synchronization
#endif

/// A place where a test can have the process killed, to see what a crash there leaves behind.
///
/// In debug builds `CARDSTATUS_FAIL_POINT=before-commit:3` kills the process with SIGKILL the third
/// time that it comes to that place. In release builds there is nothing of it.
package enum FailPoint: String, CaseIterable, Sendable {
    /// All is written, and nothing is committed.
    case beforeCommit = "before-commit"
    /// The commit is durable, and nobody has heard of it.
    case afterCommit = "after-commit"
    /// The same, and the index is about to follow.
    case beforePublish = "before-publish"
    /// The index has it, and the writers' clients have no answer.
    case beforeAnswer = "before-answer"
    /// A run has handed some of its facts to the writer.
    case midRun = "mid-run"
    /// All of a run's facts are durable, and its end is not.
    case beforeRunEnd = "before-run-end"
    /// A run's end is durable, and its files lie where they were.
    case afterRunEnd = "after-run-end"
    /// What is erased cannot come in any more, and is still there, or some of it.
    case midErasure = "mid-erasure"
    /// The data file of a store that was written anew is whole, and does not have its name.
    case beforeReplace = "before-replace"
    /// It has its name, and nobody has heard of it.
    case afterReplace = "after-replace"

    @inline(__always)
    package func pass() {
        #if DEBUG
        Self.armed?.pass(self)
        #endif
    }

    #if DEBUG
    private final class Armed: Sendable {
        let point: FailPoint
        let left: Atomic<Int>

        init(_ point: FailPoint, times: Int) {
            self.point = point
            left = Atomic(times)
        }

        func pass(_ point: FailPoint) {
            guard point == self.point else { return }
            if left.subtract(1, ordering: .relaxed).newValue == 0 { kill(getpid(), SIGKILL) }
        }
    }

    private static let armed: Armed? = {
        guard let value = getenv("CARDSTATUS_FAIL_POINT") else { return nil }
        let parts = String(cString: value).split(separator: ":")
        guard let name = parts.first, let point = FailPoint(rawValue: String(name)),
            let times = parts.count == 1 ? 1 : Int(parts[1]), times > 0
        else { preconditionFailure("CARDSTATUS_FAIL_POINT is NAME or NAME:TIMES") }
        return Armed(point, times: times)
    }()
    #endif
}
