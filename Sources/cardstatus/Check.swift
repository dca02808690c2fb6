import ArgumentParser
import CardStore

/// `cardstatus check`
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Verify everything in a store, and name what is wrong.",
        discussion: """
            Reads every page and every record, in snapshots, also beside a running server. Ends \
            with status 1 when anything is wrong. Pages come first: when one is damaged nothing \
            else is looked at or repaired, since LMDB trusts its pages.

            --repair makes anew what follows from whole records of cards: the tables of phones and \
            times, states, counts and digests, and the change log. It says what it will do, does \
            it in one transaction, and checks again. It is refused while a server has the store. \
            Where records themselves are damaged or missing, it does nothing unless --drop-damaged \
            is given; damaged records are then kept in the store's file 'damaged.ndjson', and \
            loading the partners' files again brings back what they said.

            EXAMPLES
              cardstatus check --data-dir data
              cardstatus check --data-dir data --repair
            """)

    /// Findings printed; a broken store may have one for every card.
    private static let shownMax = 100

    @OptionGroup var store: StoreOptions

    @Flag(name: .long, help: "Correct what follows from whole records.")
    var repair = false

    @Flag(
        name: .long,
        help: "With --repair: give up records that are damaged or missing.")
    var dropDamaged = false

    func validate() throws {
        if dropDamaged, !repair { throw ValidationError("--drop-damaged goes with --repair") }
    }

    func run() throws {
        do {
            try runCheck()
        } catch let error as StoreError {
            Terminal.clearProgress()
            throw CommandFailure.failed("\(error)")
        }
    }

    private func runCheck() throws {
        let settings = try self.store.settings()
        // Held to the end: no server may start on what is being repaired.
        let lock =
            repair ? try ServerLock(directory: settings.dataDirectory(store.dataDir)) : nil
        defer { withExtendedLifetime(lock) {} }
        var output = ResultOutput.standardOutput()
        try checkPages(settings, &output)
        let store = try self.store.openStore(settings, create: false)
        // Not beside a repair, which holds the server's lock itself.
        let givingWay = repair ? nil : GivingWay(toServerOf: store.directory)
        defer { givingWay?.end() }
        let threads = givingWay?.priority.isIdle == true ? 1 : CardStore.checkThreads
        var report = try Self.check(store, threads, &output)
        if repair, !report.findings.isEmpty {
            try Self.tell(report.repairPlan, &output, dropsDamaged: dropDamaged)
            try store.repair(givesUpLosses: dropDamaged)
            try output.line("repaired; checking again")
            report = try Self.check(store, threads, &output)
        }
        if report.findings.isEmpty, try store.hasUnfinishedErasure() {
            try output.line(
                "note: an erasure is under way or was cut off: what it is of cannot come in, but"
                    + " may still be there; 'cardstatus erase' completes it")
        }
        try output.finish()
        if !report.findings.isEmpty { throw CommandFailure.failed(nil) }
    }

    /// LMDB's own pages come first: it would follow a damaged one wherever that leads, and what it
    /// wrote then could be worse than what there is.
    private func checkPages(_ settings: Settings, _ output: inout ResultOutput) throws {
        let damage = try CardStore.pageDamage(
            in: settings.dataDirectory(store.dataDir),
            mapSizeBytes: settings.mapSizeBytes(store.mapSize))
        if damage.isEmpty { return }
        for line in damage { try output.line("wrong: \(line)") }
        try output.finish()
        throw CommandFailure.failed(
            "pages of the data file are damaged, so nothing else was looked at: restore a backup,"
                + " or export what can still be read and restore that to a new directory")
    }

    private static func check(
        _ store: CardStore, _ threads: Int, _ output: inout ResultOutput
    ) throws -> CheckReport {
        let report = try store.check(threads: threads) { share in
            if Terminal.isInteractive { Terminal.progress("\(Int(share * 100)) %") }
        }
        Terminal.clearProgress()
        for finding in report.findings.prefix(shownMax) {
            try output.line("wrong: \(finding)")
        }
        if report.findings.count > shownMax {
            try output.line("and \(report.findings.count - shownMax) more")
        }
        try output.line(
            "\(report.cards) cards, \(report.events) events, \(report.phones) phones,"
                + " \(report.changes) changes, \(report.keys) keys, \(report.runs) runs,"
                + " \(report.customers) customers, \(report.erasures) erasures:"
                + (report.findings.isEmpty
                    ? " nothing is wrong" : " \(report.findings.count) problems"))
        return report
    }

    private static func tell(
        _ plan: RepairPlan, _ output: inout ResultOutput, dropsDamaged: Bool
    ) throws {
        for note in plan.notes { try output.line("note: \(note)") }
        for loss in plan.losses { try output.line("will give up: \(loss)") }
        if !plan.losses.isEmpty, !dropsDamaged {
            try output.finish()
            throw CommandFailure.failed(
                "nothing was repaired: --drop-damaged would give up what is named above; better"
                    + " restore a backup, if there is one")
        }
        for step in plan.steps { try output.line("will \(step)") }
        try output.finish()
    }
}
