import ArgumentParser

/// `cardstatus void`
struct Void: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Undo what loading files did.",
        discussion: """
            Every row of the files names an event; that event is void from then on, whether it was \
            loaded before or is loaded later. A void is final.

            EXAMPLES
              cardstatus void --data-dir data --feed delivered wrong.csv
            """)

    @OptionGroup var store: StoreOptions

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The feed that the files were loaded as [$CARDSTATUS_FEED].", valueName: "id"))
    var feed: String?

    @Argument(help: ArgumentHelp("Files.", valueName: "file"))
    var files: [String]

    func run() throws {
        let settings = try store.settings()
        guard let feed = feed ?? settings.variable("CARDSTATUS_FEED") else {
            throw CommandFailure.misused(
                "void needs --feed: a file's name is not enough to undo it")
        }
        let files = try InputFiles.find(files, feed: feed, settings.configuration.feeds)
        let run = FileRun(store: try store.openStore(settings, create: false), mode: .void)
        _ = try run.read(files)
    }
}
