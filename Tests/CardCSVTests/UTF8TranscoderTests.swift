import CardCSV
import CardTesting
import Foundation
import Testing

@Suite struct UTF8TranscoderTests {
    private static func turn(
        _ bytes: [UInt8], from encoding: TextEncoding, chunkSizes: [Int]
    ) -> [UInt8] {
        var transcoder = UTF8Transcoder(from: encoding)
        var text: [UInt8] = []
        let append = { (piece: Span<UInt8>) in
            for index in piece.indices { text.append(piece[index]) }
        }
        var sizes = chunkSizes[...]
        var position = 0
        while position < bytes.count {
            let size = sizes.count > 1 ? sizes.removeFirst() : max(1, sizes.first ?? bytes.count)
            let end = min(position + size, bytes.count)
            transcoder.read(Array(bytes[position..<end]).span, append)
            position = end
        }
        transcoder.finish(append)
        return text
    }

    private static func utf16(_ units: [UInt16], _ encoding: TextEncoding) -> [UInt8] {
        units.flatMap { unit in
            let bytes = [UInt8(unit & 0xFF), UInt8(unit >> 8)]
            return encoding == .utf16BigEndian ? bytes.reversed() : bytes
        }
    }

    /// Units at every border of UTF-8's lengths, pairs, and surrogates that lack their other half,
    /// in both orders and at every cut.
    @Test(arguments: [.utf16LittleEndian, .utf16BigEndian] as [TextEncoding])
    func read_turnsUTF16_atEveryCut(_ encoding: TextEncoding) {
        let cases: [(units: [UInt16], text: [UInt8])] = [
            ([], []),
            ([0x41], [0x41]),
            ([0xFEFF], []),
            ([0xFEFF, 0xFEFF, 0x41], [0xEF, 0xBB, 0xBF, 0x41]),
            ([0x41, 0xFEFF], [0x41, 0xEF, 0xBB, 0xBF]),
            ([0x00, 0x7F, 0x80, 0x7FF], [0x00, 0x7F, 0xC2, 0x80, 0xDF, 0xBF]),
            ([0x800, 0xD7FF], [0xE0, 0xA0, 0x80, 0xED, 0x9F, 0xBF]),
            ([0xE000, 0xFFFF], [0xEE, 0x80, 0x80, 0xEF, 0xBF, 0xBF]),
            ([0xD800, 0xDC00, 0xDBFF, 0xDFFF], [0xF0, 0x90, 0x80, 0x80, 0xF4, 0x8F, 0xBF, 0xBF]),
            ([0xD800], [0xED, 0xA0, 0x80]),
            ([0xDFFF, 0x41], [0xED, 0xBF, 0xBF, 0x41]),
            ([0xD801, 0x41], [0xED, 0xA0, 0x81, 0x41]),
            ([0xD800, 0xD83D, 0xDE00], [0xED, 0xA0, 0x80, 0xF0, 0x9F, 0x98, 0x80]),
            ([0xDC00, 0xD800], [0xED, 0xB0, 0x80, 0xED, 0xA0, 0x80]),
        ]
        for (units, text) in cases {
            let bytes = Self.utf16(units, encoding)
            for (input, expected) in [(bytes, text), (bytes + [0x41], text + [0xFF])] {
                for cut in [[1]] + (0...input.count).map({ [$0, input.count] }) {
                    #expect(
                        Self.turn(input, from: encoding, chunkSizes: cut) == expected,
                        "\(units) cut at \(cut)")
                }
            }
        }
    }

    /// What was no text never becomes valid text, wherever it stands.
    @Test func read_givesInvalidUTF8_whenASurrogateIsAlone() {
        for lone in [0xD800, 0xDBFF, 0xDC00, 0xDFFF] as [UInt16] {
            let bytes = Self.utf16([0x61, lone, 0x62], .utf16LittleEndian)
            let text = Self.turn(bytes, from: .utf16LittleEndian, chunkSizes: [3, 100])
            #expect(String(validating: text, as: UTF8.self) == nil)
        }
    }

    /// UTF-8 is passed on as it is, also where it is none.
    @Test func read_leavesUTF8Alone() {
        let bytes: [UInt8] = [0xEF, 0xBB, 0xBF, 0x41, 0xFF, 0xC3, 0x00, 0xED, 0xA0, 0x80]
        for cut in 0...bytes.count {
            #expect(Self.turn(bytes, from: .utf8, chunkSizes: [cut, bytes.count]) == bytes)
        }
    }

    // MARK: Python

    private struct Generated {
        var encoding: TextEncoding
        var codec: String
        var text: String
    }

    private static func generate(_ random: inout SeededGenerator) -> [Generated] {
        let kinds: [(TextEncoding, String, [ClosedRange<UInt32>])] = [
            (.latin1, "latin-1", [0x20...0x7E, 0x00...0xFF]),
            (.utf16LittleEndian, "utf-16-le", [0x20...0x7E, 0x00...0xFFFF, 0x10000...0x10FFFF]),
            (.utf16BigEndian, "utf-16-be", [0x20...0x7E, 0x00...0xFFFF, 0x10000...0x10FFFF]),
        ]
        return kinds.flatMap { encoding, codec, ranges in
            (0..<200).map { number in
                // One is longer than what is turned at a time.
                let count = number < 1 ? 40_000 : Int.random(in: 0...60, using: &random)
                var text = String.UnicodeScalarView()
                while text.count < count {
                    guard let range = ranges.randomElement(using: &random),
                        let scalar = Unicode.Scalar(UInt32.random(in: range, using: &random)),
                        scalar != "\u{FEFF}"
                    else { continue }
                    text.append(scalar)
                }
                return Generated(encoding: encoding, codec: codec, text: String(text))
            }
        }
    }

    /// Encoded by Python's codecs and turned back, a text is what it was, whatever the cuts.
    @Test func read_equalsPythonsCodecs_onGeneratedText() throws {
        let seed = SeededGenerator.newSeed()
        var random = SeededGenerator(seed: seed)
        let generated = Self.generate(&random)
        let directory = try ScratchDirectory()
        var list = ""
        for (index, item) in generated.enumerated() {
            try directory.write(item.text, to: "\(index).utf8")
            list += "\(index) \(item.codec)\n"
        }
        try directory.write(list, to: "list")
        let script = """
            import os, sys
            os.chdir(sys.argv[1])
            for line in open('list'):
                name, codec = line.split()
                text = open(name + '.utf8', 'rb').read().decode('utf-8')
                open(name + '.other', 'wb').write(text.encode(codec))
            """
        let python = Process()
        python.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        python.arguments = ["python3", "-c", script, directory.path]
        try python.run()
        python.waitUntilExit()
        try #require(python.terminationStatus == 0, "python3 is needed, and failed")

        for (index, item) in generated.enumerated() {
            let path = directory.file("\(index).other")
            let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            let expected = Array(item.text.utf8)
            let cut = Int.random(in: 0...max(bytes.count, 1), using: &random)
            for sizes in [[bytes.count], [1], [cut, 7, 8, 4_097]] {
                let text = Self.turn(bytes, from: item.encoding, chunkSizes: sizes)
                #expect(text == expected, "seed \(seed), text \(index), chunks of \(sizes)")
            }
        }
    }

    // MARK: Detection

    /// Marks, and the zeros of a first line in UTF-16.
    @Test(
        arguments: [
            ([], nil, nil), ([0xFF], nil, nil), ([0xEF, 0xBB], nil, nil),
            ([0xFF, 0xFE], .utf16LittleEndian, nil), ([0xFE, 0xFF], .utf16BigEndian, nil),
            ([0xEF, 0xBB, 0xBF], .utf8, nil), (Array("ID,Card\n\0".utf8), nil, nil),
            (Array("I\0D\0,\0\n\0".utf8), nil, .utf16LittleEndian),
            (Array("\0I\0D\0,\0\n".utf8), nil, .utf16BigEndian),
            (Array("I\0D\0\0,\n".utf8), nil, nil), (Array("Identity,C\0ard".utf8), nil, nil),
            // Three letters of another script to a comma: a quarter of the zeros of ASCII.
            ([0x45, 6, 0x48, 6, 0x2C, 0, 0x45, 6, 0x2C, 0], nil, .utf16LittleEndian),
        ] as [([UInt8], TextEncoding?, TextEncoding?)])
    func encoding_isFound_inTheStart(
        _ start: [UInt8], _ marked: TextEncoding?, _ byZeros: TextEncoding?
    ) {
        #expect(TextEncoding.marked(at: start.span) == marked)
        #expect(TextEncoding.utf16ByZeros(in: start.span) == byZeros)
    }
}
