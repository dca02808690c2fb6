import Testing

@testable import HTTPFront

/// The checks that read several bytes at a time, against the same rules spelled out byte by byte.
struct FramingTests {
    /// Every byte at every place of texts of every length around the word size.
    private func everyText(of filler: UInt8, _ body: (UInt8, UnsafeBufferPointer<UInt8>) -> Void) {
        for count in 1...20 {
            for place in 0..<count {
                for byte in UInt8.min...UInt8.max {
                    var text = [UInt8](repeating: filler, count: count)
                    text[place] = byte
                    text.withUnsafeBufferPointer { body(byte, $0) }
                }
            }
        }
    }

    /// A space, a control character or DEL makes a target unacceptable wherever it stands.
    @Test func isTarget_isFalse_whenAnyByteIsASpaceOrControl() {
        var wrong: [[UInt8]] = []
        everyText(of: UInt8(ascii: "a")) { byte, text in
            if Framing.isTarget(text) != (byte > 0x20 && byte != 0x7F) { wrong.append(Array(text)) }
        }
        #expect(wrong == [])
    }

    /// A header name is a token: letters, digits and the fifteen marks of RFC 9110, and nothing
    /// else.
    @Test func isToken_isFalse_whenAnyByteIsNoTokenCharacter() {
        let allowed = Set(
            Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8)
                + Array("!#$%&'*+-.^_`|~".utf8))
        var wrong: [[UInt8]] = []
        everyText(of: UInt8(ascii: "m")) { byte, name in
            if Framing.isToken(name) != allowed.contains(byte) { wrong.append(Array(name)) }
        }
        #expect(wrong == [])
    }

    /// A value has no control character but the tab.
    @Test func isFieldText_isFalse_whenAnyByteIsAControl() {
        var wrong: [[UInt8]] = []
        everyText(of: UInt8(ascii: " ")) { byte, value in
            let isAllowed = byte >= 0x20 && byte != 0x7F || byte == 0x09
            if Framing.isFieldText(value) != isAllowed { wrong.append(Array(value)) }
        }
        #expect(wrong == [])
    }

    /// A host has what names, addresses and ports have.
    @Test func isHost_isFalse_whenAnyByteBelongsInNone() {
        let allowed = Set(
            Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]".utf8))
        var wrong: [[UInt8]] = []
        everyText(of: UInt8(ascii: "m")) { byte, host in
            // White space at the end is not part of a value.
            let isTail = host.last == byte && [0x20, 0x09].contains(byte)
            if Framing.isHost(host) != (allowed.contains(byte) || isTail) {
                wrong.append(Array(host))
            }
        }
        #expect(wrong == [])
    }
}
