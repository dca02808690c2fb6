internal import CardModel

/// Whatever is read as a phone is written and masked as one.
enum PhoneTarget {
    private static let regions = ["AE", "DE", "IT", "US", "AR", "MX", "BR", "JP", "GB", "AU", "IL"]
        .compactMap { PhoneRegion($0) }

    @Sendable static func run(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let parser = PhoneParser(region: input.choice(of: regions))
        do throws(PhoneError) {
            let number = try input.rest.withExactBytes { (text) throws(PhoneError) in
                try parser.parse(text.span)
            }
            var written: [UInt8] = []
            number.appendE164(to: &written)
            precondition(written == Array(number.e164.utf8), "there are two forms of a number")
            precondition(number.masked.utf8.count == written.count, "the mask has another length")
        } catch {
            precondition(!"\(error)".isEmpty, "an error says something")
        }
    }
}

/// Whatever is read as a time is written so that it is read as the same one.
enum TimestampTarget {
    private static let zones = [0, 14_400, -12_600, 45_900].map {
        TimeZoneRules.fixed(offsetSeconds: $0)
    }

    @Sendable static func run(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let parser = TimestampParser(timeZone: input.choice(of: zones))
        input.rest.withExactBytes { text in
            do throws(TimestampError) {
                check(try parser.parse(text.span))
            } catch {
                precondition(!"\(error)".isEmpty, "an error says something")
            }
            do throws(TimestampError) {
                check(try TimestampParser.parseWithOffset(text.span))
            } catch {
                precondition(!"\(error)".isEmpty, "an error says something")
            }
        }
    }

    private static func check(_ time: Timestamp) {
        do throws(TimestampError) {
            let again = try TimestampParser.parseWithOffset(Array(time.iso8601.utf8).span)
            precondition(again == time, "a time changes when it is written")
        } catch {
            preconditionFailure("a written time cannot be read: \(error)")
        }
    }
}

/// No file makes rules that trap, or offsets that no zone has.
enum TimeZoneTarget {
    @Sendable static func run(_ bytes: [UInt8]) {
        do throws(TZifError) {
            let rules = try TimeZoneRules(name: "fuzz", tzif: bytes)
            for year in stride(from: Int64(946_684_800), to: 4_102_444_800, by: 7_889_238) {
                let offset = rules.offsetSeconds(atUTC: year)
                precondition(abs(Int(offset)) < 26 * 3_600, "no zone has such an offset")
                precondition(
                    abs(rules.utcSeconds(fromLocal: year) - year) < 26 * 3_600,
                    "no zone has such an offset")
            }
        } catch {
            precondition(!"\(error)".isEmpty, "an error says something")
        }
    }
}

/// The quick reading of card IDs is the thorough one, and what is canonical stays.
enum CardIDTarget {
    @Sendable static func run(_ bytes: [UInt8]) {
        bytes.withExactBytes { text in
            var parsed: CardID?
            do throws(CardIDError) {
                parsed = try CardID.parse(text.span, allowsCardNumbers: true).id
            } catch {
                precondition(!"\(error)".isEmpty, "an error says something")
            }
            if let plain = CardID(plain: text.span) {
                precondition(plain == parsed, "two readings of an ID differ")
            }
            guard let parsed else { return }
            var canonical: [UInt8] = []
            parsed.append(to: &canonical)
            precondition(CardID(canonical: canonical.span) == parsed, "an ID is not canonical")
            precondition(parsed.text.utf8.elementsEqual(canonical), "an ID has two texts")
        }
        for maxCount in [EventText.referenceMaxCount, EventText.commentMaxCount] {
            do throws(EventTextError) {
                let text = try EventText(bytes.span, maxCount: maxCount)
                let again = try EventText(text.bytes.span, maxCount: maxCount)
                precondition(again == text, "a text that was trimmed changes")
            } catch {
                precondition(!"\(error)".isEmpty, "an error says something")
            }
        }
    }
}
