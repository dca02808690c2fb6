import CardStore
import Foundation
import Testing

@testable import CardAPI

struct APIKeyTests {
    /// A key is `cs_` and 64 digits, and no two are the same.
    @Test func text_hasItsShape() {
        let keys = (0..<500).map { _ in APIKey().text }
        for key in keys {
            #expect(key.wholeMatch(of: /cs_[0-9a-f]{64}/) != nil)
        }
        #expect(Set(keys).count == keys.count)
        // Every digit occurs everywhere: 32 bytes are random, and none of their zeros is lost.
        for place in 3..<67 {
            #expect(Set(keys.map { Array($0.utf8)[place] }).count == 16, "place \(place)")
        }
    }

    /// A key is known by its shape, with white space around it as a file may have it; digits are
    /// those that a key is made of.
    @Test func isKey_isTrue_forTheShapeOfAKeyAlone() {
        let text = APIKey().text
        for good in [
            text, text + "\n", " \t\(text)\r\n", "cs_" + String(repeating: "0", count: 64),
        ] {
            #expect(APIKey.isKey(good))
        }
        for bad in [
            "", "\n", "cs_", "CS_" + text.dropFirst(3), String(text.dropLast()), text + "0",
            String(text.dropFirst(3)), text + " " + text, text.dropLast(2) + " 0",
            "cs_" + String(repeating: "A", count: 64), "cs_" + String(repeating: "g", count: 64),
            "cs_" + String(repeating: "\u{FF11}", count: 64), "cs_" + text.dropFirst(2).dropLast(),
        ] {
            #expect(!APIKey.isKey(bad), "\(bad)")
        }
    }

    /// The hash is the SHA-256 of the text, as `sha256sum` has it.
    @Test func hash_isSHA256OfTheText() throws {
        let key = APIKey()
        let process = Process()
        let (input, output) = (Pipe(), Pipe())
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["sha256sum"]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data(key.text.utf8))
        try input.fileHandleForWriting.close()
        let digits = try #require(try output.fileHandleForReading.readToEnd()).prefix(64)
        process.waitUntilExit()
        let hash = key.hash.map { String(format: "%02x", Int($0)) }.joined()
        #expect(hash == String(decoding: digits, as: UTF8.self))
    }

    /// A key's short name is the beginning of its hash, zeros and all.
    @Test(arguments: [
        ([0, 1, 0x0F, 0x10, 0xAB, 0xFF, 0x77] as [UInt8], "00010f10abff"),
        ([0xFF, 0, 0, 0, 0, 0] as [UInt8], "ff0000000000"),
    ])
    func id_isTheHashsBeginning(bytes: [UInt8], id: String) {
        let hash = bytes + [UInt8](repeating: 9, count: 32 - bytes.count)
        #expect(StoredKey(hash: hash, name: "n", createdAt: 0).id == id)
    }
}
