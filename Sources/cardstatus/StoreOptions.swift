import ArgumentParser
import CardStore

/// The options of every command that opens a store.
struct StoreOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The directory of the store [$CARDSTATUS_DATA_DIR].", valueName: "dir"))
    var dataDir: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A configuration file in YAML: settings and feeds [$CARDSTATUS_CONFIG].",
            valueName: "file"))
    var config: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Address space for the store, and so the most it can grow to (default: 1TiB) "
                + "[$CARDSTATUS_MAP_SIZE].", valueName: "size"))
    var mapSize: String?

    func settings() throws -> Settings {
        try Settings(configPath: config)
    }

    /// Opens the store, or fails with a message that names it.
    func openStore(
        _ settings: Settings, create: Bool, readsAtRandom: Bool = false
    ) throws -> CardStore {
        do {
            return try CardStore(
                directory: settings.dataDirectory(dataDir), create: create,
                mapSizeBytes: settings.mapSizeBytes(mapSize), readsAtRandom: readsAtRandom)
        } catch let error as StoreError {
            throw CommandFailure.failed("\(error)")
        }
    }
}
