import CardModel
import Foundation
import HTTPFront
import Testing

@testable import CardAPI

struct JSONTests {
    private static func string(_ text: String) -> [UInt8] {
        var json = ByteBuffer()
        json.string(text)
        return Array(json.bytes)
    }

    private static func parsed(_ json: [UInt8]) throws -> String? {
        try JSONSerialization.jsonObject(with: Data(json), options: .fragmentsAllowed) as? String
    }

    /// Every scalar below 0x100, alone and between others, is read back as what it was.
    @Test func string_isReadBack_whateverScalarItHas() throws {
        for value in UInt8.min ... .max {
            let character = String(Unicode.Scalar(value))
            for text in [character, "a\(character)b", character + character] {
                #expect(try Self.parsed(Self.string(text)) == text, "scalar \(value)")
            }
        }
    }

    /// A quote, a backslash and control characters are escaped; every other byte stays as it is.
    @Test func string_escapesWhatItMust_byteByByte() {
        for byte in UInt8.min ... .max {
            var json = ByteBuffer()
            json.string([byte].span)
            let escaped: [UInt8] =
                switch byte {
                case UInt8(ascii: "\""): Array(#"\""#.utf8)
                case UInt8(ascii: "\\"): Array(#"\\"#.utf8)
                case 0..<0x20: Array(String(format: "\\u%04x", Int(byte)).utf8)
                default: [byte]
                }
            let quote = UInt8(ascii: "\"")
            #expect(Array(json.bytes) == [quote] + escaped + [quote], "byte \(byte)")
        }
    }

    /// UTF-8 of every length is kept byte by byte, normalised or not.
    @Test(arguments: [
        "é", "e\u{301}", "تم التسليم", "包裹已送达", "📦\u{200D}🚚",
        "\u{7F}\u{80}\u{FEFF}\u{FFFF}",
    ])
    func string_keepsUTF8(text: String) throws {
        #expect(Self.string(text) == Array("\"\(text)\"".utf8))
        let parsed = try #require(try Self.parsed(Self.string(text)))
        #expect(Array(parsed.utf8) == Array(text.utf8))
    }

    /// Strings of every length, with one byte that must be escaped at every place or none.
    @Test func string_isReadBack_whateverItsLength() throws {
        for count in 0...40 {
            for place in 0...count {
                for byte in ["\"", "\\", "\u{1F}", "\u{0}", "\u{7F}", " ", "é"] {
                    var text = String(repeating: "x", count: count)
                    text.replaceSubrange(
                        text.index(text.startIndex, offsetBy: place)..., with: byte + "yz")
                    #expect(try Self.parsed(Self.string(text)) == text)
                }
            }
            let plain = String(repeating: "x", count: count)
            #expect(Self.string(plain) == Array("\"\(plain)\"".utf8))
        }
    }

    /// Every day of the range, and every second of a day, is written as the model writes it.
    @Test func timestamps_areWrittenAsTheModelWritesThem() throws {
        var seconds: [Int64] = (0..<86_400).map { 946_684_800 + $0 }
        seconds += (0..<36_525).map { 946_684_800 + $0 * 86_400 + ($0 % 86_400) }
        var wrong: [String] = []
        for second in seconds {
            let time = try #require(Timestamp(seconds: second))
            var json = ByteBuffer()
            json.string(time)
            if !json.bytes.elementsEqual("\"\(time.iso8601)\"".utf8) { wrong.append(time.iso8601) }
        }
        #expect(wrong == [])
    }

    /// Numbers with every count of digits, at both ends.
    @Test func phones_haveAllTheirDigits() throws {
        var limit: UInt64 = 1
        for count in 1...19 {
            let last = count == 19 ? 9_999_999_999_999_999_999 : limit * 10 - 1
            for digits in [limit, limit + 1, last - 1, last] where digits > 0 {
                let phone = try #require(PhoneNumber(digits: digits))
                var json = ByteBuffer()
                json.string(phone)
                #expect(json.bytes.elementsEqual("\"\(phone.e164)\"".utf8))
            }
            limit &*= 10
        }
    }

    /// IDs of every length.
    @Test func cards_areWrittenWhole() throws {
        for count in 1...32 {
            let text = String("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345".prefix(count))
            var json = ByteBuffer()
            json.string(try CardID(text: text))
            #expect(json.bytes.elementsEqual("\"\(text)\"".utf8))
        }
    }

    /// Values of the model, numbers and what is absent.
    @Test func values_areWritten() throws {
        var json = ByteBuffer()
        json.raw("[")
        json.stringOrNull([UInt8]().span)
        json.raw(",")
        json.stringOrNull(Array("a".utf8).span)
        json.raw(",")
        json.integer(Int64.min)
        json.raw(",")
        json.integer(UInt64.max)
        json.raw(",")
        json.boolean(true)
        json.boolean(false)
        json.raw(",")
        json.string(try CardID(text: "a-1"))
        json.string(Timestamp.max)
        json.string(CardStatus.deliveryException)
        json.string(try PhoneNumber(e164: "+971585949014"))
        json.stringOrNull(try PhoneNumber(e164: "+1"))
        json.stringOrNull(nil as PhoneNumber?)
        json.raw("]")
        #expect(
            String(decoding: json.bytes, as: UTF8.self)
                == #"[null,"a",-9223372036854775808,18446744073709551615,truefalse,"#
                + #""A-1""2099-12-31T23:59:59Z""delivery_exception""+971585949014""+1"null]"#)
    }
}
