internal import CGnuTLS
internal import Glibc
internal import Synchronization

/// The certificates that this process shows to clients, and the callback by which GnuTLS asks for
/// one at each handshake, so that new ones take the old ones' place while connections go on.
///
/// There is one set for the whole process: the callback is told nothing of ours.
///
/// GnuTLS does not copy what the callback gives it ("all the provided by the callback values will
/// not be released or modified by gnutls") and uses it until the handshake ends. So certificates
/// that were replaced are kept for longer than a handshake may take.
public enum ServerCertificates {
    private struct State {
        var current: [ServerCertificate] = []
        /// Replaced, and when on the monotonic clock in seconds.
        var retired: [(certificate: ServerCertificate, at: Int)] = []
    }

    private static let state = Mutex(State())

    /// Shows these from now on, the first where a client names none of them. Those that are as they
    /// were stay.
    ///
    /// - Parameter handshakeSecondsMax: how long a handshake that has begun may last.
    /// - Returns: how many are new.
    @discardableResult
    public static func install(
        _ certificates: [ServerCertificate], handshakeSecondsMax: Int
    ) -> Int {
        var time = timespec()
        // It fails only for a clock that is not there.
        precondition(clock_gettime(CLOCK_MONOTONIC, &time) == 0)
        let now = time.tv_sec
        return state.withLock { state in
            let old = state.current
            state.current = certificates.map { new in
                old.first { $0.fingerprint == new.fingerprint } ?? new
            }
            state.retired.removeAll { now - $0.at > handshakeSecondsMax }
            for certificate in old
            where !state.current.contains(where: { $0 === certificate }) {
                state.retired.append((certificate, now))
            }
            return state.current.count { certificate in
                !old.contains { $0 === certificate }
            }
        }
    }

    public static var current: [ServerCertificate] { state.withLock { $0.current } }

    /// A `gnutls_certificate_retrieve_function2`, for MHD_OPTION_HTTPS_CERT_CALLBACK.
    public static var callback: UnsafeRawPointer {
        let pointer = cgnutls_callback { session, _, _, algorithms, count, chain, length, key in
            let offered = UnsafeBufferPointer(start: algorithms, count: Int(max(0, count)))
            guard
                let found = ServerCertificates.choice(
                    ServerCertificates.host(session), Array(offered))
            else { return GNUTLS_E_NO_CERTIFICATE_FOUND }
            chain?.pointee = found.chain.baseAddress
            length?.pointee = CUnsignedInt(found.chain.count)
            key?.pointee = found.key
            return 0
        }
        guard let pointer else { preconditionFailure("a function has an address") }
        return pointer
    }

    /// One for the host whose key's kind the client can verify; else one for the host; else, of all
    /// others, likewise.
    private static func choice(
        _ host: String?, _ algorithms: [gnutls_pk_algorithm_t]
    ) -> ServerCertificate? {
        let all = current
        let named = host.map { host in all.filter { $0.isFor(host) } } ?? []
        let candidates = named.isEmpty ? all : named
        return candidates.first { algorithms.contains($0.keyAlgorithm) } ?? candidates.first
    }

    /// What the client calls the server (SNI).
    private static func host(_ session: gnutls_session_t?) -> String? {
        var name = [UInt8](repeating: 0, count: 256)
        var count = name.count
        var type: CUnsignedInt = 0
        guard gnutls_server_name_get(session, &name, &count, &type, 0) == 0,
            type == CUnsignedInt(GNUTLS_NAME_DNS.rawValue), count < name.count
        else { return nil }
        return String(decoding: name[..<count], as: UTF8.self)
    }
}
