internal import Glibc
internal import Synchronization

/// Lets processes that write to one environment do so in turn.
///
/// LMDB's writer lock goes to whoever asks first, and that is mostly the process that has just let
/// go of it and goes on writing: another one's waiting thread is woken, but is not there yet. So
/// each takes a second lock, a file's, before it waits for LMDB's, and lets go of it once it has
/// that. Whoever had LMDB's lock last then finds the second one taken, and is behind.
///
/// It only makes things fair: a file that is not there, or a process that is stopped while it
/// holds the lock, keeps nobody from writing.
final class Turnstile: Sendable {
    /// As long as one who is stopped can hold the others up.
    private static let waitMaxMs = 1_000

    private let path: String
    private let descriptor = Mutex<CInt>(-1)

    /// - Parameter path: a file that nobody else locks by flock(2); it need not be there yet.
    init(path: String) {
        self.path = path
    }

    deinit {
        descriptor.withLock { if $0 >= 0 { close($0) } }
    }

    /// Waits for the caller's turn to wait.
    func enter() {
        let file = descriptor.withLock { descriptor in
            if descriptor < 0 { descriptor = open(path, O_RDONLY | O_CLOEXEC) }
            return descriptor
        }
        guard file >= 0 else { return }
        for _ in 0..<Self.waitMaxMs {
            if flock(file, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK { return }
            usleep(1_000)
        }
    }

    /// Lets the next one wait.
    func leave() {
        descriptor.withLock { if $0 >= 0 { _ = flock($0, LOCK_UN) } }
    }
}
