import Foundation
import Testing

/// TLS as clients of another library see it. `Fixtures/tls` has two authorities and certificates
/// that are valid for a hundred years.
@Suite struct TLSTests {
    private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures/tls").path

    /// Certificates and keys in a folder of their own, so that a test can replace them.
    private struct Files {
        let directory = TemporaryDirectory()
        var data: String { directory.file("data") }

        func copy(_ name: String, as target: String) throws {
            for ending in ["pem", "key"] {
                let path = directory.file("\(target).\(ending)")
                if FileManager.default.fileExists(atPath: path) {
                    try FileManager.default.removeItem(atPath: path)
                }
                try FileManager.default.copyItem(
                    atPath: "\(TLSTests.fixtures)/\(name).\(ending)", toPath: path)
            }
        }

        func options(_ names: [String]) -> [String] {
            names.flatMap {
                [
                    "--tls-certificate", directory.file("\($0).pem"), "--tls-key",
                    directory.file("\($0).key"),
                ]
            }
        }

        func start(_ names: [String], _ more: [String] = []) throws -> (RunningProgram, UInt16) {
            let program = try Program.start(
                ["serve", "--data-dir", data, "--listen", "tls:127.0.0.1:0"] + options(names)
                    + more)
            let port: UInt16? = poll(seconds: 30) {
                let log = program.standardError
                guard let match = log.firstMatch(of: #/https://127\.0\.0\.1:(\d+)\s/#) else {
                    return nil
                }
                return UInt16(match.output.1)
            }
            return (program, try #require(port, "\(program.standardError)"))
        }
    }

    private static func client(
        _ port: UInt16, _ host: String, _ arguments: [String], authority: String = "ca"
    ) throws -> [String] {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["python3", "\(fixtures)/client.py", "\(port)", "\(fixtures)/\(authority).pem", host]
            + arguments
        process.standardOutput = output
        try process.run()
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// TLS 1.3 and 1.2 with ciphers that authenticate, nothing older; the log says https.
    @Test func versions_areModern() throws {
        let files = Files()
        for name in ["a", "rsa"] {
            try files.copy(name, as: name)
            let (program, port) = try files.start([name])
            for version in ["TLSv1_2", "TLSv1_3"] {
                let lines = try Self.client(port, "a.test", ["get", version])
                #expect(lines.count == 4 && lines.last == "200", "\(lines)")
                #expect(lines[0] == version.replacing("_", with: "."))
                #expect(lines[1].contains("GCM") || lines[1].contains("CHACHA20"))
            }
            for version in ["TLSv1", "TLSv1_1"] {
                #expect(try Self.client(port, "a.test", ["get", version])[0].hasPrefix("refused"))
            }
            program.signal(SIGTERM)
            #expect(program.waitForEnd().status == 0)
        }
    }

    /// Each name gets its certificate, the first is for others, and what speaks no TLS gets none of
    /// it.
    @Test func certificate_isThatOfTheName() throws {
        let files = Files()
        try files.copy("a", as: "a")
        try files.copy("b", as: "b")
        let (program, port) = try files.start(["a", "b"])
        let a = try Self.client(port, "a.test", ["get"])
        let b = try Self.client(port, "b.test", ["get"])
        #expect(a.count == 4 && b.count == 4 && a[2] != b[2], "\(a) \(b)")
        #expect(try Self.client(port, "x.wild.test", ["get"])[2] == a[2])
        #expect(try Self.client(port, "c.test", ["get"])[0].hasPrefix("refused"))
        #expect(
            try Self.client(port, "a.test", ["get"], authority: "other-ca")[0].hasPrefix("refused"))
        let plain = try HTTPConnection(port: port)
        #expect(throws: HTTPConnection.ConnectionError.self) { try plain.get("/api/health") }
        program.signal(SIGTERM)
        #expect(program.waitForEnd().status == 0)
    }

    /// At SIGHUP new connections get the new certificate, while one that is open goes on; a broken
    /// one changes nothing, and the log says which file it is.
    @Test func certificates_areReloaded() throws {
        let files = Files()
        try files.copy("a", as: "live")
        let (program, port) = try files.start(["live"])
        try files.copy("other-a", as: "live")
        let statuses = try Self.client(port, "a.test", ["reload", "\(program.processID)"])
        #expect(statuses == ["200", "200"])
        let new = try Self.client(port, "a.test", ["get"], authority: "other-ca")
        #expect(new.last == "200")

        for (broken, word) in [("no PEM at all", "no certificate"), ("", "no certificate")] {
            try files.directory.write("live.pem", broken)
            program.signal(SIGHUP)
            let isLogged = poll(seconds: 20) {
                program.standardError.contains(word) ? true : nil
            }
            #expect(isLogged == true, "\(program.standardError)")
            #expect(program.standardError.contains("live.pem"))
            let lines = try Self.client(port, "a.test", ["get"], authority: "other-ca")
            #expect(lines[2] == new[2] && lines.last == "200")
        }
        // The key of another certificate.
        try files.copy("other-a", as: "live")
        try files.directory.write(
            "live.key", String(contentsOfFile: "\(Self.fixtures)/b.key", encoding: .utf8))
        program.signal(SIGHUP)
        let isLogged = poll(seconds: 20) {
            program.standardError.contains("does not belong") ? true : nil
        }
        #expect(isLogged == true, "\(program.standardError)")
        let lines = try Self.client(port, "a.test", ["get"], authority: "other-ca")
        #expect(lines[2] == new[2] && lines.last == "200")
        program.signal(SIGTERM)
        #expect(program.waitForEnd().status == 0)
    }

    /// What cannot be used is said at the start, with the file.
    @Test func serve_refusesToStart_withoutAUsableCertificate() throws {
        let files = Files()
        try files.copy("a", as: "a")
        try files.copy("b", as: "b")
        let serve = ["serve", "--data-dir", files.data, "--listen", "tls:127.0.0.1:0"]
        func path(_ name: String) -> String { files.directory.file(name) }
        for (options, word) in [
            ([], "--tls-certificate"), (["--tls-certificate", path("a.pem")], "pairs"),
            (["--tls-certificate", path("a.pem"), "--tls-key", path("b.key")], "b.key"),
            (["--tls-certificate", path("none"), "--tls-key", path("a.key")], "none"),
            (["--tls-certificate", path("a.key"), "--tls-key", path("a.key")], "a.key"),
            (["--tls-certificate", path("a.pem"), "--tls-key", path("a.pem")], "private key"),
            (files.options(["a"]) + ["--tls-priorities", "NONSENSE"], "NONSENSE"),
        ] {
            let output = try Program.run(serve + options)
            #expect(output.status == 2, "\(options)")
            #expect(output.standardError.contains(word), "\(output.standardError)")
        }
    }

    /// The metrics tell when each certificate expires.
    @Test func metrics_tellTheExpiry() throws {
        let files = Files()
        try files.copy("a", as: "a")
        let server = try Server(
            files.data, ["--listen", "tls:127.0.0.1:0"] + files.options(["a"]))
        let metrics = try server.get("/metrics").body
        #expect(metrics.contains("cardstatus_tls_certificate_expiry_seconds{name=\"a.test\"} 4"))
    }
}
