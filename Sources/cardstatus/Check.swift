import ArgumentParser
import CardStore

/// `cardstatus check`
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Verify everything in a store, and name what is wrong.",
        discussion: """
            Reads every record, in one snapshot, also beside a running server. Ends with status 1 \
            when anything is wrong.

            EXAMPLES
              cardstatus check --data-dir data
            """)

    /// Findings printed; a broken store may have one for every card.
    private static let shownMax = 100

    @OptionGroup var store: StoreOptions

    func run() throws {
        let store = try self.store.openStore(try self.store.settings(), create: false)
        let report = try store.check()
        var output = ResultOutput.standardOutput()
        for finding in report.findings.prefix(Self.shownMax) {
            try output.line("wrong: \(finding)")
        }
        if report.findings.count > Self.shownMax {
            try output.line("and \(report.findings.count - Self.shownMax) more")
        }
        try output.line(
            "\(report.cards) cards, \(report.events) events, \(report.phones) phones,"
                + " \(report.changes) changes, \(report.keys) keys:"
                + (report.findings.isEmpty
                    ? " nothing is wrong" : " \(report.findings.count) problems"))
        try output.finish()
        if !report.findings.isEmpty { throw CommandFailure.failed(nil) }
    }
}
