import Testing

@testable import CardAPI

struct EntityTagTests {
    private static func tag(_ representation: String) -> [UInt8] {
        Array(representation.utf8).withUnsafeBufferPointer { EntityTag.of($0) }
    }

    /// The tag is XXH64 of the bytes, so it is the same on every machine. Both values come from the
    /// reference implementation.
    @Test(arguments: [
        (Samples.zyw8827, #""06d5c7346d5c35bf""#), (Samples.zyw8890, #""7b7244c42cd1c4ba""#),
    ])
    func tag_isTheHashOfTheBytes(representation: String, tag: String) {
        #expect(Self.tag(representation) == Array(tag.utf8))
    }

    /// Tags whose hash begins with zeros have all 16 digits.
    @Test func tag_hasItsZeros() {
        for number in 0..<5_000 {
            let tag = Self.tag(String(number))
            #expect(tag.count == 18)
            #expect(tag.first == UInt8(ascii: "\"") && tag.last == UInt8(ascii: "\""))
        }
    }

    private static func matches(_ value: String) -> Bool {
        Array(value.utf8).withUnsafeBufferPointer { bytes in
            EntityTag.matches(Array("\"abc\"".utf8), ifNoneMatch: bytes)
        }
    }

    /// A list names the tag wherever it stands, weak or not, and `*` names everything.
    @Test(arguments: [
        #""abc""#, #"W/"abc""#, "*", " * ", "\t*", #"  "abc"  "#, #""x","abc""#,
        #""x", "abc", "y""#,
        #"W/"x",W/"abc""#, #""x" , , "abc""#, #",,"abc""#, "\"x\"\t,\t\"abc\"", #""","abc""#,
        #""a,b","abc""#, #""W/","abc""#, #""\","abc""#,
    ])
    func matches_isTrue_whenTheListNamesTheTag(value: String) {
        #expect(Self.matches(value))
    }

    /// Other tags, other spellings of the tag, and what is no list do not name it.
    @Test(arguments: [
        "", " ", ",", "abc", #""ABC""#, #""abc"#, #"abc""#, #"'abc'"#, #"w/"abc""#, "W/", "W",
        #"W/abc"#, #"W/ "abc""#, #""abcd""#, #""ab""#, #""""#, "\"", #""x" y "abc""#,
        #"x, "abc""#, #""x", *"#, #"""abc"""#, #""a"bc""#, #""W/"abc"""#, #"WW/"abc""#,
    ])
    func matches_isFalse_whenItDoesNot(value: String) {
        #expect(!Self.matches(value))
    }
}
