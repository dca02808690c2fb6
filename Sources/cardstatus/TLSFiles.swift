import ArgumentParser
import CardFeeds
import CardService
import Foundation
import GnuTLSKit
import HTTPFront
import Logging

/// `--tls-…`: the certificates of `serve`, and their files.
struct TLSOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "A certificate and its issuers, in PEM, for addresses tls:…; may be given several "
                + "times, the first is for clients that name no host "
                + "[$CARDSTATUS_TLS_CERTIFICATE, with commas].", valueName: "file"))
    var tlsCertificate: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The private key of the certificate in the same place, in PEM without a password "
                + "[$CARDSTATUS_TLS_KEY, with commas].", valueName: "file"))
    var tlsKey: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "What to offer, in GnuTLS's words (default: TLS 1.3 and 1.2 with modern ciphers) "
                + "[$CARDSTATUS_TLS_PRIORITIES].", valueName: "text"))
    var tlsPriorities: String?

    /// Nil when there are no certificates.
    func files(_ settings: Settings) throws -> TLSFiles? {
        let certificates = settings.list(tlsCertificate, "CARDSTATUS_TLS_CERTIFICATE")
        let keys = settings.list(tlsKey, "CARDSTATUS_TLS_KEY")
        guard certificates.count == keys.count else {
            throw CommandFailure.misused(
                "--tls-certificate and --tls-key come in pairs: there are \(certificates.count) "
                    + "and \(keys.count)")
        }
        var pairs = zip(certificates, keys).map {
            CardFeeds.Configuration.CertificateFiles(certificate: $0, key: $1)
        }
        if pairs.isEmpty { pairs = settings.configuration.certificates }
        return pairs.isEmpty ? nil : TLSFiles(pairs)
    }

    func priorities(_ settings: Settings) throws -> String {
        let text =
            tlsPriorities ?? settings.variable("CARDSTATUS_TLS_PRIORITIES")
            ?? TLSPriorities.standard
        if let place = TLSPriorities.misunderstood(text) {
            throw CommandFailure.misused("--tls-priorities: GnuTLS does not understand '\(place)'")
        }
        return text
    }
}

/// Certificates and keys in files, which are read again while the server runs.
struct TLSFiles: Sendable {
    private let pairs: [CardFeeds.Configuration.CertificateFiles]

    init(_ pairs: [CardFeeds.Configuration.CertificateFiles]) {
        self.pairs = pairs
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// - Throws: when one of them cannot be used.
    func read() throws -> [ServerCertificate] {
        try pairs.map { pair in
            let chain = try Self.bytes(pair.certificate)
            let key = try Self.bytes(pair.key)
            do throws(ServerCertificate.Failure) {
                return try ServerCertificate(chain: chain, key: key)
            } catch {
                let path = if case .chain = error { pair.certificate } else { pair.key }
                throw Failure(description: "\(path): \(error)")
            }
        }
    }

    private static func bytes(_ path: String) throws -> [UInt8] {
        do {
            return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw Failure(description: "\(path): \(error.localizedDescription)")
        }
    }

    /// What a reload does: nothing is changed when one of the files cannot be used.
    ///
    /// - Parameter handshakeSecondsMax: for how long certificates that were replaced are in use.
    func prepare(handshakeSecondsMax: Int, _ logger: Logger) throws -> PreparedSetting {
        let new = try read()
        return PreparedSetting {
            let count = ServerCertificates.install(
                new, handshakeSecondsMax: handshakeSecondsMax)
            Self.warn(new, logger)
            return "read \(new.count) certificates, \(count) of them new"
        }
    }

    /// Of what a client would refuse.
    static func warn(_ certificates: [ServerCertificate], _ logger: Logger) {
        let now = Int(Date().timeIntervalSince1970)
        for certificate in certificates {
            let names = certificate.names.joined(separator: ", ")
            let expiry = ISO8601DateFormatter().string(
                from: Date(timeIntervalSince1970: TimeInterval(certificate.expiresAt)))
            let metadata: Logger.Metadata = ["names": "\(names)", "expires": "\(expiry)"]
            if certificate.expiresAt <= now {
                logger.error("a certificate has expired", metadata: metadata)
            } else if certificate.startsAt > now {
                logger.error("a certificate is not valid yet", metadata: metadata)
            } else if certificate.expiresAt - now < 14 * 86_400 {
                logger.warning("a certificate expires soon", metadata: metadata)
            }
        }
    }
}
