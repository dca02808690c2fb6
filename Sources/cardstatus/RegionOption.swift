import ArgumentParser

/// Where phones belong that commands are given without a country code.
struct RegionOption: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where a phone without a country code belongs (default: AE) "
                + "[$CARDSTATUS_DEFAULT_REGION].", valueName: "region"))
    var defaultRegion: String?
}
