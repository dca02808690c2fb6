import ArgumentParser

/// `cardstatus void`
struct Void: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Undo what loading files did.",
        discussion: """
            Every row of the files names an event; that event is void from then on, whether it was \
            loaded before or is loaded later. A void is final. In a file of rejects, which was \
            mended and loaded, each row has its own feed.

            EXAMPLES
              cardstatus void --data-dir data --feed delivered wrong.csv
            """)

    @OptionGroup var store: StoreOptions

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The feed that the files were loaded as [$CARDSTATUS_FEED].", valueName: "id"))
    var feed: String?

    @OptionGroup var bulk: BulkOptions

    @Argument(help: ArgumentHelp("Files, or '-'.", valueName: "file"))
    var files: [String]

    func run() throws {
        let settings = try store.settings()
        let files = try InputFiles.find(
            files, feed: feed ?? settings.variable("CARDSTATUS_FEED"),
            settings.configuration.feeds, goesByName: false)
        let run = try FileRun(store, settings, bulk, mode: .void)
        _ = try run.read(files)
    }
}
