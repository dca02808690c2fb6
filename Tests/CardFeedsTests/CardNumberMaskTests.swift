import CardFeeds
import CardModel
import Foundation
import Testing

/// Card numbers in the files and messages that loading leaves behind.
@Suite struct CardNumberMaskTests {
    private static let header = "ID,Card ID,User contact,Timestamp,Comment\n"
    private static let time = "13-11-2023 14:00"

    struct Case: Sendable {
        let row: String
        let noted: String

        init(_ row: String, _ noted: String) {
            self.row = row
            self.noted = noted
        }
    }

    /// Whatever a row is rejected for, the card numbers in it are not copied.
    @Test(arguments: [
        Case("R1,4111111111111111,,\(time),x", "R1,************1111,,\(time),x"),
        Case("R1,4111111111111111.0,,\(time),x", "R1,************1111.0,,\(time),x"),
        Case("R1,\"4111111111111111\",,\(time),x", "R1,\"************1111\",,\(time),x"),
        Case("R1,4111 1111 1111 1111,,\(time),x", "R1,**** **** **** 1111,,\(time),x"),
        Case("R1,4111-1111 1111-1111,,\(time),x", "R1,****-**** ****-1111,,\(time),x"),
        Case(
            "R1,4111\u{A0}1111\u{A0}1111\u{A0}1111,,\(time),x",
            "R1,****\u{A0}****\u{A0}****\u{A0}1111,,\(time),x"),
        Case("R1,4111  1111  1111  1111,,\(time),x", "R1,****  ****  ****  1111,,\(time),x"),
        Case("R1,ID 378282246310005,,\(time),x", "R1,ID ***********0005,,\(time),x"),
        // Other digits stand next to the number.
        Case("R1,12 4111111111111111,,\(time),x", "R1,12 ************1111,,\(time),x"),
        Case(
            "R1,4111111111111111 13-11-2023 14:00,,,x", "R1,************1111 13-11-2023 14:00,,,x"),
        // The ID is not what the row is rejected for.
        Case("R1,4111111111111111,,\(time),x,y", "R1,************1111,,\(time),x,y"),
        Case("R1,4111111111111111", "R1,************1111"),
        Case("R1,4111-1111-1111-1111,,never,x", "R1,****-****-****-1111,,never,x"),
        Case("R1,C1,4111111111111111,never,x", "R1,C1,************1111,never,x"),
        // Numbers that no payment card has: Unix time in milliseconds, a phone dialled with 00.
        Case("R1,C1,00971585949011,never,x", "R1,C1,00971585949011,never,x"),
        Case("R1,,,1699866896002,x", "R1,,,1699866896002,x"),
        // Too short, too long, or a wrong sum.
        Case("R1,,422222222222,\(time),x", "R1,,422222222222,\(time),x"),
        Case("R1,,4111111111111112,\(time),x", "R1,,4111111111111112,\(time),x"),
        Case(
            "R1,,41111111111111110000000000,\(time),x", "R1,,41111111111111110000000000,\(time),x"),
    ])
    func load_hidesCardNumbers_inTheRejectsFile(_ row: Case) throws {
        let loading = try LoadingStore()
        let report = try loading.load(Self.header + row.row + "\n")
        let noted = try ProblemTable(report.rejectsPath).rows
        #expect(noted.map(\.rawText) == [row.noted])
        #expect(!report.shown.contains { $0.problem.message.contains("1111") })
    }

    /// A card number in the phone's column is hidden in the message, on a terminal and in the file.
    @Test(arguments: ["4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111"])
    func load_hidesCardNumbers_inWarnings(_ number: String) throws {
        let loading = try LoadingStore()
        let report = try loading.load(
            Self.header + "R1,C1,\(number) x?,\(Self.time),\(number)\n")
        #expect(report.warnings == 1)
        let masked = number.prefix(number.count - 4).map { $0.isNumber ? "*" : $0 } + "1111"
        let noted = try #require(
            try ProblemTable(report.warningsPath).rows.first)
        #expect(noted.rawText == "R1,C1,\(String(masked)) x?,\(Self.time),\(String(masked))")
        #expect(noted.message.contains("'\(String(masked)) x?'"))
        #expect(noted.message == report.shown.first?.problem.message)
    }

    /// A long row is copied piece by piece; a number that two pieces share is hidden too.
    @Test func load_hidesCardNumbers_wherePiecesOfALongRowMeet() throws {
        let number = "4111 1111 1111 1111"
        let masked = "**** **** **** 1111"
        for shift in 0...number.utf8.count {
            let start = (1 << 20) - shift
            let row = String(repeating: "x", count: start) + number + "x"
            let loading = try LoadingStore()
            let report = try loading.load(Self.header + row + "\n")
            let noted = try ProblemTable(report.rejectsPath).rows
            #expect(noted.first?.reason == "row_too_long")
            #expect(noted.first?.rawRow.count == row.utf8.count)
            let end = noted.first.map { String($0.rawText.dropFirst(start)) }
            #expect(end == masked + "x", "\(shift)")
        }
    }
}
