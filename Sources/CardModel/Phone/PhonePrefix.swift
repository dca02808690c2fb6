/// A prefix found at the front of a number by one of the programs in `PhonePlan.prefixPrograms`.
///
/// A program is a compiled regular expression over digits, run with Perl's rule that the first
/// alternative that leads to a match wins. An instruction has an opcode in its upper 3 bits (the
/// raw values of `Opcode`) and an operand in the other 13: a set of digits, or a distance forward.
/// There are no loops, so the recursion is as deep as a program has splits in sequence, at most.
/// Opcodes and layout change together with Scripts/generate-phone-regions.
struct PhonePrefix {
    private(set) var end = 0
    /// What the pattern's last group captured, if it took part in the match.
    var group: Range<Int>? { groupEnd >= 0 ? groupStart..<groupEnd : nil }

    private var groupStart = -1
    private var groupEnd = -1

    private enum Opcode: UInt16 {
        case fail
        /// Consumes one digit of the set in the operand.
        case digit
        /// Goes on behind itself and, if that fails, at the distance in the operand.
        case split
        case jump
        case openGroup
        case closeGroup
        /// Matches at the end of the number only.
        case end
        case match
    }

    /// Matches from the first digit on; `nil` if the program at `address` does not.
    init?(_ address: Int, matching digits: PhoneDigits) {
        guard address != 0, run(address, 0, digits) else { return nil }
    }

    /// Whether the program at `address` begins with a set of digits and a number's first is not one
    /// of them.
    static func cannotMatch(_ address: Int, _ first: UInt8) -> Bool {
        let instruction = PhonePlan.prefixPrograms[address]
        return Opcode(rawValue: instruction >> 13) == .digit
            && (instruction >> UInt16(first)) & 1 == 0
    }

    /// Whether the program at `address` begins with one or two sets of digits, and one of the first
    /// two digits of a number is not in its set.
    static func cannotMatch(_ address: Int, _ first: UInt8, _ second: UInt8) -> Bool {
        let instruction = PhonePlan.prefixPrograms[address]
        guard Opcode(rawValue: instruction >> 13) == .digit else { return false }
        return (instruction >> UInt16(first)) & 1 == 0 || cannotMatch(address + 1, second)
    }

    /// Whether the program at `address` matches a digit and asks no more.
    static func isDigit(_ address: Int, _ digit: UInt8) -> Bool {
        let instruction = PhonePlan.prefixPrograms[address]
        return Opcode(rawValue: instruction >> 13) == .digit
            && (instruction >> UInt16(digit)) & 1 == 1
            && Opcode(rawValue: PhonePlan.prefixPrograms[address + 1] >> 13) == .match
    }

    private mutating func run(_ address: Int, _ offset: Int, _ digits: PhoneDigits) -> Bool {
        var address = address
        var offset = offset
        while true {
            let instruction = PhonePlan.prefixPrograms[address]
            let operand = instruction & 0x1FFF
            switch Opcode(rawValue: instruction >> 13) {
            case .digit:
                guard offset < digits.count, operand >> UInt16(digits[offset]) & 1 == 1 else {
                    return false
                }
                offset += 1
            case .split:
                let before = self
                if run(address + 1, offset, digits) { return true }
                self = before
                address += Int(operand) - 1
            case .jump: address += Int(operand) - 1
            case .openGroup: groupStart = offset
            case .closeGroup: groupEnd = offset
            case .end: guard offset == digits.count else { return false }
            case .match:
                end = offset
                return true
            case .fail, nil: return false
            }
            address += 1
        }
    }
}
