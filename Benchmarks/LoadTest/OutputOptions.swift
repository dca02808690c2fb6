import ArgumentParser
import Foundation

/// Where the results go.
struct OutputOptions: ParsableArguments {
    @Option(name: .long, help: "A name for the run.")
    var label: String?

    @Option(name: .long, help: ArgumentHelp("Write the report as JSON.", valueName: "file"))
    var json: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Write a page with the latency curve.", valueName: "file"))
    var html: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Report the CPU time of this process; may be given several times.", valueName: "pid"))
    var serverPid: [Int] = []

    @Flag(inversion: .prefixedNo, help: "Show on a terminal how far the run has come.")
    var progress = true

    func write(_ report: Report) throws {
        FileHandle.standardOutput.write(Data(report.text.utf8))
        do {
            if let json { try report.json().write(to: URL(fileURLWithPath: json)) }
            if let html {
                try Data(report.html.utf8).write(to: URL(fileURLWithPath: html))
            }
        } catch {
            throw CommandFailure.failed("cannot write the report: \(error.localizedDescription)")
        }
    }
}
