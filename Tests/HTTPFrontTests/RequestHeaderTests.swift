import Testing

@testable import HTTPFront

struct RequestHeaderTests {
    private func header(_ name: [UInt8]) -> RequestHeader? {
        name.withUnsafeBufferPointer { RequestHeader(name: $0) }
    }

    /// Every header is known by its name in any case.
    @Test(arguments: RequestHeader.allCases)
    func header_isFound_whateverItsCase(header: RequestHeader) {
        let name = "\(header.name)"
        #expect(self.header(Array(name.utf8)) == header)
        #expect(self.header(Array(name.uppercased().utf8)) == header)
        for index in name.utf8.indices {
            var mixed = Array(name.utf8)
            let place = name.utf8.distance(from: name.utf8.startIndex, to: index)
            if mixed[place] != UInt8(ascii: "-") { mixed[place] ^= 0x20 }
            #expect(self.header(mixed) == header)
        }
    }

    /// A name with any other byte anywhere, one byte more or one less, is not it: a name that is
    /// taken for another would let framing be read in two ways.
    @Test(arguments: RequestHeader.allCases)
    func header_isNil_whenAnyByteDiffers(header: RequestHeader) {
        let name = Array("\(header.name)".utf8)
        for place in name.indices {
            for byte in UInt8.min...UInt8.max {
                let isLetter = (0x61...0x7A).contains(name[place])
                if byte == name[place] || (isLetter && byte == name[place] ^ 0x20) { continue }
                var other = name
                other[place] = byte
                #expect(self.header(other) == nil, "\(other)")
            }
        }
        #expect(self.header(Array(name.dropLast())) == nil)
        #expect(self.header(name + [0x61]) == nil)
        #expect(self.header([]) == nil)
    }
}
