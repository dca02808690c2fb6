import CardTesting
import Testing

@testable import CardModel

/// The short way for phones in the usual forms finds what the long one finds, or nothing: in every
/// region, numbers of every length behind whatever leads to the region, or nearly so.
@Test func usual_agreesWithRead_whateverTheRegionAndTheForm() throws {
    let seed = SeededGenerator.newSeed()
    var random = SeededGenerator(seed: seed)
    var found = 0
    for plan in PhonePlan.all where plan.region != PhonePlan.worldwide {
        let code = String(
            decoding: [UInt8(plan.region >> 8), UInt8(plan.region & 0xFF)], as: UTF8.self)
        let parser = PhoneParser(region: try #require(PhoneRegion(code)))
        let fronts = [
            "", "0", "00", "1", "8", "+", "+0", "0(0)", "\(plan.callingCode)",
            "+\(plan.callingCode)", "+ (\(plan.callingCode)) ", "+\(plan.callingCode)0",
            "00\(plan.callingCode)", "+971", "'0", "\"\"\"0",
        ]
        for _ in 0..<150 {
            let separators = ["", "", "", "", "", " ", "-", "/", "(", ")", "\"", ".", "x"]
            var text = fronts.randomElement(using: &random) ?? ""
            for _ in 0..<Int.random(in: 0...16, using: &random) {
                text += String(Int.random(in: 0...9, using: &random))
                text += separators.randomElement(using: &random) ?? ""
            }
            let bytes = Array(text.utf8)
            guard let number = parser.usual(bytes.span) else { continue }
            found += 1
            let read = try? parser.read(bytes.span)
            #expect(read == number, "seed \(seed): \(code) '\(text)'")
        }
    }
    // Some three hundred are of the usual form and length.
    #expect(found > 150)
}

/// What nearly every row has goes the short way.
@Test(arguments: [
    "0585949014", "585949014", "+971585949014", "058 594-9014", "(058) 5949014",
    "\"\"\"0585949014\"\"\"", "'0585949014", " 0585949014  ", "+971 58 594 9014",
])
func usual_findsTheNumber_whenTheFormIsUsual(_ text: String) throws {
    let parser = PhoneParser(region: try #require(PhoneRegion("AE")))
    #expect(parser.usual(Array(text.utf8).span)?.e164 == "+971585949014")
}

/// What is something else, or could be, goes the long way.
@Test(arguments: [
    "", "+", "00971585949014", "971585949014", "+00971585949014", "5859", "585949014.0", "12",
    "5.85949014E+08", "٠٥٨٥٩٤٩٠١٤", "0585949014 ext. 12", "058594901458594", "+9715",
    "0585949014" + String(repeating: " ", count: 60),
])
func usual_isNil_whenThereIsMoreToFindOut(_ text: String) throws {
    let parser = PhoneParser(region: try #require(PhoneRegion("AE")))
    #expect(parser.usual(Array(text.utf8).span) == nil)
}
