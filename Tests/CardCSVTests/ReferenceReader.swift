import CardCSV

/// What `CSVReader` must do, said as plainly as possible: the whole input in memory, one byte at a
/// time, every row read from its start, no care for cost.
struct ReferenceReader {
    var bytes: [UInt8]
    var reading: Reading

    private enum State { case fieldStart, unquoted, quoted, quoteInQuoted }
    private enum End { case lineBreak, endOfInput, limit }

    private struct Attempt {
        var end = End.endOfInput
        var offset = 0
        var state = State.fieldStart
        var fields: [[UInt8]] = [[]]
        var delimiters: [UInt8] = []
    }

    func rows() -> [RowRecord] {
        let lines = lines()
        let firstByte = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        var start = firstByte
        while start < bytes.count, isLineBreak(start) { start += 1 }
        let delimiter = reading.delimiter ?? detect(from: start)
        start = firstByte

        var rows: [RowRecord] = []
        while start < bytes.count {
            if isLineBreak(start) {
                start = afterLineBreak(start)
                continue
            }
            let attempt = attempt(from: start, [delimiter])
            var end = attempt.offset
            var problem: CSVProblem?
            let runsOn = lineBreak(from: start) < attempt.offset
            if attempt.end == .endOfInput && attempt.state == .quoted
                || attempt.end == .limit && (attempt.state == .quoted || runsOn)
            {
                problem = .unterminatedQuote
                end = lineBreak(from: start)
            } else if attempt.end == .limit {
                problem = .rowTooLong(limitBytes: reading.maxRowBytes)
                end = lineBreak(from: end)
            } else if attempt.fields.count > reading.maxFields {
                problem = .tooManyFields(limit: reading.maxFields)
            }
            rows.append(
                RowRecord(
                    line: lines[start], byteRange: start..<end,
                    fields: problem == nil ? attempt.fields : [], problem: problem,
                    raw: Array(bytes[start..<end].prefix(reading.maxRowBytes))))
            start = end < bytes.count ? afterLineBreak(end) : end
        }
        return rows
    }

    private func attempt(from start: Int, _ delimiters: [UInt8]) -> Attempt {
        var attempt = Attempt()
        for offset in start..<bytes.count {
            let byte = bytes[offset]
            attempt.offset = offset
            switch attempt.state {
            case .quoted:
                if byte == UInt8(ascii: "\"") {
                    attempt.state = .quoteInQuoted
                } else {
                    attempt.fields[attempt.fields.count - 1].append(byte)
                }
            case .fieldStart where byte == UInt8(ascii: "\""):
                attempt.state = .quoted
            case .quoteInQuoted where byte == UInt8(ascii: "\""):
                attempt.fields[attempt.fields.count - 1].append(byte)
                attempt.state = .quoted
            default:
                if isLineBreak(offset) {
                    attempt.end = .lineBreak
                    return attempt
                }
                if delimiters.contains(byte) {
                    attempt.delimiters.append(byte)
                    attempt.fields.append([])
                    attempt.state = .fieldStart
                } else {
                    attempt.fields[attempt.fields.count - 1].append(byte)
                    attempt.state = .unquoted
                }
            }
            if offset - start == reading.maxRowBytes {
                attempt.end = .limit
                attempt.offset = offset + 1
                return attempt
            }
        }
        attempt.offset = bytes.count
        return attempt
    }

    /// Takes all candidates for delimiters at once and sees which is met most.
    private func detect(from start: Int) -> UInt8 {
        let candidates = Array(",;\t|".utf8)
        let attempt = attempt(from: start, candidates)
        if attempt.end != .lineBreak, attempt.state == .quoted {
            let line = bytes[start..<lineBreak(from: start)].prefix(reading.maxRowBytes + 1)
            return most(Array(line), candidates)
        }
        return most(attempt.delimiters, candidates)
    }

    private func most(_ bytes: [UInt8], _ candidates: [UInt8]) -> UInt8 {
        func count(_ byte: UInt8) -> Int { bytes.count { $0 == byte } }
        let most = candidates.map(count).max() ?? 0
        return candidates.first { count($0) == most } ?? UInt8(ascii: ",")
    }

    private func isLineBreakByte(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
    }

    private func isLineBreak(_ offset: Int) -> Bool { isLineBreakByte(bytes[offset]) }

    private func lineBreak(from offset: Int) -> Int {
        bytes[offset...].firstIndex(where: isLineBreakByte) ?? bytes.count
    }

    private func afterLineBreak(_ offset: Int) -> Int {
        let isPair = bytes[offset...].starts(with: "\r\n".utf8)
        return offset + (isPair ? 2 : 1)
    }

    /// The line on which each offset lies, from 1.
    private func lines() -> [Int] {
        var lines: [Int] = []
        var line = 1
        while lines.count < bytes.count {
            let offset = lines.count
            let next = isLineBreak(offset) ? afterLineBreak(offset) : offset + 1
            lines += Array(repeating: line, count: next - offset)
            if isLineBreak(offset) { line += 1 }
        }
        return lines
    }
}
