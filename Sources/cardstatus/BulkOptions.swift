import ArgumentParser
import CardBulk
import CardFeeds
import Foundation

/// The options of `load` and `void` on how they use the machine.
struct BulkOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Memory to use, at least 128MiB (default: 1GiB); what does not fit goes through a "
                + "temporary file [$CARDSTATUS_LOAD_MEMORY].", valueName: "size"))
    var memory: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where the temporary file is (default: the data directory) "
                + "[$CARDSTATUS_SPILL_DIR].", valueName: "dir"))
    var spillDir: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Threads to work with (default: one for each core) [$CARDSTATUS_LOAD_THREADS].",
            valueName: "n"))
    var threads: Int?

    @Flag(
        name: .long, help: "Say how long each phase took [$CARDSTATUS_TIMINGS].")
    var timings = false

    func memoryBytes(_ settings: Settings) throws -> Int {
        guard let text = memory ?? settings.variable("CARDSTATUS_LOAD_MEMORY") else {
            return BulkFacts.memoryBytesDefault
        }
        guard let bytes = ByteSize.parse(text), bytes >= BulkFacts.memoryBytesMin else {
            throw CommandFailure.misused(
                "--memory must be a size of at least 128MiB, such as 2GiB, not '\(text)'")
        }
        return bytes
    }

    func threadCount(_ settings: Settings) throws -> Int {
        try settings.integer(
            threads, "--threads", "CARDSTATUS_LOAD_THREADS", in: 1...256,
            default: ProcessInfo.processInfo.activeProcessorCount)
    }
}
