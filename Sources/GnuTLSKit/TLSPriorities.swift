internal import CGnuTLS

/// Which versions and ciphers a server offers, in GnuTLS's words.
public enum TLSPriorities {
    /// TLS 1.3 and 1.2, with ciphers that authenticate what they encrypt, and with keys that no
    /// later theft of the private key opens (no RSA key exchange). The server's order counts.
    public static let standard =
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-DHE-RSA:-CIPHER-ALL:+AES-128-GCM:"
        + "+AES-256-GCM:+CHACHA20-POLY1305:-MAC-ALL:+AEAD:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:"
        + "%SERVER_PRECEDENCE"

    /// What GnuTLS stumbles over in a text; nil when it understands all of it.
    ///
    /// The corresponding C function is `gnutls_priority_init`.
    public static func misunderstood(_ text: String) -> String? {
        var cache: gnutls_priority_t?
        return text.withCString { start in
            var place: UnsafePointer<CChar>?
            let code = gnutls_priority_init(&cache, start, &place)
            guard code != 0 else {
                gnutls_priority_deinit(cache)
                return nil
            }
            return place.map { String(cString: $0) } ?? text
        }
    }
}
