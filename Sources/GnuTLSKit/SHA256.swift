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
}
