import Glibc

/// The process's limit of open files.
enum OpenFileLimit {
    /// Raises the soft limit where it is lower; the hard limit is the administrator's to raise.
    static func raise(to needed: Int) throws(HTTPServerError) {
        var limit = rlimit()
        // It fails only for a wrong pointer or an unknown resource.
        precondition(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        guard limit.rlim_cur < rlim_t(needed) else { return }
        guard limit.rlim_max >= rlim_t(needed) else {
            throw .tooFewFileDescriptors(needed: needed, granted: Int(limit.rlim_max))
        }
        limit.rlim_cur = rlim_t(needed)
        guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            throw .tooFewFileDescriptors(needed: needed, granted: Int(limit.rlim_max))
        }
    }
}

enum BrokenPipeSignal {
    /// libmicrohttpd sends with MSG_NOSIGNAL and blocks the signal in its threads; this covers
    /// every other path on which a client that has gone would end the process. A handler of the
    /// program's own is left alone.
    static func ignore() {
        let previous = signal(SIGPIPE, SIG_IGN)
        if let previous, unsafeBitCast(previous, to: Int.self) > 1 {
            signal(SIGPIPE, previous)
        }
    }
}
