import ArgumentParser
import CardAPI
import CardAudit
import CardFeeds
import CardModel
import CardService
import CardStore
import Foundation
import GnuTLSKit
import HTTPFront
import Logging
import ServiceLifecycle
import Synchronization

/// `cardstatus serve`
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answer where cards are, over HTTP.",
        discussion: """
            Without any API key the server listens on loopback addresses and Unix sockets only. \
            Stop it with SIGTERM or Ctrl-C: it stops listening, finishes what it is answering, \
            and ends.

            WHERE TO LISTEN
              127.0.0.1:8080   a TCP address; port 0 takes a free one, which the log names
              [::1]:8080       an IPv6 address
              :8080            all addresses
              tls:ADDRESS:PORT the same, encrypted; needs --tls-certificate and --tls-key
              unix:PATH        a Unix socket, made at the start and removed at the stop
              inherited        all sockets that a supervisor such as systemd hands over
              inherited:NAME   those of this name (FileDescriptorName= of a .socket unit)

            While a server with an inherited socket is restarted, the supervisor keeps the \
            socket open and connections wait in its queue, so nobody is refused.

            WHILE IT RUNS
              SIGHUP reads the configuration file, the certificates and the API keys again, unless \
            the server was started from a terminal, whose end it then is.

            EXAMPLES
              cardstatus serve --data-dir data
              cardstatus serve --data-dir data --listen 127.0.0.1:9000 --workers 2
              cardstatus serve --data-dir data --listen 127.0.0.1:8080 \\
                --listen '[::1]:8080'
              cardstatus serve --data-dir data --listen unix:/run/cardstatus/http.sock \\
                --unix-mode 0666
              curl --unix-socket /run/cardstatus/http.sock http://localhost/api/health
              cardstatus key create --data-dir data --name proxy
              cardstatus serve --data-dir data --listen 0.0.0.0:8080
              cardstatus serve --data-dir data --listen tls:0.0.0.0:8443 \\
                --tls-certificate chain.pem --tls-key key.pem
              systemd-socket-activate -l 127.0.0.1:8080 --fdname=http \\
                cardstatus serve --data-dir data --listen inherited:http
            """)

    private static let defaultAddress = "127.0.0.1:8080"

    @OptionGroup var store: StoreOptions

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where to listen: ADDRESS:PORT, tls:ADDRESS:PORT, unix:PATH, inherited or "
                + "inherited:NAME; may be given several times (default: 127.0.0.1:8080) "
                + "[$CARDSTATUS_LISTEN, with commas].",
            valueName: "where"))
    var listen: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The permissions of Unix sockets, in octal; connecting takes the right to write "
                + "(default: 0660) [$CARDSTATUS_UNIX_MODE].", valueName: "mode"))
    var unixMode: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Threads for each --listen, no more than cores in all (default: 1) "
                + "[$CARDSTATUS_WORKERS]."))
    var workers: Int?

    @OptionGroup(title: "Limits of clients") var limitOptions: LimitOptions

    @OptionGroup(title: "TLS") var tls: TLSOptions

    @OptionGroup(title: "Whom to believe") var exposure: ExposureOptions

    @OptionGroup(title: "What is written down") var record: RecordOptions

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Seconds that a stop waits for requests (default: 10) [$CARDSTATUS_SHUTDOWN_GRACE].",
            valueName: "seconds"))
    var shutdownGrace: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Seconds that a stop leaves connections open on which a request may be on its way "
                + "(default: 1) [$CARDSTATUS_IDLE_GRACE].", valueName: "seconds"))
    var idleGrace: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "From when on /api/ready says that the server is: store (at once, answers come from "
                + "the store until all cards are in memory) or memory (when they are) "
                + "(default: store) [$CARDSTATUS_READY_WHEN].", valueName: "when"))
    var readyWhen: String?

    @OptionGroup var regionOption: RegionOption

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The directory that POST /api/admin/backup writes below; without it there are none "
                + "[$CARDSTATUS_BACKUP_DIR].", valueName: "dir"))
    var backupDir: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "If the store has no key, create one and write it to this new file, mode 0600 "
                + "[$CARDSTATUS_FIRST_KEY_FILE].", valueName: "file"))
    var firstKeyFile: String?

    @Flag(
        name: .long,
        help: "Listen on all addresses and answer everybody, without keys [$CARDSTATUS_INSECURE].")
    var insecure = false

    @Option(
        name: .long,
        help: "trace, debug, info, notice, warning, error or critical [$CARDSTATUS_LOG_LEVEL].")
    var logLevel: String?

    @Option(name: .long, help: "text or json [$CARDSTATUS_LOG_FORMAT].")
    var logFormat: String?

    func run() async throws {
        let settings = try store.settings()
        let level = try ServerLog.level(settings, logLevel)
        let logger = try ServerLog.logger(settings, level, format: logFormat)
        do {
            try await run(settings, level, logger)
        } catch let failure as CommandFailure {
            // Whoever reads the log wants to read there why there was no server.
            guard let message = failure.message, ServerLog.isJSON(settings, logFormat) else {
                throw failure
            }
            logger.critical("\(message)")
            throw CommandFailure(message: nil, exitCode: failure.exitCode)
        }
    }

    private func run(
        _ settings: Settings, _ level: LogLevel, _ logger: Logger
    ) async throws {
        let isInsecure = try settings.flag(insecure, "CARDSTATUS_INSECURE")
        let region = try settings.defaultRegion(regionOption.defaultRegion)
        let serverConfiguration = try configuration(settings, logger)
        let readyWhen = try settings.readyWhen(readyWhen)
        let policy = try exposure.policy(settings, serverConfiguration.limits)
        let certificates = try certificates(settings, serverConfiguration, logger)
        let reloading = try ReloadedConfiguration(settings, self, level)
        let backupDirectory = try backupDirectory(settings)
        let auditScope = try settings.auditScope(record.audit)
        let auditKeepDays = try record.auditKeepDays(settings)
        let slowLog = try record.slowLog(settings)

        let store = try self.store.openStore(settings, create: true, readsAtRandom: true)
        let lock = try locked(store)
        if try store.hasUnfinishedErasure() {
            logger.warning("an erasure was cut off; 'cardstatus erase' completes it")
        }
        let auditFolder = try auditFolder(auditScope, store)
        try createFirstKey(store, settings, isInsecure: isInsecure, logger)
        let access = try access(
            serverConfiguration.listeners.map(\.address), store, isInsecure: isInsecure, logger)

        // Everything that has an end is started inside the group, which by then listens for
        // signals: one that comes early must not cut off a request.
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(
                        service: Running { () async throws in
                            let service = try CardService(
                                store: store, readyWhen: readyWhen,
                                hooks: ReloadHooks(config: reloading?.prepare, certs: certificates),
                                backupDirectory: backupDirectory,
                                onEvent: { Self.log($0, logger) })
                            let engine = RunEngine(
                                store: store, writer: service.writer,
                                dataDirectory: store.directory,
                                feeds: settings.configuration.feeds,
                                onEvent: { Self.log($0, logger) })
                            reloading?.change(engine)
                            let audit = auditFolder.map {
                                AuditLog(
                                    $0, scope: auditScope, keepDays: auditKeepDays,
                                    workers: serverConfiguration.workerCount,
                                    context: Self.auditContext(service, logger))
                            }
                            try await serve(
                                serverConfiguration, service, engine, access: access,
                                policy: policy, region: region,
                                records: ServerRecords(
                                    audit: audit, slow: slowLog, logLevel: level), logger)
                        })
                ], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
        logger.info("stopped")
        withExtendedLifetime(lock) {}
    }

    /// Answers until the program is asked to stop, then stops in order: no new requests, those in
    /// flight finish, then what is queued to be written.
    private func serve(
        _ configuration: HTTPServer.Configuration, _ service: CardService, _ engine: RunEngine,
        access: CardAPI.Access, policy: RequestPolicy, region: PhoneRegion,
        records: ServerRecords,
        _ logger: Logger
    ) async throws {
        service.start()
        records.audit?.start()
        let server: HTTPServer
        let api: CardAPI
        do {
            try engine.start()
            (server, api) = try self.server(
                configuration, service, engine, access: access, policy: policy,
                region: region, records: records, logger)
        } catch {
            engine.stop()
            service.stop()
            records.audit?.stop()
            throw CommandFailure.failed("\(error)")
        }
        let hangUp = Terminal.isInteractive ? nil : HangUp { Self.reload(service, logger) }
        for address in server.listenAddresses { Self.log(address, logger) }
        try await gracefulShutdown()
        hangUp?.stop()
        logger.info("stopping")
        // Stopping waits for threads, which the pool of tasks must not do.
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                // First, so that who waits for a run or a change is answered while the server
                // still can.
                engine.interrupt()
                api.stop()
                server.stop()
                engine.stop()
                service.stop()
                // Last, so that it has what the others still did.
                records.audit?.stop()
                continuation.resume()
            }
        }
    }

    private static func log(_ address: ListenAddress, _ logger: Logger) {
        switch address {
        case .tcp(let address):
            logger.info("listening", metadata: ["url": "http://\(address)"])
        case .tls(let address):
            logger.info("listening", metadata: ["url": "https://\(address)"])
        case .unix(let path):
            logger.info("listening", metadata: ["socket": "\(path)"])
        }
    }

    // MARK: Settings

    private func configuration(
        _ settings: Settings, _ logger: Logger
    ) throws -> HTTPServer.Configuration {
        var configuration = HTTPServer.Configuration(
            listeners: try listeners(settings, logger))
        configuration.workersPerAddress = try settings.integer(
            workers, "--workers", "CARDSTATUS_WORKERS", in: 1...256,
            configured: settings.configuration.workers, default: 1)
        configuration.limits = try limitOptions.limits(settings)
        configuration.trustedProxies = try exposure.trustedProxies(settings)
        configuration.tls = HTTPServer.TLS(
            priorities: try tls.priorities(settings),
            certificateCallback: ServerCertificates.callback)
        configuration.shutdownGraceMs =
            1_000
            * (try settings.integer(
                shutdownGrace, "--shutdown-grace", "CARDSTATUS_SHUTDOWN_GRACE", in: 0...3_600,
                default: configuration.shutdownGraceMs / 1_000))
        configuration.idleGraceMs =
            1_000
            * (try settings.integer(
                idleGrace, "--idle-grace", "CARDSTATUS_IDLE_GRACE", in: 0...3_600, default: 1))
        return configuration
    }

    private func listeners(_ settings: Settings, _ logger: Logger) throws -> [Listener] {
        var texts = listen
        if texts.isEmpty, let variable = settings.variable("CARDSTATUS_LISTEN") {
            texts = variable.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        }
        if texts.isEmpty { texts = settings.configuration.listen ?? [Self.defaultAddress] }
        let mode = try settings.permissions(
            unixMode, "--unix-mode", "CARDSTATUS_UNIX_MODE", default: 0o660)
        do {
            let requests = try texts.map { try ListenRequest(parsing: $0) }
            var inherited = try InheritedSockets.take()
            let listeners = try requests.flatMap { request -> [Listener] in
                switch request {
                case .tcp(let address): [.tcp(address)]
                case .tls(let address): [.tls(address)]
                case .unix(let path): [.unix(path, mode: mode)]
                case .inherited(let name): try inherited.claim(name: name).map(Listener.inherited)
                }
            }
            if !inherited.unclaimedNames.isEmpty {
                logger.notice(
                    "inherited sockets are not listened on: no --listen names them",
                    metadata: ["names": "\(inherited.unclaimedNames.joined(separator: ", "))"])
            }
            return listeners
        } catch {
            throw CommandFailure.misused("--listen: \(error)")
        }
    }

    // MARK: Certificates

    /// Reads the certificates, and says how to read them again.
    ///
    /// - Returns: nil when there are none, which is well if no listener encrypts.
    private func certificates(
        _ settings: Settings, _ configuration: HTTPServer.Configuration, _ logger: Logger
    ) throws -> ReloadHooks.Prepare? {
        guard let files = try tls.files(settings) else {
            for case .tls(let address) in configuration.listeners {
                throw CommandFailure.misused(
                    "tls:\(address) needs a certificate: give --tls-certificate and --tls-key")
            }
            return nil
        }
        // A connection that has not come to its first request by then is cut off.
        let handshakeSecondsMax =
            configuration.limits.idleSeconds + configuration.limits.headerSeconds + 1
        do {
            let certificates = try files.read()
            ServerCertificates.install(certificates, handshakeSecondsMax: handshakeSecondsMax)
            TLSFiles.warn(certificates, logger)
        } catch {
            throw CommandFailure.misused("--tls-certificate: \(error)")
        }
        return { try files.prepare(handshakeSecondsMax: handshakeSecondsMax, logger) }
    }

    /// Found out at the start rather than when a backup is wanted.
    private func backupDirectory(_ settings: Settings) throws -> String? {
        guard let path = backupDir ?? settings.variable("CARDSTATUS_BACKUP_DIR") else { return nil }
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory),
            isDirectory.boolValue, FileManager.default.isWritableFile(atPath: path)
        else {
            throw CommandFailure.misused("--backup-dir: '\(path)' is no directory to write to")
        }
        return path
    }

    // MARK: Keys

    private func createFirstKey(
        _ store: CardStore, _ settings: Settings, isInsecure: Bool, _ logger: Logger
    ) throws {
        guard let path = firstKeyFile ?? settings.variable("CARDSTATUS_FIRST_KEY_FILE"),
            !isInsecure, try store.keys().isEmpty
        else { return }
        try removeStaleKeyFile(path)
        let key = APIKey()
        // The file comes first: a key that nobody can read would lock everybody out.
        var file = try ResultOutput.file(path)
        try file.line(key.text)
        try file.finish()
        let isStored = try store.addKey(
            StoredKey(
                hash: key.hash, name: "admin", createdAt: UInt64(Date().timeIntervalSince1970),
                role: .admin),
            onlyIfFirst: true)
        if isStored {
            CommandAudit.note(.change, "serve: first key", in: store.directory, settings) {
                $0.detail = "'admin' admin"
            }
            logger.notice("the store had no API key; created one", metadata: ["file": "\(path)"])
        }
    }

    /// A start that was cut off between file and store leaves a key that opens nothing. Any other
    /// file is somebody's, and stays.
    private func removeStaleKeyFile(_ path: String) throws {
        guard let bytes = FileManager.default.contents(atPath: path) else { return }
        guard APIKey.isKey(String(decoding: bytes, as: UTF8.self)) else {
            throw CommandFailure.failed(
                "--first-key-file: '\(path)' exists and holds no API key; it is left alone")
        }
        try FileManager.default.removeItem(atPath: path)
    }

    /// Without a key, only what this machine alone can reach is safe to listen on, whoever opened
    /// the socket.
    private func access(
        _ addresses: [ListenAddress], _ store: CardStore, isInsecure: Bool, _ logger: Logger
    ) throws -> CardAPI.Access {
        if isInsecure {
            logger.warning(
                "everybody who can reach this server can read and write: insecure is set")
            return .everybody
        }
        guard let exposed = addresses.first(where: { !$0.isLocal }) else { return .keysIfAny }
        if try store.keys().isEmpty {
            throw CommandFailure.failed(
                "will not listen on \(exposed): the store has no API key, so everybody who can"
                    + " reach it could read all cards. Create one (cardstatus key create --data-dir"
                    + " \(store.directory) --name NAME), listen on 127.0.0.1 or a Unix socket, or"
                    + " set CARDSTATUS_INSECURE=1")
        }
        return .keysOnly
    }

    // MARK: What is written down

    /// A server that is to be audited does not run without being so.
    private func auditFolder(_ scope: AuditScope, _ store: CardStore) throws -> AuditFolder? {
        guard scope != .off else { return nil }
        do {
            return try AuditFolder(ofStore: store.directory)
        } catch {
            throw CommandFailure.failed(
                "the audit log cannot be written: \(error); --audit off goes without one")
        }
    }

    // MARK: Start

    private func locked(_ store: CardStore) throws -> ServerLock {
        do {
            return try ServerLock(directory: store.directory)
        } catch {
            throw CommandFailure.failed("\(error)")
        }
    }

    private static func log(_ event: CardService.Event, _ logger: Logger) {
        switch event {
        case .indexFilled(let cards, let milliseconds):
            logger.info(
                "answers come from memory now",
                metadata: ["cards": "\(cards)", "ms": "\(milliseconds)"])
        case .indexStale:
            logger.notice("the index fell behind and is built again; answers come from the store")
        case .fillFailed(let error, let retryMs):
            logger.error(
                "the index cannot be filled",
                metadata: ["error": "\(error)", "retry_ms": "\(retryMs)"])
        case .problem(let error):
            logger.error("the store has a problem", metadata: ["error": "\(error)"])
        }
    }

    private static func log(_ event: RunEngine.Event, _ logger: Logger) {
        switch event {
        case .started(let run):
            logger.info("a run began", metadata: metadata(of: run))
        case .ended(let run, let failure):
            var metadata = metadata(of: run)
            metadata["state"] = "\(run.state)"
            metadata["rows"] = "\(run.totals.rows)"
            metadata["accepted"] = "\(run.totals.counts.accepted)"
            metadata["rejects"] = "\(run.totals.rejects)"
            metadata["warnings"] = "\(run.totals.warnings)"
            // The run's message may quote the file, and a file without a head is all data.
            if let failure { metadata["failure"] = "\(failure)" }
            if run.state == .failed {
                logger.error("a run failed; /api/runs says why", metadata: metadata)
            } else {
                logger.info("a run ended", metadata: metadata)
            }
        case .unclaimed(let path, let reason):
            logger.notice(
                "a file in a feeds' folder is left alone",
                metadata: ["file": "\(path)", "reason": "\(reason)"])
        case .problem(let what):
            logger.error("a feed has a problem", metadata: ["error": "\(what)"])
        }
    }

    private static func auditContext(
        _ service: CardService, _ logger: Logger
    ) -> AuditLog.Context {
        let names = Route.allCases.map(\.name)
        return AuditLog.Context(
            routeName: { Int($0) < names.count ? names[Int($0)] : "" },
            key: { number in
                service.key(numbered: number).map {
                    AuditKey(name: $0.name, role: $0.role.rawValue)
                }
            },
            onEvent: { log($0, logger) })
    }

    private static func log(_ event: AuditLog.Event, _ logger: Logger) {
        switch event {
        case .failing(let error):
            logger.error("the audit log cannot be written", metadata: ["error": "\(error)"])
        case .recovered:
            logger.notice("the audit log is written again")
        case .removed(let files):
            logger.info(
                "old files of the audit log were removed", metadata: ["files": "\(files)"])
        case .lost(let entries):
            logger.error(
                "the stop lost entries of the audit log", metadata: ["entries": "\(entries)"])
        }
    }

    private static func metadata(of run: StoredRun) -> Logger.Metadata {
        // An upload's name is what its client calls it, and so may be anything.
        let source = run.way == .upload ? "upload" : run.source
        return ["run": "\(run.id)", "feed": "\(run.feed)", "source": "\(source)"]
    }

    /// What SIGHUP asks for.
    private static func reload(_ service: CardService, _ logger: Logger) {
        do throws(ReloadError) {
            try service.reload([.config, .certs, .keys]) { result in
                switch result {
                case .success(let report):
                    for step in report.steps {
                        logger.notice(
                            "reloaded",
                            metadata: [
                                "step": "\(step.name.rawValue)", "did": "\(step.detail)",
                                "ms": "\(step.milliseconds)",
                            ])
                    }
                case .failure(let error):
                    logger.error(
                        "the reload failed, and all is as it was", metadata: ["error": "\(error)"])
                }
            }
        } catch {
            logger.error("the reload was refused", metadata: ["error": "\(error)"])
        }
    }

    private func server(
        _ configuration: HTTPServer.Configuration, _ service: CardService, _ engine: RunEngine,
        access: CardAPI.Access, policy: RequestPolicy, region: PhoneRegion,
        records: ServerRecords,
        _ logger: Logger
    ) throws -> (HTTPServer, CardAPI) {
        // The metrics show the server's connections, and the server counts into the metrics.
        let running = WeakServer()
        let metrics = Metrics(
            workers: configuration.workerCount, version: Version.text,
            processStatistics: { .current() },
            connections: { running.connections }, protection: { running.protection })
        let api = CardAPI(
            service: service, engine: engine, defaultRegion: region, access: access,
            policy: policy,
            metrics: metrics, records: records
        ) { route, error in
            logger.error(
                "an answer could not be read",
                metadata: ["route": "\(route.pattern)", "error": "\(error)"])
        }
        var configuration = configuration
        configuration.slowMicros = records.slow?.thresholdMicros ?? configuration.slowMicros
        let server = try HTTPServer(
            configuration: configuration,
            errorLog: { logger.warning("\($0)") },
            refuse: CardAPI.refuse,
            plan: { api.plan(for: $0, &$1) },
            onCompleted: metrics.count,
            onSlow: records.onSlow,
            onOrigin: api.onOrigin,
            foresee: { api.foresee($0, $1, &$2) },
            handler: { api.respond(to: $0, &$1) })
        running.set(server)
        return (server, api)
    }
}

/// The server, for metrics that are made before it.
private final class WeakServer: Sendable {
    private struct Reference: Sendable {
        weak let server: HTTPServer?
    }

    private let reference = Mutex(Reference(server: nil))

    func set(_ server: HTTPServer) {
        reference.withLock { $0 = Reference(server: server) }
    }

    var protection: Metrics.Protection {
        var protection = Metrics.Protection()
        protection.certificates = ServerCertificates.current.map { certificate in
            (certificate.names.first ?? "", certificate.expiresAt)
        }
        guard let server = reference.withLock({ $0.server }) else { return protection }
        protection.connectionsRefused = server.connectionsRefused
        protection.complaintsLeftOut = server.complaintsLeftOut
        protection.cutOff = ClientDelay.allCases.map { ($0, server.cutOffCount($0)) }
        return protection
    }

    var connections: Metrics.Connections {
        guard let server = reference.withLock({ $0.server }) else {
            return Metrics.Connections(open: 0, accepted: 0, suspended: 0)
        }
        let counters = (0..<server.workerCount).map(server.counters(ofWorker:))
        return Metrics.Connections(
            open: counters.reduce(0) { $0 + $1.connectionsOpen },
            accepted: counters.reduce(0) { $0 + $1.connectionsAccepted },
            suspended: server.suspendedConnections)
    }
}

/// A service for the group that runs a closure.
private struct Running: ServiceLifecycle.Service {
    let body: @Sendable () async throws -> Swift.Void

    func run() async throws {
        try await body()
    }
}
