import Foundation
import Testing
import ZlibKit

@Suite struct GzipInflaterTests {
    /// `hello, hello, hello` by gzip at level 9.
    private static let hello: [UInt8] = [
        0x1F, 0x8B, 0x08, 0, 0, 0, 0, 0, 0x02, 0x03, 0xCB, 0x48, 0xCD, 0xC9, 0xC9, 0xD7, 0x51,
        0xC8, 0x40, 0xA2, 0, 0x9F, 0xA1, 0xCA, 0x09, 0x13, 0, 0, 0,
    ]
    private static let text = "hello, hello, hello"

    /// Unpacks all of it in pieces of the given sizes: what was written, and the error if any.
    private static func unpack(
        _ packed: [UInt8], pieceBytes: Int, roomBytes: Int
    ) -> (text: String, error: GzipError?) {
        var inflater = GzipInflater()
        var text: [UInt8] = []
        var room = [UInt8](repeating: 0, count: roomBytes)
        do throws(GzipError) {
            var position = 0
            while true {
                let end = min(position + pieceBytes, packed.count)
                let piece = Array(packed[position..<end])
                let result = try unpackOnce(&inflater, piece, &room)
                position += result.consumed
                text += room[..<result.written]
                if position == packed.count && result.written == 0 { break }
            }
            try inflater.finish()
        } catch {
            return (String(decoding: text, as: UTF8.self), error)
        }
        return (String(decoding: text, as: UTF8.self), nil)
    }

    private static func unpackOnce(
        _ inflater: inout GzipInflater, _ piece: [UInt8], _ room: inout [UInt8]
    ) throws(GzipError) -> (consumed: Int, written: Int) {
        let target = UnsafeMutableRawBufferPointer.allocate(byteCount: room.count, alignment: 1)
        let source = UnsafeMutableRawBufferPointer.allocate(byteCount: piece.count, alignment: 1)
        defer {
            target.deallocate()
            source.deallocate()
        }
        source.copyBytes(from: piece)
        let result = try inflater.inflate(UnsafeRawBufferPointer(source), into: target)
        room = Array(target)
        return result
    }

    private static let sizes = [(1, 1), (1, 100), (100, 1), (7, 3), (1_000, 1_000)]

    /// Members one behind the other, with zeros between them or not, however they are cut.
    @Test func inflate_unpacksEveryMember_atEveryCut() {
        let cases = [
            ([], ""), (Self.hello, Self.text), (Self.hello + Self.hello, Self.text + Self.text),
            (Self.hello + [0, 0, 0], Self.text),
            (Self.hello + [0, 0] + Self.hello + [0], Self.text + Self.text),
        ]
        for (packed, text) in cases {
            for (piece, room) in Self.sizes {
                let result = Self.unpack(packed, pieceBytes: piece, roomBytes: room)
                #expect(result.text == text && result.error == nil)
            }
        }
    }

    /// A stream that ends anywhere within a member is an error, behind what it has.
    @Test func finish_throws_whenTheStreamWasCut() {
        for count in 1..<Self.hello.count {
            for (piece, room) in Self.sizes {
                let packed = Self.hello + Self.hello.prefix(count)
                let result = Self.unpack(packed, pieceBytes: piece, roomBytes: room)
                #expect(result.error == .truncated, "\(count)")
                #expect(result.text.hasPrefix(Self.text))
            }
        }
    }

    /// A changed byte of data, check or length, and what is no member, are errors.
    @Test func inflate_throws_whenTheDataAreDamaged() {
        for place in [0, 1, 2, 12, 21, 24, 25, 28] {
            var packed = Self.hello
            packed[place] ^= 0x55
            for (piece, room) in Self.sizes {
                let result = Self.unpack(packed, pieceBytes: piece, roomBytes: room)
                guard case .invalid(let words) = result.error else {
                    Issue.record("byte \(place): \(result)")
                    continue
                }
                #expect(!words.isEmpty)
            }
        }
        let result = Self.unpack(
            Self.hello + Array("junk".utf8), pieceBytes: 1_000, roomBytes: 1_000)
        #expect(result.text == Self.text)
        #expect(result.error == .invalid("incorrect header check"))
    }
}
