import CardTesting
import Foundation
import Testing

/// The small forms of campaigns that take minutes to hours: calls that fail, power cuts, flipped
/// bits. docs/reliability.md has the long ones.
@Suite struct FaultTests {
    private static let isSanitized =
        ["CARDSTATUS_ADDRESS_SANITIZER", "CARDSTATUS_THREAD_SANITIZER"].contains {
            ProcessInfo.processInfo.environment[$0] != nil
        }

    @Test(
        .enabled(if: !isSanitized, "a sanitizer's program is another one, and slow"),
        arguments: [
            ["fault-injection", "--sample", "16"], ["power-cut", "12"], ["flip-bits", "6"],
        ])
    func campaign_findsNothing(command: [String]) throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().path
        let seed = String(SeededGenerator.newSeed() % 1_000_000)
        let directory = TemporaryDirectory()
        let script = Process()
        script.executableURL = URL(fileURLWithPath: "\(root)/Scripts/\(command[0])")
        script.arguments = command.dropFirst() + [seed]
        script.environment = ProcessInfo.processInfo.environment.merging([
            "CARDSTATUS_PROGRAM": Program.url.path
        ]) { $1 }
        let output = directory.file("output")
        try Data().write(to: URL(fileURLWithPath: output))
        script.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: output))
        script.standardError = script.standardOutput
        try script.run()
        script.waitUntilExit()
        let text = String(
            decoding: FileManager.default.contents(atPath: output) ?? Data(), as: UTF8.self)
        #expect(script.terminationStatus == 0, "seed \(seed): \(text.suffix(4_000))")
    }
}
