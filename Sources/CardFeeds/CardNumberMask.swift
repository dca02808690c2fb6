internal import CardModel

/// Hides what looks like a payment card's number, so that none is copied from a partner's file.
enum CardNumberMask {
    /// Replaces the digits, save the last four, of every run of 13 to 19 digits that passes the Luhn
    /// check; single spaces and dashes may stand between the digits.
    static func apply(to bytes: inout [UInt8]) {
        var index = 0
        while index < bytes.count {
            guard isDigit(bytes[index]) else {
                index += 1
                continue
            }
            var places: [Int] = []
            while index < bytes.count {
                if isDigit(bytes[index]) {
                    places.append(index)
                } else if !isSeparator(bytes[index]) || index + 1 >= bytes.count
                    || !isDigit(bytes[index + 1])
                {
                    break
                }
                index += 1
            }
            var luhn = Luhn()
            for place in places { luhn.append(bytes[place]) }
            if luhn.isCardNumber {
                for place in places.dropLast(4) { bytes[place] = UInt8(ascii: "*") }
            }
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isSeparator(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "-")
    }
}
