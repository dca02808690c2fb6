internal import CGnuTLS

/// The hash function SHA-256 (FIPS 180-4), from GnuTLS.
public enum SHA256 {
    public static let byteCount = 32

    /// The corresponding C function is `gnutls_hash_fast`.
    public static func hash(_ bytes: Span<UInt8>) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            let code = bytes.withUnsafeBytes { input in
                gnutls_hash_fast(
                    GNUTLS_DIG_SHA256, input.baseAddress, input.count, buffer.baseAddress)
            }
            precondition(code == 0, "SHA-256 fails only when it is not there")
            count = byteCount
        }
    }

    /// The keyed hash HMAC-SHA-256 (RFC 2104): without the key nobody can tell of what it is.
    ///
    /// The corresponding C function is `gnutls_hmac_fast`.
    public static func authenticate(_ bytes: Span<UInt8>, key: Span<UInt8>) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            let code = key.withUnsafeBytes { key in
                bytes.withUnsafeBytes { input in
                    gnutls_hmac_fast(
                        GNUTLS_MAC_SHA256, key.baseAddress, key.count, input.baseAddress,
                        input.count, buffer.baseAddress)
                }
            }
            precondition(code == 0, "SHA-256 fails only when it is not there")
            count = byteCount
        }
    }
}
