import CardTesting
import Foundation
import Testing

/// The real program, run as a user runs it.
enum Program {
    /// Beside the test bundle, where the build puts both.
    static let url = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("cardstatus")

    struct Output: Sendable {
        let status: Int32
        let standardOutput: String
        let standardError: String
    }

    /// Runs a command to its end.
    static func run(
        _ arguments: [String], environment: [String: String] = [:],
        launcher: [String] = [], standardInput: FileHandle = .nullDevice
    ) throws -> Output {
        let process = try start(
            arguments, environment: environment, launcher: launcher,
            standardInput: standardInput)
        return process.waitForEnd()
    }

    /// Runs a command that must succeed, and gives what it printed.
    @discardableResult
    static func succeed(_ arguments: [String]) throws -> String {
        let output = try run(arguments)
        try #require(
            output.status == 0, "\(arguments) ended with \(output.status): \(output.standardError)")
        return output.standardOutput
    }

    /// Starts a command. Its environment has no settings but those given.
    static func start(
        _ arguments: [String], environment: [String: String] = [:], launcher: [String] = [],
        standardInput: FileHandle = .nullDevice
    ) throws -> RunningProgram {
        var variables = ProcessInfo.processInfo.environment.filter {
            !$0.key.hasPrefix("CARDSTATUS_")
        }
        variables.merge(environment) { $1 }
        let command = launcher + [url.path] + arguments
        return try RunningProgram(
            command, environment: variables, standardInput: standardInput)
    }
}

/// A started program. Its output is kept in files, so that no pipe can fill up and block it.
final class RunningProgram: @unchecked Sendable {
    private let process = Process()
    private let directory = TemporaryDirectory()

    init(
        _ command: [String], environment: [String: String],
        standardInput: FileHandle = .nullDevice
    ) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.environment = environment
        process.standardInput = standardInput
        process.standardOutput = try Self.file(directory.file("stdout"))
        process.standardError = try Self.file(directory.file("stderr"))
        try process.run()
    }

    deinit { signal(SIGKILL) }

    private static func file(_ path: String) throws -> FileHandle {
        try Data().write(to: URL(fileURLWithPath: path))
        return try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    }

    var isRunning: Bool { process.isRunning }

    var processID: Int32 { process.processIdentifier }

    /// Whether it runs, or how it ended.
    var state: String {
        if process.isRunning { return "runs" }
        let how = process.terminationReason == .exit ? "exited with" : "was ended by signal"
        return "\(how) \(process.terminationStatus)"
    }

    /// Processor time that it has taken so far, in ticks of a hundredth of a second.
    func processorTicks() throws -> Int {
        let text = Self.text("/proc/\(processID)/stat")
        let name = try #require(text.lastIndex(of: ")"))
        // utime and stime are the 14th and 15th field; the name is the 2nd.
        let fields = text[name...].split(separator: " ")
        return try #require(Int(fields[12])) + #require(Int(fields[13]))
    }

    var standardError: String { Self.text(directory.file("stderr")) }

    /// Nothing once it has ended: its number may be another's by then.
    func signal(_ number: Int32) {
        if process.isRunning { kill(process.processIdentifier, number) }
    }

    /// A program that does not end by itself is killed after two minutes, which shows as a status
    /// of 9: a server that should have refused to start must not hold up the tests.
    @discardableResult
    func waitForEnd() -> Program.Output {
        let isOver: Bool? = poll(seconds: 120) { process.isRunning ? nil : true }
        if isOver == nil { signal(SIGKILL) }
        process.waitUntilExit()
        return Program.Output(
            status: process.terminationStatus,
            standardOutput: Self.text(directory.file("stdout")), standardError: standardError)
    }

    private static func text(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}

/// A running `cardstatus serve` on a free port of 127.0.0.1, stopped with its last reference.
final class Server: Sendable {
    let program: RunningProgram
    let port: UInt16

    /// Starts the server and waits until it is ready.
    init(
        _ dataDirectory: String, _ arguments: [String] = [], environment: [String: String] = [:]
    ) throws {
        program = try Program.start(
            ["serve", "--data-dir", dataDirectory, "--listen", "127.0.0.1:0"] + arguments,
            environment: environment)
        port = try Self.waitForPort(program)
    }

    deinit {
        program.signal(SIGKILL)
    }

    /// The line that says the server listens has the port; another's address may come before it.
    private static func waitForPort(_ program: RunningProgram) throws -> UInt16 {
        let address = "http://127.0.0.1:"
        let found: UInt16? = poll(seconds: 30) {
            guard program.isRunning else { return nil }
            let lines = program.standardError.split(separator: "\n")
            guard let line = lines.first(where: { $0.contains("listening") }),
                let range = line.range(of: address)
            else { return nil }
            let digits = line[range.upperBound...].prefix { $0.isNumber }
            // A line that is still being written may end within the number.
            return digits.endIndex < line.endIndex ? UInt16(digits) : nil
        }
        return try #require(found, "the server did not start: \(program.standardError)")
    }

    func get(_ target: String, headers: [String] = []) throws -> HTTPAnswer {
        // The program must outlive the answer, not only the last look at its port.
        defer { withExtendedLifetime(self) {} }
        let connection = try HTTPConnection(port: port)
        do {
            return try connection.get(target, headers: headers)
        } catch {
            print("GET \(target) failed: \(error)\n\(program.state)\n\(program.standardError)")
            throw error
        }
    }

    /// SIGTERM, and the end.
    func stop() -> Program.Output {
        program.signal(SIGTERM)
        return program.waitForEnd()
    }
}

/// Calls `body` until it gives something or the time is over.
func poll<R>(seconds: Double, _ body: () throws -> R?) rethrows -> R? {
    let deadline = Date().addingTimeInterval(seconds)
    while true {
        if let result = try body() { return result }
        if Date() > deadline { return nil }
        usleep(5_000)
    }
}

/// A folder that goes with its last reference.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        path = NSTemporaryDirectory() + "cardstatus-test-" + ScratchDirectory.randomName()
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true)
        } catch {
            preconditionFailure("tests need a temporary directory: \(error)")
        }
    }

    deinit {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            print("cannot remove \(path): \(error)")
        }
    }

    func file(_ name: String) -> String { path + "/" + name }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        try write(name, Data(text.utf8))
    }

    @discardableResult
    func write(_ name: String, _ data: Data) throws -> String {
        try data.write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }
}

/// The sample files that the project ships.
enum Samples {
    static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Samples")
        .path

    static let files = ["Pickup", "Delivery exceptions", "Delivered", "Returned"].map {
        directory + "/Sample Card Status Info - \($0).csv"
    }

    /// What the API says of each card when all four are loaded.
    static let cards = [
        "ZYW8827": """
        {"card_id":"ZYW8827","phone":"+971585949014","status":"delivered",\
        "updated_at":"2023-11-13T09:34:56Z","comment":"DELIVERED","reference":"A883"}
        """,
        "ZYW8890": """
        {"card_id":"ZYW8890","phone":"+971534534534","status":"returned",\
        "updated_at":"2023-11-14T08:00:00Z","comment":null,"reference":"A982"}
        """,
        "ZYW7631": """
        {"card_id":"ZYW7631","phone":"+971545576586","status":"delivered",\
        "updated_at":"2023-11-14T12:34:56Z","comment":"DELIVERED","reference":"A073"}
        """,
    ]
}
