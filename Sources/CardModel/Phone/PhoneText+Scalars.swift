/// The classes of characters in libphonenumber's regular expressions. Where those ignore case, the
/// Unicode letters that fold to an ASCII one belong to the class as well.
extension PhoneText {
    static func isPlus(_ scalar: UInt32) -> Bool { scalar == 0x2B || scalar == 0xFF0B }

    /// An ASCII letter.
    static func isLetter(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
    }

    /// An ASCII letter or one of İ ı ſ K (the Kelvin sign), which differ from one only in case.
    static func isLetterIgnoringCase(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x130, 0x131, 0x17F, 0x212A: true
        default: isLetter(scalar)
        }
    }

    /// What may stand between digits: dashes, spaces, points, slashes, brackets, tildes, in ASCII
    /// and full width; a star; and x, which stands for a carrier code.
    static func isPunctuation(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x20, 0x28...0x2A, 0x2D...0x2F, 0x58, 0x5B, 0x5D, 0x78, 0x7E, 0xA0, 0xAD, 0x200B,
            0x2010...0x2015, 0x2053, 0x2060, 0x2212, 0x223C, 0x3000, 0x30FC, 0xFF08, 0xFF09,
            0xFF0D...0xFF0F, 0xFF3B, 0xFF3D, 0xFF5E:
            true
        default: false
        }
    }

    /// The white space around the label of an extension.
    static func isBlank(_ scalar: UInt32) -> Bool {
        scalar == 0x20 || scalar == 0xA0 || scalar == 0x09
    }

    /// The value of a decimal digit of any script.
    static func decimalDigit(_ scalar: UInt32) -> UInt8? {
        if scalar < 0x80 {
            return 0x30...0x39 ~= scalar ? UInt8(scalar - 0x30) : nil
        }
        guard let properties = Unicode.Scalar(scalar)?.properties,
            properties.numericType == .decimal, let value = properties.numericValue
        else { return nil }
        return UInt8(value)
    }

    /// The key (ITU-T E.161) that an ASCII letter or digit is on, or a letter whose upper case is
    /// in ASCII (ı, ſ). Digits of other scripts have none: beside letters they don't count.
    static func keypadDigit(_ scalar: UInt32) -> UInt8? {
        switch scalar == 0x131 ? 0x49 : scalar == 0x17F ? 0x53 : scalar & ~0x20 {
        case 0x10...0x19 where scalar >= 0x30 && scalar < 0x3A: UInt8(scalar - 0x30)
        case 0x41...0x43: 2
        case 0x44...0x46: 3
        case 0x47...0x49: 4
        case 0x4A...0x4C: 5
        case 0x4D...0x4F: 6
        case 0x50...0x53: 7
        case 0x54...0x56: 8
        case 0x57...0x5A: 9
        default: nil
        }
    }

    /// A letter or a number of any script.
    static func isAlphanumeric(_ scalar: UInt32) -> Bool {
        if scalar < 0x80 { return isLetter(scalar) || 0x30...0x39 ~= scalar }
        guard let properties = Unicode.Scalar(scalar)?.properties else { return false }
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            return true
        default: return properties.numericType != nil
        }
    }

    /// Simple case folding of the letters that labels of extensions are made of.
    static func lowercased(_ scalar: UInt32) -> UInt32 {
        switch scalar {
        case 0x41...0x5A, 0x411, 0x414, 0x41E, 0xD3, 0xFF21...0xFF3A:
            // These alphabets lie 32 apart.
            scalar + 0x20
        case 0x130, 0x131: 0x69
        case 0x17F: 0x73
        case 0x1C81: 0x434
        case 0x1C82: 0x43E
        default: scalar
        }
    }
}
