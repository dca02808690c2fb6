import Foundation
import Testing

@testable import GnuTLSKit

struct ServerCertificateTests {
    private static func bytes(_ name: String) throws -> [UInt8] {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent()
        return Array(
            try Data(contentsOf: tests.appendingPathComponent("EndToEnd/Fixtures/tls/\(name)")))
    }

    private static func certificate(_ name: String) throws -> ServerCertificate {
        try ServerCertificate(chain: bytes("\(name).pem"), key: bytes("\(name).key"))
    }

    /// A chain and its key are read, elliptic or not, with the names and times of the first.
    @Test(arguments: ["a", "b", "rsa", "other-a"])
    func certificate_isRead(name: String) throws {
        let certificate = try Self.certificate(name)
        let host = name == "b" ? "b.test" : "a.test"
        #expect(certificate.names.first == host)
        #expect(certificate.isFor(host) && !certificate.isFor("c.test"))
        #expect(certificate.chain.count == 2)
        let now = Int(Date().timeIntervalSince1970)
        #expect(certificate.startsAt <= now + 86_400 && certificate.expiresAt > now)
        #expect(certificate.isFor("x.wild.test") == (name == "a"))
    }

    private static func failure(
        _ chain: [UInt8], _ key: [UInt8]
    ) -> ServerCertificate.Failure? {
        do throws(ServerCertificate.Failure) {
            _ = try ServerCertificate(chain: chain, key: key)
            return nil
        } catch {
            return error
        }
    }

    /// What is no chain, no key, or a key of another is told apart.
    @Test func certificate_isRefused_whenItIsNone() throws {
        let (chain, key) = (try Self.bytes("a.pem"), try Self.bytes("a.key"))
        for bad in [[], Array("junk".utf8), key, Array(chain.prefix(300))] {
            guard case .chain = Self.failure(bad, key) else {
                Issue.record("\(bad.count) bytes were taken for a chain")
                continue
            }
        }
        // The issuer before what it issued.
        let authority = try Self.bytes("ca.pem")
        let leaf = Array(chain.dropLast(authority.count))
        guard case .chain = Self.failure(authority + leaf, key) else {
            Issue.record("a chain is in order")
            return
        }
        for bad in [[], Array("junk".utf8), chain, Array(key.prefix(100))] {
            guard case .key = Self.failure(chain, bad) else {
                Issue.record("\(bad.count) bytes were taken for a key")
                continue
            }
        }
        #expect(Self.failure(chain, try Self.bytes("b.key")) == .keyOfAnother)
    }

    /// Those that are as they were stay, so that reading them again costs nothing.
    @Test func install_keepsWhatIsUnchanged() throws {
        ServerCertificates.install([], handshakeSecondsMax: 60)
        let first = try Self.certificate("a")
        #expect(ServerCertificates.install([first], handshakeSecondsMax: 60) == 1)
        #expect(
            ServerCertificates.install([try Self.certificate("a")], handshakeSecondsMax: 60) == 0)
        #expect(ServerCertificates.current.first === first)
        let both = [try Self.certificate("b"), try Self.certificate("a")]
        #expect(ServerCertificates.install(both, handshakeSecondsMax: 60) == 1)
        #expect(ServerCertificates.current.last === first)
        ServerCertificates.install([], handshakeSecondsMax: 60)
        #expect(ServerCertificates.current.isEmpty)
    }

    @Test func priorities_areUnderstood() {
        #expect(TLSPriorities.misunderstood(TLSPriorities.standard) == nil)
        #expect(TLSPriorities.misunderstood("NORMAL:+NONSENSE")?.contains("NONSENSE") == true)
    }
}
