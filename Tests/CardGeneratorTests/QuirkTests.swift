import CardGenerator
import CardTesting
import Foundation
import Testing

/// That a run of a few thousand cards has all that docs/generate.md says it has.
@Suite struct QuirkTests {
    private static let cards = 5_000

    /// The reasons of docs/feeds.md, but for placeholders, which the built-in feeds have none of.
    private static let warnings: Set<String> = [
        "phone_lost_digits", "phone_not_a_number", "phone_too_short", "phone_too_long",
        "phone_invalid_length", "phone_local_only", "phone_unknown_country",
        "card_id_float_tail", "timestamp_in_future",
    ]

    private static let rejects: Set<String> = [
        "card_id_empty", "card_id_too_long", "card_id_invalid", "card_id_is_card_number",
        "timestamp_empty", "timestamp_format", "timestamp_impossible", "timestamp_out_of_range",
        "comment_too_long", "comment_not_utf8", "comment_control_character",
        "reference_too_long", "reference_not_utf8", "reference_control_character",
        "quote_not_closed", "row_too_long", "too_many_fields", "too_few_fields",
    ]

    /// A run has every reason, and the loader sees each as often as the manifest says.
    @Test func run_hasEveryReason() throws {
        let seed = SeededGenerator.newSeed()
        let run = try LoadedRun(.init(cards: Self.cards, seed: seed, hasFutureRows: true))
        var warnings: Set<String> = []
        var rejects: Set<String> = []
        for file in run.manifest.files {
            warnings.formUnion(file.warningsByReason.keys)
            rejects.formUnion(file.rejectsByReason.keys)
        }
        #expect(warnings == Self.warnings, "seed \(seed)")
        #expect(rejects == Self.rejects, "seed \(seed)")
        try run.check()
    }

    /// Patterns (ICU's) of rows, each with the file that must have one. `R` stands for the start
    /// of a row with its reference, `C` for a plain card ID, `T` for the rest of a row.
    private static let patterns: [(file: Int, name: String, pattern: String)] = [
        (0, "bare national phone", #"R,C,5\d{8},T"#),
        (0, "trunk zero", #"R,C,05\d{8},T"#),
        (0, "quotes in a quoted field", #"R,C,"""05\d{8}""",T"#),
        (0, "bare country code", #"R,C,9715\d{8},T"#),
        (0, "plus", #"R,C,\+9715\d{8},T"#),
        (0, "spaces", #"R,C,\+971 5\d \d{3} \d{4},T"#),
        (0, "international prefix", #"R,C,009715\d{8},T"#),
        (0, "float's tail", #"R,C,5\d{8}\.0,T"#),
        (0, "float's tail behind a country code", #"R,C,9715\d{8}\.0,T"#),
        (0, "scientific notation", #"R,C,5\.\d{8}E\+08,T"#),
        (0, "scientific notation with country code", #"R,C,9\.715\d{8}E\+11,T"#),
        (0, "dashes", #"R,C,05\d-\d{3}-\d{4},T"#),
        (0, "brackets", #"R,C,\(05\d\) \d{3} \d{4},T"#),
        (0, "trunk zero in brackets", #"R,C,\+971 \(0\) 5\d \d{3} \d{4},T"#),
        (0, "spaces around a phone", #"R,C, 05\d{8}  ,T"#),
        (0, "a spreadsheet's apostrophe", #"R,C,'05\d{8},T"#),
        (0, "foreign phone", #"R,C,\+91 9\d{4} \d{5},T"#),
        (0, "foreign phone with plus", #"R,C,\+919\d{9},T"#),
        (0, "foreign phone with prefix", #"R,C,00919\d{9},T"#),
        (0, "no phone", #"R,C,,T"#),
        (0, "lost digits", #"R,C,9\.715\d{2}\d*E\+11,T"#),
        (0, "lost digits without country code", #"R,C,5\.\d{5}E\+08,T"#),

        (0, "lower case", #"R,[a-z]{3}\d{8},T"#),
        (0, "mixed case", #"R,[a-z][A-Z][a-z]\d{8},T"#),
        (0, "spaces around an ID", #"R, C  ,T"#),
        (0, "tab before an ID", #"R,\tC  ,T"#),
        (0, "quoted ID", #"R,"C",T"#),
        (0, "ID with quotes", #"R,"""C""",T"#),
        (0, "ID with apostrophes", #"R,'C',T"#),
        (0, "no-break space behind an ID", "R,C\u{A0},T"),
        (0, "ID with a dash", #"R,[A-Z]{3}-\d{8},T"#),
        (0, "ID with an underscore", #"R,[A-Z]{3}_\d{8},T"#),
        (0, "ID with a point", #"R,[A-Z]{3}\.\d{8},T"#),
        (0, "all digits", #"R,40\d{10},T"#),
        (0, "all digits with a float's tail", #"R,40\d{10}\.0,T"#),

        (0, "day first", #"R,C,[^,]*,\d\d-\d\d-\d{4} \d\d:\d\d"#),
        (0, "day first with seconds", #"R,C,[^,]*,\d\d-\d\d-\d{4} \d\d:\d\d:\d\d"#),
        (0, "day first, one digit", #"R,C,[^,]*,\d-\d-\d{4} \d:\d\d"#),
        (0, "quoted time", #"R,C,[^,]*,"\d\d-\d\d-\d{4} \d\d:\d\d""#),
        (0, "twelve hours", #"R,C,[^,]*,\d\d-\d\d-\d{4} \d\d:\d\d [AP]M"#),
        (3, "twelve hours without a space", #"R,C,[^,]*,\d\d-\d\d-\d{4} \d+:\d\d[AP]M"#),
        (0, "noon or midnight", #"R,C,[^,]*,\d\d-\d\d-\d{4} 12:\d\d(:\d\d)? ?[AP]M"#),
        (0, "narrow space", "R,C,[^,]*,\\d\\d-\\d\\d-\\d{4} \\d+:\\d\\d\u{202F}[AP]M"),
        (0, "slashes", #"R,C,[^,]*,\d\d/\d\d/\d{4} \d\d:\d\d"#),
        (0, "slashes and twelve hours", #"R,C,[^,]*,\d\d/\d\d/\d{4} \d+:\d\d [ap]m"#),
        (2, "UTC", #"R,C,[^,]*,[-\d]{10}T[:\d]{8}Z,.*"#),
        (0, "offset", #"R,C,[^,]*,[-\d]{10} [:\d]{8}\+04:00"#),
        (0, "offset without colon, and a fraction", #"R,C,[^,]*,[-\d]{10}T[:\d]{8}\.250\+0400"#),
        (0, "offset of hours", #"R,C,[^,]*,[-\d]{10}t[:\d]{8}\+04"#),
        (0, "offset of half an hour", #"R,C,[^,]*,[-\d]{10}T[:\d]{8}\+05:30"#),
        (0, "offset to the west", #"R,C,[^,]*,[-\d]{10}T[:\d]{8}\.999-0300"#),
        (0, "local ISO", #"R,C,[^,]*,[-\d]{10}T[:\d]{8}"#),
        (0, "local ISO with a space", #"R,C,[^,]*,[-\d]{10} [:\d]{8}"#),
        (0, "Unix seconds", #"R,C,[^,]*,\d{10}"#),
        (0, "Unix milliseconds", #"R,C,[^,]*,\d{13}"#),

        (1, "comma in a comment", #"R,C,T,"Wrong address, customer asked to call back""#),
        (1, "quotes in a comment", #"R,C,T,"[C]ustomer said: ""come back tomorrow""""#),
        (1, "Arabic", #"R,C,T,لم يتم العثور على العميل"#),
        (1, "no comment", #"R,C,[^,]*,[^,]*,"#),
        (1, "white space around a comment", #"R,C,[^,]*,[^,]*,  [^,]+ "#),
        (0, "no reference", #",C,T"#),
        (0, "quoted reference", #""\d+",C,T"#),
        (0, "an empty field too many", #"R,C,[^,]*,[^,]*,"#),
    ]

    /// Every spelling is in the file that is looked at.
    @Test func run_hasEverySpelling() throws {
        let seed = SeededGenerator.newSeed()
        // Several times the least in which all can be expected: new seeds must not fail by chance.
        let run = try LoadedRun(.init(cards: 4 * Self.cards, seed: seed))
        let texts = try CardGenerator.fileNames.map { name in
            String(decoding: try run.directory.bytes(name), as: UTF8.self)
        }
        for (file, name, pattern) in Self.patterns {
            let whole = pattern.replacingOccurrences(of: "R,", with: #"[A\d]\d*,"#)
                .replacingOccurrences(of: ",C", with: #",[A-Z]{3}\d{8}"#)
                .replacingOccurrences(of: "\"C", with: #""[A-Z]{3}\d{8}"#)
                .replacingOccurrences(of: "'C", with: #"'[A-Z]{3}\d{8}"#)
                .replacingOccurrences(of: " C", with: #" [A-Z]{3}\d{8}"#)
                .replacingOccurrences(of: #"\tC"#, with: #"\t[A-Z]{3}\d{8}"#)
                .replacingOccurrences(of: ",T", with: ",.*")
            let expression = try NSRegularExpression(
                pattern: "^" + whole + #"\r?$"#, options: .anchorsMatchLines)
            let text = texts[file]
            let match = expression.firstMatch(
                in: text, range: NSRange(text.startIndex..., in: text))
            #expect(match != nil, "\(name), seed \(seed): \(whole)")
        }
    }

    /// Every run has LF and CRLF, with and without a byte order mark, a file without a line break
    /// at the end, and blank lines.
    @Test(arguments: [0, 1, 2, 3, 4_711])
    func run_hasEveryLayout(_ seed: UInt64) throws {
        let run = try LoadedRun(.init(cards: Self.cards, seed: seed))
        var layouts: Set<String> = []
        var hasBlankLine = false
        for name in CardGenerator.fileNames {
            let bytes = try run.directory.bytes(name)
            let hasMark = bytes.starts(with: [0xEF, 0xBB, 0xBF])
            let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
            layouts.insert("\(hasMark) \(line.last == UInt8(ascii: "\r"))")
            let text = String(decoding: bytes, as: UTF8.self)
            hasBlankLine = hasBlankLine || text.contains("\n\n") || text.contains("\r\n\r\n")
        }
        #expect(layouts.count == 4)
        #expect(hasBlankLine)
        #expect(try run.directory.bytes(CardGenerator.fileNames[3]).last != UInt8(ascii: "\n"))
    }

    /// Shares that docs/generate.md names, within a few standard deviations.
    @Test func run_hasTheSharesOfTheDocument() throws {
        let seed = SeededGenerator.newSeed()
        let cards = 50_000
        let run = try LoadedRun(.init(cards: cards, seed: seed))
        func share(_ count: Int, of total: Int) -> Double { Double(count) / Double(total) }
        let rows = run.manifest.rows
        #expect((2.0...2.4).contains(share(rows, of: cards)), "seed \(seed)")
        #expect((0.03...0.05).contains(share(run.manifest.duplicates, of: rows)), "seed \(seed)")
        #expect((0.025...0.04).contains(share(run.manifest.warnings, of: rows)), "seed \(seed)")
        #expect((0.01...0.013).contains(share(run.manifest.rejects, of: rows)), "seed \(seed)")

        var statuses: [String: Int] = [:]
        for card in run.manifest.firstCards {
            let text = String(decoding: card, as: UTF8.self)
            for status in ["picked_up", "delivery_exception", "delivered", "returned"]
            where text.contains("\"status\":\"\(status)\"") {
                statuses[status, default: 0] += 1
            }
        }
        #expect(statuses["delivered", default: 0] > 60, "seed \(seed)")

        // The branch's phone, and families': several cards under one number.
        let text = String(
            decoding: try run.directory.bytes(CardGenerator.fileNames[2]), as: UTF8.self)
        var cardsOfPhone: [Substring: Set<Substring>] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let fields = line.split(separator: ",", maxSplits: 3)
            guard fields.count == 4, fields[2].hasPrefix("\"\"\"05") else { continue }
            cardsOfPhone[fields[2], default: []].insert(fields[1])
        }
        let counts = cardsOfPhone.values.map(\.count).sorted(by: >)
        // The branch's cards of this file in this spelling are some sixty; no family has as many.
        #expect(counts[0] > 25, "seed \(seed)")
        #expect(counts.filter { (2...4).contains($0) }.count > 400, "seed \(seed)")
    }
}
