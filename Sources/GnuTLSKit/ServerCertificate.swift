internal import CGnuTLS

/// A certificate with the chain that leads to its issuer, and its private key, ready for
/// handshakes. It is immutable.
///
/// `@unchecked Sendable`: GnuTLS's objects are only read once they are made, which its manual
/// allows any number of threads ("objects can be shared between threads as long as they are not
/// modified").
public final class ServerCertificate: @unchecked Sendable {
    /// Why a certificate cannot be used.
    public enum Failure: Error, Equatable, CustomStringConvertible {
        case chain(GnuTLSError)
        case key(GnuTLSError)
        case keyOfAnother

        public var description: String {
            switch self {
            case .chain(let error):
                "no certificate, or not followed by its issuers in order (PEM): \(error)"
            case .key(let error): "no private key without a password (PEM): \(error)"
            case .keyOfAnother: "the private key does not belong to the certificate"
            }
        }
    }

    /// What a client may ask for by name: the certificate's DNS names, or its subject where it has
    /// none.
    public let names: [String]
    /// Seconds since 1970.
    public let startsAt: Int
    /// Seconds since 1970.
    public let expiresAt: Int
    /// SHA-256 of chain and key as they were read.
    public let fingerprint: [UInt8]

    let chain: UnsafeMutableBufferPointer<gnutls_pcert_st>
    let key: gnutls_privkey_t
    let keyAlgorithm: gnutls_pk_algorithm_t
    private let leaf: gnutls_x509_crt_t

    /// - Parameters:
    ///   - chain: the certificate and its issuers, in that order, as PEM.
    ///   - key: the private key, as PEM without a password.
    public init(chain chainPEM: [UInt8], key keyPEM: [UInt8]) throws(Failure) {
        let certificates: [gnutls_x509_crt_t]
        do throws(GnuTLSError) {
            certificates = try Self.certificates(chainPEM)
        } catch {
            throw .chain(error)
        }
        defer {
            for certificate in certificates.dropFirst() { gnutls_x509_crt_deinit(certificate) }
        }
        leaf = certificates[0]
        do throws(GnuTLSError) {
            chain = try Self.chain(certificates)
        } catch {
            gnutls_x509_crt_deinit(leaf)
            throw .chain(error)
        }
        do throws(Failure) {
            key = try Self.key(keyPEM, of: leaf)
        } catch {
            Self.release(chain)
            gnutls_x509_crt_deinit(leaf)
            throw error
        }
        keyAlgorithm = gnutls_pk_algorithm_t(
            rawValue: gnutls_pk_algorithm_t.RawValue(
                gnutls_privkey_get_pk_algorithm(key, nil)))
        names = Self.names(of: leaf)
        startsAt = Int(gnutls_x509_crt_get_activation_time(leaf))
        expiresAt = Int(gnutls_x509_crt_get_expiration_time(leaf))
        fingerprint = SHA256.hash((chainPEM + [0] + keyPEM).span)
    }

    deinit {
        gnutls_privkey_deinit(key)
        Self.release(chain)
        gnutls_x509_crt_deinit(leaf)
    }

    /// Whether a client that asks for this host gets what it asks for, wildcards included.
    public func isFor(_ host: String) -> Bool {
        gnutls_x509_crt_check_hostname(leaf, host) != 0
    }

    // MARK: Reading

    private static func certificates(
        _ pem: [UInt8]
    ) throws(GnuTLSError) -> [gnutls_x509_crt_t] {
        var list: UnsafeMutablePointer<gnutls_x509_crt_t?>?
        var count: CUnsignedInt = 0
        let code = withDatum(pem) { datum in
            gnutls_x509_crt_list_import2(
                &list, &count, datum, GNUTLS_X509_FMT_PEM,
                GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED.rawValue)
        }
        try check(code)
        // The list is ours to free; each certificate is, too.
        defer { cgnutls_free(list) }
        let certificates = (0..<Int(count)).compactMap { list?[$0] }
        guard !certificates.isEmpty else { throw GnuTLSError(code: GNUTLS_E_NO_CERTIFICATE_FOUND) }
        return certificates
    }

    private static func chain(
        _ certificates: [gnutls_x509_crt_t]
    ) throws(GnuTLSError) -> UnsafeMutableBufferPointer<gnutls_pcert_st> {
        let chain = UnsafeMutableBufferPointer<gnutls_pcert_st>.allocate(
            capacity: certificates.count)
        for (index, certificate) in certificates.enumerated() {
            var entry = gnutls_pcert_st()
            let code = gnutls_pcert_import_x509(&entry, certificate, 0)
            guard code >= 0 else {
                release(UnsafeMutableBufferPointer(start: chain.baseAddress, count: index))
                throw GnuTLSError(code: code)
            }
            chain.initializeElement(at: index, to: entry)
        }
        return chain
    }

    private static func release(_ chain: UnsafeMutableBufferPointer<gnutls_pcert_st>) {
        for index in chain.indices { gnutls_pcert_deinit(chain.baseAddress! + index) }
        chain.deallocate()
    }

    private static func key(
        _ pem: [UInt8], of certificate: gnutls_x509_crt_t
    ) throws(Failure) -> gnutls_privkey_t {
        var made: gnutls_privkey_t?
        do throws(GnuTLSError) {
            try check(gnutls_privkey_init(&made))
        } catch {
            throw .key(error)
        }
        guard let key = made else { preconditionFailure("a key that was made is there") }
        let code = withDatum(pem) {
            gnutls_privkey_import_x509_raw(key, $0, GNUTLS_X509_FMT_PEM, nil, 0)
        }
        do throws(GnuTLSError) {
            try check(code)
            if try idOfKey(key) == idOfCertificate(certificate) { return key }
        } catch {
            gnutls_privkey_deinit(key)
            throw .key(error)
        }
        gnutls_privkey_deinit(key)
        throw .keyOfAnother
    }

    private static func idOfKey(_ key: gnutls_privkey_t) throws(GnuTLSError) -> [UInt8] {
        var made: gnutls_pubkey_t?
        try check(gnutls_pubkey_init(&made))
        defer { gnutls_pubkey_deinit(made) }
        try check(gnutls_pubkey_import_privkey(made, key, 0, 0))
        return try keyID { gnutls_pubkey_get_key_id(made, $0, $1, $2) }
    }

    private static func idOfCertificate(
        _ certificate: gnutls_x509_crt_t
    ) throws(GnuTLSError) -> [UInt8] {
        try keyID { gnutls_x509_crt_get_key_id(certificate, $0, $1, $2) }
    }

    private static func keyID(
        _ read: (CUnsignedInt, UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<Int>) -> CInt
    ) throws(GnuTLSError) -> [UInt8] {
        var id = [UInt8](repeating: 0, count: SHA256.byteCount)
        var count = id.count
        try check(read(GNUTLS_KEYID_USE_SHA256.rawValue, &id, &count))
        return id
    }

    private static func names(of certificate: gnutls_x509_crt_t) -> [String] {
        var names: [String] = []
        var buffer = [UInt8](repeating: 0, count: 1_024)
        for index in 0..<CUnsignedInt(256) {
            var count = buffer.count
            let type = gnutls_x509_crt_get_subject_alt_name(
                certificate, index, &buffer, &count, nil)
            // Its type, or that there are no more, or that it is longer than any host's name.
            guard type >= 0 || type == GNUTLS_E_SHORT_MEMORY_BUFFER else { break }
            guard type == CInt(GNUTLS_SAN_DNSNAME.rawValue) else { continue }
            names.append(String(decoding: buffer[..<min(count, buffer.count)], as: UTF8.self))
        }
        guard names.isEmpty else { return names }
        var count = buffer.count
        let code = buffer.withUnsafeMutableBytes { bytes in
            gnutls_x509_crt_get_dn(
                certificate, bytes.assumingMemoryBound(to: CChar.self).baseAddress, &count)
        }
        guard code >= 0 else { return [] }
        return [String(decoding: buffer[..<count], as: UTF8.self)]
    }

    private static func withDatum<R>(
        _ bytes: [UInt8], _ body: (UnsafePointer<gnutls_datum_t>) -> R
    ) -> R {
        var bytes = bytes
        return bytes.withUnsafeMutableBufferPointer { buffer in
            // The bytes are not written to: the structure has no const variant.
            var datum = gnutls_datum_t(
                data: buffer.baseAddress, size: CUnsignedInt(clamping: buffer.count))
            return body(&datum)
        }
    }
}
