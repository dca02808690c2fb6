import CardModel
import Testing

@Suite struct LuhnTests {
    private func luhn(_ digits: String) -> Luhn {
        var luhn = Luhn()
        for byte in digits.utf8 {
            let isDigit = luhn.append(byte)
            #expect(isDigit)
        }
        return luhn
    }

    /// Test numbers that payment schemes publish, in all their lengths.
    @Test(arguments: [
        "4222222222222", "30569309025904", "378282246310005", "4111111111111111",
        "5555555555554444", "6011000990139424", "6799990100000000019", "0000000000000",
    ])
    func isCardNumber_isTrue_forNumbersOfPaymentCards(_ digits: String) {
        #expect(luhn(digits).isCardNumber)
    }

    /// One wrong digit is always found, whatever its place.
    @Test(arguments: ["4222222222222", "378282246310005", "4111111111111111"])
    func isCardNumber_isFalse_whenOneDigitDiffers(_ digits: String) {
        for place in digits.utf8.indices {
            for other in UInt8(ascii: "0")...UInt8(ascii: "9") where digits.utf8[place] != other {
                var bytes = Array(digits.utf8)
                bytes[digits.utf8.distance(from: digits.startIndex, to: place)] = other
                #expect(!luhn(String(decoding: bytes, as: UTF8.self)).isCardNumber)
            }
        }
    }

    /// Sums that are right do not make a card's number of 12 digits or 20, nor of none.
    @Test(arguments: ["", "0", "422222222222", "000000000000", "00000000000000000000"])
    func isCardNumber_isFalse_whenThereAreTooFewOrTooManyDigits(_ digits: String) {
        #expect(!luhn(digits).isCardNumber)
    }

    /// The neighbours of the digits in ASCII, a letter and a byte beyond it.
    @Test(arguments: [UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: "a"), 0, 0xFF])
    func append_changesNothing_whenTheByteIsNoDigit(_ byte: UInt8) {
        var luhn = luhn("411111111111111")
        let isDigit = luhn.append(byte)
        #expect(!isDigit)
        #expect(luhn.count == 15)
        luhn.append(UInt8(ascii: "1"))
        #expect(luhn.isCardNumber)
    }
}
