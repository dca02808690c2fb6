import ArgumentParser

/// `cardstatus load`
struct Load: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read partners' files into the store.",
        discussion: """
            A file's feed is found by its name, or given with --feed. Loading a file again changes \
            nothing, so a load that was interrupted is simply run again. Rows that cannot be used \
            are written to the store's folder 'rejects' with their place and the reason; mend them \
            there, in the column 'raw_row', and load that file. Files may be gzip, and '-' is \
            standard input. A running server shows what was loaded within a second. All \
            files are read before anything is written.

            EXAMPLES
              cardstatus load --data-dir data Samples
              cardstatus load --data-dir data --feed delivered friday.csv
              cardstatus load --data-dir data --config feeds.yaml inbox archive/2023.csv.gz
              curl -s https://partner.example/today | cardstatus load --feed pickup -
            """)

    @OptionGroup var store: StoreOptions

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The feed of all files, instead of going by their names [$CARDSTATUS_FEED].",
            valueName: "id"))
    var feed: String?

    @Flag(
        name: .long,
        help: "End with status 1 when any row was rejected [$CARDSTATUS_STRICT].")
    var strict = false

    @OptionGroup var bulk: BulkOptions

    @Argument(
        help: ArgumentHelp("Files, folders of files, or '-'.", valueName: "path"))
    var paths: [String]

    func run() throws {
        let settings = try store.settings()
        let isStrict = try settings.flag(strict, "CARDSTATUS_STRICT")
        let files = try InputFiles.find(
            paths, feed: feed ?? settings.variable("CARDSTATUS_FEED"),
            settings.configuration.feeds, goesByName: true)
        let run = try FileRun(store, settings, bulk, mode: .add)
        let rejects = try run.read(files)
        if isStrict, rejects > 0 {
            throw CommandFailure.failed("\(rejects) rows were rejected (--strict)")
        }
    }
}
