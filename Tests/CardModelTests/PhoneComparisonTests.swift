import CardModel
import Foundation
import Testing

/// One line of the fixture, or of what `Scripts/compare-phones` asks.
struct PhoneCase {
    let region: String
    let text: [UInt8]
    /// The number in E.164, or the name of the error.
    let answer: String

    /// Reads `region TAB text [TAB answer]`, where `\xHH` in the text is a byte.
    init(line: Substring.UTF8View) throws {
        let fields = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
        try #require(fields.count >= 2)
        region = String(Substring(fields[0]))
        answer = fields.count > 2 ? String(Substring(fields[2])) : ""
        var bytes: [UInt8] = []
        var rest = fields[1]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\") {
                bytes.append(try #require(UInt8(Substring(rest.dropFirst().prefix(2)), radix: 16)))
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        text = bytes
    }

    /// What the parser makes of the text.
    func parsed() throws -> String {
        let parser = PhoneParser(region: try #require(PhoneRegion(region)))
        do throws(PhoneError) {
            return try parser.parse(text.span).e164
        } catch {
            return caseName(error)
        }
    }

    private func caseName(_ error: PhoneError) -> String {
        switch error {
        case .empty: "empty"
        case .notANumber: "notANumber"
        case .lostDigits: "lostDigits"
        case .invalidCountryCode: "invalidCountryCode"
        case .tooShort: "tooShort"
        case .tooLong: "tooLong"
        case .invalidLength: "invalidLength"
        case .localOnly: "localOnly"
        case .placeholder: "placeholder"
        }
    }

    /// All lines of a file but comments.
    static func all(inFile path: String) throws -> [PhoneCase] {
        let content = try String(contentsOfFile: path, encoding: .utf8)
        return try content.utf8.split(separator: UInt8(ascii: "\n"))
            .filter { $0.first != UInt8(ascii: "#") }
            .map { try PhoneCase(line: $0) }
    }
}

/// The Swift side of `Scripts/compare-phones`: answers for the inputs of a file, to a file.
@Test(.enabled(if: ProcessInfo.processInfo.environment["CARDSTATUS_PHONES_IN"] != nil))
func parse_writesAnswers_whenAComparisonAsks() throws {
    let environment = ProcessInfo.processInfo.environment
    let input = try #require(environment["CARDSTATUS_PHONES_IN"])
    let output = try #require(environment["CARDSTATUS_PHONES_OUT"])
    let answers = try PhoneCase.all(inFile: input).map { try $0.parsed() + "\n" }
    try answers.joined().write(toFile: output, atomically: true, encoding: .utf8)
}
