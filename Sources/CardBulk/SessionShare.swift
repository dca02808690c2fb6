internal import CardStore
internal import Glibc

/// The share of the processor that this process's session gets beside others.
///
/// Where the kernel groups threads by sessions (autogroup, sched(7)), priorities only say who goes
/// first within one: an idle thread of a terminal gets as much as a busy server in another session.
/// So a load that leaves the processor to a server in another session lowers its own session for as
/// long as it works, with all else that runs in that terminal.
public final class SessionShare: Sendable {
    private static let path = "/proc/self/autogroup"
    /// The least that there is: a 68th of what others get.
    private static let lowestNice = 19
    /// Who has no privileges may change it every 100 ms.
    private static let retryMicros: UInt32 = 110_000

    private let niceBefore: Int

    /// Lowers the session's share; nil when there is no need to, or no way.
    init?(awayFromServerOf directory: String) {
        guard let own = Self.read(Self.path) else { return nil }
        if let server = ServerLock.holder(in: directory),
            let served = Self.read("/proc/\(server)/autogroup"), served.group == own.group
        {
            return nil
        }
        guard own.nice < Self.lowestNice, Self.write(Self.lowestNice) else { return nil }
        niceBefore = own.nice
    }

    /// Gives the session back the share that it had.
    public func restore() {
        if Self.write(niceBefore) { return }
        usleep(Self.retryMicros)
        // What is left then is a terminal with a low share, which `echo 0 >/proc/self/autogroup`
        // raises.
        _ = Self.write(niceBefore)
    }

    /// `/autogroup-64 nice 0`
    private static func read(_ path: String) -> (group: Substring, nice: Int)? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 128)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        let text = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
        let words = text.split { $0 == " " || $0 == "\n" }
        guard words.count == 3, words[1] == "nice", let nice = Int(words[2]) else { return nil }
        return (words[0], nice)
    }

    private static func write(_ nice: Int) -> Bool {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let text = Array("\(nice)".utf8)
        return Glibc.write(descriptor, text, text.count) == text.count
    }
}
