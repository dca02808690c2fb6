import ArgumentParser
import CardBulk
import CardFeeds
import CardModel
import CardService
import CardStore

/// `cardstatus erase`
struct Erase: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Erase a person: their phone, comments, and the customer, for good.",
        discussion: """
            Every event that was ever said with the phone keeps neither phone nor comment, \
            whatever file, pull or request says it again, before or after. Customers with the \
            phone are removed and stay away. Rows that have the phone are taken out of the files \
            of the data directory: rejects, warnings, and files that were read. Cards, their \
            statuses and times stay. There is no way back.

            A running server follows within a second. An erasure that was cut off is completed by \
            the next one; 'cardstatus erase' alone does that too.

            Removed bytes lie in free pages of the data file until these are used again. --now \
            writes that file anew without them, alone or with an erasure; no server and no other \
            command may have the store open then.

            Not looked into, and yours to deal with: backups, exports, folders of feeds outside \
            the data directory, and what the partners have. What the file system keeps of files \
            that were replaced is not the program's to overwrite.

            EXAMPLES
              cardstatus erase --data-dir data --phone +971585949014 --dry-run
              cardstatus erase --data-dir data --phone 0585949014 --phone +96512345678
              cardstatus erase --data-dir data --customer C-1042
              cardstatus erase --data-dir data --now
            """)

    private static let progressCards = 200_000

    @OptionGroup var store: StoreOptions

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A phone to erase; may be given several times.", valueName: "phone"))
    var phone: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A customer to erase, and the phone that they have now; may be given several times.",
            valueName: "id"))
    var customer: [String] = []

    @OptionGroup var regionOption: RegionOption

    @Flag(name: .long, help: "Say what would be erased, and change nothing.")
    var dryRun = false

    @Flag(name: .long, help: "Write the data file anew, without what was ever removed from it.")
    var now = false

    func run() throws {
        let settings = try store.settings()
        let subjects = try subjects(settings)
        if dryRun, subjects.isEmpty {
            throw CommandFailure.misused("--dry-run needs a --phone or a --customer")
        }
        let directory = try settings.dataDirectory(store.dataDir)
        if now, !dryRun, ServerLock.isHeld(in: directory) {
            throw CommandFailure.failed(
                "nothing was erased: a server has the store, and --now writes it anew; stop the"
                    + " server, or erase without --now first and run 'cardstatus erase --now'"
                    + " later")
        }
        var output = ResultOutput.standardOutput()
        do {
            try erase(subjects, settings, &output)
            if now, !dryRun { try compact(directory, settings, &output) }
        } catch let error as StoreError {
            Terminal.clearProgress()
            try output.finish()
            throw CommandFailure.failed("\(error)")
        }
        try output.finish()
    }

    private func subjects(_ settings: Settings) throws -> [ErasureSubject] {
        let region = try settings.defaultRegion(regionOption.defaultRegion)
        var subjects: [ErasureSubject] = []
        for text in phone {
            do {
                subjects.append(
                    .phone(try PhoneParser(region: region).parse(Array(text.utf8).span)))
            } catch {
                throw CommandFailure.misused("--phone '\(text)': \(error)")
            }
        }
        for text in customer {
            do {
                subjects.append(.customer(try CustomerID(Array(text.utf8).span)))
            } catch {
                throw CommandFailure.misused("--customer '\(text)': \(error)")
            }
        }
        return subjects
    }

    // MARK: Erasing

    /// The store is closed when this returns.
    private func erase(
        _ subjects: [ErasureSubject], _ settings: Settings, _ output: inout ResultOutput
    ) throws {
        let store = try self.store.openStore(settings, create: false)
        // Not idle: a server's writes wait while this has LMDB's lock.
        if ServerLock.isHeld(in: store.directory) { OSThread.lower(to: .low) }
        var shown = 0
        let erasure = StoreErasure(store) { cards in
            guard Terminal.isInteractive, cards - shown >= Self.progressCards else { return }
            shown = cards
            Terminal.progress("looked at \(cards) cards")
        }
        let outcome = dryRun ? try erasure.look(for: subjects) : try erasure.run(subjects)
        Terminal.clearProgress()
        try tell(outcome, subjects, &output)
        let customers = subjects.compactMap { subject in
            if case .customer(let id) = subject { id } else { nil }
        }
        if !dryRun {
            CommandAudit.note(.change, "erase", in: store.directory, settings) {
                $0.phones = outcome.phones
                $0.customers = customers
                $0.detail = "\(outcome.events) events of \(outcome.cards) cards"
            }
        }
        do {
            let files = try FileErasure.run(
                store, phones: outcome.phones, customers: customers, changesNothing: dryRun)
            try tell(files, &output)
        } catch let error as FileError {
            try output.finish()
            throw CommandFailure.failed(
                "the store is done, its files are not, so run this again: \(error)")
        }
        for folder in settings.configuration.feeds.folders(outside: store.directory) {
            try output.line("not looked into: \(folder), a feed's folder")
        }
        guard outcome.damaged == 0 else {
            try output.finish()
            throw CommandFailure.failed(
                "\(outcome.damaged) damaged records could not be looked at, so the erasure is not"
                    + " complete; 'cardstatus check --repair' says what can be done about them")
        }
    }

    private func tell(
        _ outcome: StoreErasure.Outcome, _ subjects: [ErasureSubject],
        _ output: inout ResultOutput
    ) throws {
        let verb = dryRun ? "would erase" : "erased"
        for phone in outcome.phones { try output.line("\(verb): phone \(phone.masked)") }
        if !subjects.isEmpty, outcome.new == 0 {
            try output.line("all of it was erased before")
        }
        if outcome.unknownCustomers > 0 {
            try output.line(
                "note: \(outcome.unknownCustomers) of the customers named are not known (any more),"
                    + " nor their phones; erase those with --phone")
        }
        try output.line(
            "\(verb): \(outcome.events) events of \(outcome.cards) cards,"
                + " \(outcome.customers) customers"
                + (outcome.runs > 0 ? ", texts of \(outcome.runs) runs" : ""))
    }

    private func tell(_ files: FileErasure.Report, _ output: inout ResultOutput) throws {
        let would = dryRun ? "would be " : ""
        for (path, rows) in files.cleaned {
            try output.line("\(path): \(rows) rows \(would)taken out")
        }
        for path in files.removed {
            try output.line("\(path): \(would)removed, since it cannot be taken apart")
        }
        for path in files.waiting {
            try output.line(
                "left: \(path) has it and waits to be read, or is being written; erase again when"
                    + " that is done")
        }
        for path in files.foreign {
            try output.line("left: \(path) has it and is not the program's own")
        }
        for (path, reason) in files.unread {
            try output.line("not looked into: \(path): \(reason)")
        }
    }

    // MARK: Compaction

    private func compact(
        _ directory: String, _ settings: Settings, _ output: inout ResultOutput
    ) throws {
        let compaction = StoreCompaction(
            directory: directory, mapSizeBytes: try settings.mapSizeBytes(store.mapSize))
        do {
            let sizes = try compaction.run { progress in
                if Terminal.isInteractive {
                    Terminal.progress("writing anew: \(progress.phase)")
                }
            }
            Terminal.clearProgress()
            try output.line("data.mdb: written anew, \(sizes.before) to \(sizes.after) bytes")
        } catch let error as BulkError {
            Terminal.clearProgress()
            try output.finish()
            throw CommandFailure.failed(
                "the data file was not written anew, so it may still have what was removed:"
                    + " \(error); run 'cardstatus erase --now' again")
        }
    }
}
