internal import CGnuTLS

/// What a call of GnuTLS said.
public struct GnuTLSError: Error, Equatable, CustomStringConvertible {
    public let code: CInt

    /// GnuTLS's own words.
    public var description: String { String(cString: gnutls_strerror(code)) }
}

/// Throws for a negative code, by which GnuTLS's functions tell a failure.
@discardableResult
func check(_ code: CInt) throws(GnuTLSError) -> CInt {
    guard code >= 0 else { throw GnuTLSError(code: code) }
    return code
}
