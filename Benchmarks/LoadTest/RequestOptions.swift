import ArgumentParser
import CardGenerator
import Foundation

/// What is asked for.
struct RequestOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Ask for the cards of 'cardstatus generate --cards N'.", valueName: "n"))
    var cards: Int?

    @Option(name: .long, help: "The --seed of 'cardstatus generate', and of all draws.")
    var seed: UInt64 = 1

    @Option(
        name: .long,
        help: ArgumentHelp("Ask for these: a card ID or +phone a line.", valueName: "file"))
    var keys: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "card, phone, batch, event or path (default: card with --cards or --keys).",
            valueName: "kind"))
    var mode: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Several modes by weight: card=90,phone=10.", valueName: "kind=weight,…")
    )
    var mix: String?

    @Option(
        name: .long,
        help: ArgumentHelp("This share of requests posts events.", valueName: "0…1"))
    var writeShare = 0.0

    @Option(
        name: .long,
        help: ArgumentHelp(
            "uniform, or zipf:S where the r-th key is asked for as often as 1/r^S; zipf is"
                + " zipf:1.", valueName: "draw"))
    var draw = "uniform"

    @Option(
        name: .long,
        help: ArgumentHelp("Share of keys that do not exist.", valueName: "0…1"))
    var miss = 0.0

    @Option(name: .long, help: "Keys of a batch.")
    var batchSize = 100

    @Option(name: .long, help: ArgumentHelp("json or text, a key a line.", valueName: "format"))
    var batchFormat = "json"

    @Option(name: .long, help: "Always ask for this path, whatever the URL says.")
    var path: String?

    @Option(
        name: [.customShort("H"), .long],
        help: ArgumentHelp(
            "A header for all requests; may be given several times.", valueName: "name: value"))
    var header: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp("Send the API key in the file's first line.", valueName: "file"))
    var keyFile: String?

    @Flag(
        inversion: .prefixedNo,
        help: ArgumentHelp(
            "Count statuses that are not what they should be: 200 for what exists, 404 for a"
                + " missing card."))
    var check = true

    @Flag(name: .long, help: "Look into the answers for the key that was asked for.")
    var verify = false

    // MARK: Meaning

    /// What to ask for, and how often.
    func kinds(_ target: Target) throws -> [(RequestKind, Int)] {
        guard (0...1).contains(miss) else { throw CommandFailure.misused("--miss is from 0 to 1") }
        guard (0...1).contains(writeShare) else {
            throw CommandFailure.misused("--write-share is from 0 to 1")
        }
        guard (1...10_000).contains(batchSize) else {
            throw CommandFailure.misused("--batch-size is from 1 to 10000")
        }
        guard mode == nil || mix == nil, path == nil || (mode == nil && mix == nil) else {
            throw CommandFailure.misused("--mode, --mix and --path exclude each other")
        }
        guard cards == nil || keys == nil else {
            throw CommandFailure.misused("--cards and --keys exclude each other")
        }
        var kinds: [(RequestKind, Int)]
        if let mix {
            kinds = try Self.parse(mix: mix)
        } else if let mode {
            guard let kind = RequestKind(name: mode) else {
                throw CommandFailure.misused("there is no --mode \(mode)")
            }
            kinds = [(kind, 1)]
        } else {
            let hasKeys = cards != nil || keys != nil
            let isPath = path != nil || target.path != nil || !hasKeys
            kinds = [(isPath ? .path : .card, 1)]
        }
        if writeShare > 0 {
            // In millionths, so that any share can be had.
            let reads = kinds.reduce(0) { $0 + $1.1 }
            let writes = Int((writeShare * 1_000_000).rounded())
            kinds = kinds.map { ($0.0, $0.1 * (1_000_000 - writes)) } + [(.event, reads * writes)]
        }
        return kinds.filter { $0.1 > 0 }
    }

    static func parse(mix: String) throws -> [(RequestKind, Int)] {
        var kinds: [(RequestKind, Int)] = []
        for part in mix.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", omittingEmptySubsequences: false)
            guard sides.count == 2, let kind = RequestKind(name: sides[0]),
                let weight = Int(sides[1]), (0...1_000_000).contains(weight),
                !kinds.contains(where: { $0.0 == kind })
            else {
                throw CommandFailure.misused(
                    "--mix is kinds with weights, such as card=90,phone=10, not '\(mix)'")
            }
            kinds.append((kind, weight))
        }
        guard kinds.contains(where: { $0.1 > 0 }) else {
            throw CommandFailure.misused("--mix '\(mix)' has no weight")
        }
        return kinds
    }

    func loadKeys() throws -> Keys {
        if let cards {
            guard (1...CardGenerator.Options.cardsMax).contains(cards) else {
                throw CommandFailure.misused("--cards is from 1 to 1000000000")
            }
            return Keys(cards: cards, seed: seed)
        }
        guard let keys else {
            throw CommandFailure.misused("looking up cards needs --cards or --keys")
        }
        do {
            return try Keys(file: keys, seed: seed)
        } catch let failure as Keys.Failure {
            throw CommandFailure.failed(failure.description)
        } catch {
            throw CommandFailure.failed("cannot read \(keys): \(error.localizedDescription)")
        }
    }

    func draw(_ count: Int) throws -> Draw {
        if draw == "uniform" || count == 0 { return .uniform }
        let parts = draw.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts[0] == "zipf",
            let exponent = parts.count == 1 ? 1 : Double(parts[1]),
            ZipfDraw.exponentRange.contains(exponent)
        else {
            throw CommandFailure.misused(
                "--draw is uniform, or zipf:S with S from 0.01 to 10, not '\(draw)'")
        }
        return .zipf(ZipfDraw(count: count, exponent: exponent))
    }

    func template(_ target: Target) throws -> RequestSource.Template {
        var template = RequestSource.Template(host: target.host)
        do throws(Target.Failure) {
            template.path = try Target.checked(path ?? target.path ?? "/")
        } catch {
            throw CommandFailure.misused("\(error)")
        }
        for line in header {
            // A line break in it would begin another header, or another request.
            guard line.contains(":"), line.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
                throw CommandFailure.misused("--header is 'name: value', not '\(line)'")
            }
            template.headers += line + "\r\n"
        }
        if let keyFile {
            template.headers += "Authorization: Bearer \(try Self.key(keyFile))\r\n"
        }
        template.batchSize = batchSize
        guard batchFormat == "json" || batchFormat == "text" else {
            throw CommandFailure.misused("--batch-format is json or text")
        }
        template.isBatchText = batchFormat == "text"
        return template
    }

    private static func key(_ file: String) throws -> String {
        let text: String
        do {
            text = try String(contentsOfFile: file, encoding: .utf8)
        } catch {
            throw CommandFailure.failed("cannot read \(file): \(error.localizedDescription)")
        }
        let line = text.prefix { !$0.isNewline }
        guard !line.isEmpty, line.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw CommandFailure.failed("\(file) has no API key in its first line")
        }
        return String(line)
    }
}
