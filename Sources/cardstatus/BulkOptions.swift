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
            "Threads to work with (default: one for each core, one beside a server) "
                + "[$CARDSTATUS_LOAD_THREADS].", valueName: "n"))
    var threads: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "idle (take only the processor time that others leave), normal, or auto: idle beside a "
                + "server, normal otherwise (default: auto) [$CARDSTATUS_LOAD_PRIORITY].",
            valueName: "priority"))
    var priority: String?

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

    /// - Parameter isIdle: whether the load is to leave the machine to others.
    func threadCount(_ settings: Settings, isIdle: Bool) throws -> Int {
        try settings.integer(
            threads, "--threads", "CARDSTATUS_LOAD_THREADS", in: 1...256,
            default: isIdle ? 1 : ProcessInfo.processInfo.activeProcessorCount)
    }

    func workPriority(_ settings: Settings) throws -> WorkPriority {
        let text = priority ?? settings.variable("CARDSTATUS_LOAD_PRIORITY") ?? "auto"
        guard let setting = WorkPriority.Setting(rawValue: text) else {
            throw CommandFailure.misused("--priority must be auto, idle or normal, not '\(text)'")
        }
        return WorkPriority(setting)
    }
}
