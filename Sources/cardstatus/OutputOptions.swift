import ArgumentParser

/// Where a command writes what it found, and in which form.
struct OutputOptions: ParsableArguments {
    @Option(name: .long, help: "ndjson or csv.")
    var format = ExportFormat.ndjson

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "A file to make instead of writing to standard output; gzip when its name ends in "
                + ".gz.", valueName: "file"))
    var output: String?

    @Flag(name: .long, help: "Replace the file of --output when it is there.")
    var force = false

    func open() throws -> ResultOutput {
        try output.map { try ResultOutput.file($0, replaces: force) } ?? .standardOutput()
    }
}
