import ArgumentParser
import CardStore

/// `cardstatus backup`
struct Backup: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Copy the store, consistently, also beside a running server.",
        discussion: """
            DEST is a directory, made when there is none, that can then be given as --data-dir; or \
            a data file when it ends in .mdb. The copy is compact, holds everything, API keys too, \
            and has its name only when it is whole and durable. While it is made, pages that \
            others free are not used again, so the store's file can grow.

            EXAMPLES
              cardstatus backup --data-dir data --verify /backups/monday
              cardstatus backup --data-dir data --force /backups/cards.mdb
            """)

    @OptionGroup var store: StoreOptions

    @Flag(name: .long, help: "Check the copy before it gets its name.")
    var verify = false

    @Flag(name: .long, help: "Replace a backup of that name.")
    var force = false

    @Argument(help: ArgumentHelp("Where to.", valueName: "dest"))
    var destination: String

    func run() throws {
        let settings = try self.store.settings()
        let store = try self.store.openStore(settings, create: false)
        let givingWay = GivingWay(toServerOf: store.directory)
        defer { givingWay.end() }
        do {
            let report = try store.backup(
                to: destination, replaces: force, verifies: verify, onProgress: Self.show)
            CommandAudit.note(.change, "backup", in: store.directory, settings) { _ in }
            Terminal.clearProgress()
            let how = [
                report.isCompacted ? nil : "not compact", report.check == nil ? nil : "verified",
            ]
            let notes = ["\(report.sizeBytes) bytes"] + how.compactMap(\.self)
            Terminal.line("\(report.path): \(notes.joined(separator: ", "))")
        } catch let error as StoreError {
            Terminal.clearProgress()
            throw CommandFailure.failed("no backup was made: \(error)")
        }
    }

    private static func show(_ progress: BackupProgress) {
        switch progress {
        case .notCompacting:
            Terminal.clearProgress()
            Terminal.line(
                "the store has lost track of some free pages: the copy cannot leave them out")
        case .copying(let bytes, let total):
            guard Terminal.isInteractive else { return }
            let share = total > 0 ? min(100, bytes * 100 / total) : 100
            Terminal.progress("\(share) % of \(total) bytes")
        case .verifying:
            if Terminal.isInteractive { Terminal.progress("verifying") }
        }
    }
}
