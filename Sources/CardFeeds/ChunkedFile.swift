internal import CardBulk
internal import CardCSV
internal import CardService
internal import Synchronization

/// A file of UTF-8 that several threads read, a chunk each.
///
/// A chunk ends behind the first line feed at or after a multiple of the chunk's size. Whether a
/// row ends there as well is not known before all bytes until there have been read, since a quote
/// can be open; so each chunk is read as if it were so. When a chunk's reader, which started where
/// a row starts, is between two rows at the chunk's end, a row starts there too, and the next
/// chunk's reading is what one reader of the whole file reads (`CSVReader.isBetweenRows`). When it
/// is not, what was read of the next chunk counts for nothing: the first reader goes on through
/// that, and through those behind, until it stands between rows at one's end. Rows, lines, rejects
/// and their order are so those of one reader, however the file is cut. A test holds them against
/// each other for every cut of odd files.
final class ChunkedFile: Sendable {
    /// Chunks that are read, or wait to be taken, for each thread.
    private static let chunksPerThread = 3

    private static let sampleBytes = 1 << 13

    private let profile: FeedProfile
    private let format: RowFormat
    private let delimiter: UInt8
    private let chunkBytes: Int
    private let sizeBytes: Int
    private let chunkCount: Int

    /// nil when the file is packed, has another encoding, or no header at its beginning: a reader
    /// of the whole tells what is wrong.
    init?(
        _ file: borrowing InputFile, _ profile: FeedProfile, chunkBytes: Int, nowSeconds: Int64
    ) throws(FileLoadError) {
        guard let sizeBytes = file.sizeBytes else { return nil }
        let start = try Self.bytes(file, 0..<min(sizeBytes, 1 << 16))
        guard let header = Self.header(start, profile, nowSeconds) else { return nil }
        self.profile = profile
        self.chunkBytes = chunkBytes
        self.sizeBytes = sizeBytes
        format = header.format
        delimiter = header.delimiter
        chunkCount = (sizeBytes + chunkBytes - 1) / chunkBytes
    }

    private static func header(
        _ start: [UInt8], _ profile: FeedProfile, _ nowSeconds: Int64
    ) -> (format: RowFormat, delimiter: UInt8)? {
        let beginning = start.span.extracting(first: TextEncoding.startBytesMax)
        guard profile.encoding.encoding(of: beginning) == .utf8, !UnpackedFile.isPacked(start)
        else { return nil }
        var format: RowFormat?
        var isUnusable = false
        var reader = CSVReader(
            dialect: CSVDialect(delimiter: profile.delimiter), maxRowBytes: FileLoader.maxRowBytes)
        reader.read(start.span) { row in
            guard format == nil, !isUnusable else { return }
            do throws(HeaderError) {
                format = try RowFormat(header: row, profile, nowSeconds: nowSeconds)
            } catch {
                isUnusable = true
            }
        }
        guard let format, let delimiter = reader.delimiter else { return nil }
        return (format, delimiter)
    }

    private static func bytes(
        _ file: borrowing InputFile, _ range: Range<Int>
    ) throws(FileLoadError) -> [UInt8] {
        do {
            return try file.bytes(in: range)
        } catch {
            throw .file(error)
        }
    }

    /// Lends the facts of a few rows at each of `pieces` places. Where a quote is open there, they
    /// can be none, or wrong.
    func sample(
        _ file: borrowing InputFile, pieces: Int, _ body: (borrowing FactBuffer) -> Void
    ) throws(FileError) {
        let view = file.duplicate
        let source = FactBuffer.Source(
            file: 0, status: profile.status, feed: profile.id, isVoid: false)
        let chunk = Chunk(bytes: Self.sampleBytes)
        for piece in 0..<pieces {
            let start = try view.lineStart(after: piece * (sizeBytes / pieces))
            let text = try load(
                start..<min(start + Self.sampleBytes, max(sizeBytes, start)), chunk, view)
            chunk.removeAll()
            chunk.reader = CSVReader(
                delimiter: delimiter, offset: start, maxRowBytes: FileLoader.maxRowBytes)
            parse(text, chunk, source)
            body(chunk.facts)
        }
    }

    // MARK: Threads

    /// One chunk, and what was read of it. `@unchecked Sendable`: it is one thread's at a time,
    /// which the exchange of chunks under a lock makes sure of.
    private final class Chunk: @unchecked Sendable {
        var index = 0
        var text: UnsafeMutableRawBufferPointer
        var reader: CSVReader?
        // One thread has the chunk; to have that looked at for each row would cost a percent.
        @exclusivity(unchecked) var facts = FactBuffer(capacity: 1 << 20)
        var notes: [RowNote] = []
        var rows = 0
        var failure: FileError?

        init(bytes: Int) {
            text = .allocate(byteCount: bytes, alignment: 64)
        }

        deinit { text.deallocate() }

        func removeAll() {
            reader = nil
            facts.removeAll()
            notes.removeAll(keepingCapacity: true)
            rows = 0
            failure = nil
        }
    }

    private struct Exchange {
        var next = 0
        var taken = 0
        var isStopping = false
        var done: [Int: Chunk] = [:]
        var spare: [Chunk] = []
    }

    /// Reads the file; the header must have been the one that ``init`` saw.
    func read(
        _ file: borrowing InputFile, threads: Int, _ run: inout FileRun,
        _ onProgress: (_ bytesRead: Int, _ rows: Int) -> Void
    ) throws(FileLoadError) {
        run.report.unusedColumns = format.unusedTitles
        let source = run.source(profile)
        let exchange = Monitor(Exchange())
        let reading = file.duplicate
        let workers = (0..<threads).map { _ in
            OSThread {
                self.work(exchange, reading, source, ahead: threads * Self.chunksPerThread)
            }
        }
        var failure: FileLoadError?
        do throws(FileLoadError) {
            try take(exchange, file, source, &run, onProgress)
        } catch {
            failure = error
        }
        exchange.withLock { $0.isStopping = true }
        for worker in workers { worker.join() }
        if let failure { throw failure }
    }

    private func work(
        _ exchange: Monitor<Exchange>, _ file: FileView, _ source: FactBuffer.Source, ahead: Int
    ) {
        while true {
            let task: Chunk? =
                exchange.wait(timeoutMs: nil) { exchange -> Chunk?? in
                    if exchange.isStopping || exchange.next == chunkCount { return .some(nil) }
                    guard exchange.next < exchange.taken + ahead else { return nil }
                    let chunk =
                        exchange.spare.popLast() ?? Chunk(bytes: chunkBytes + chunkBytes / 4)
                    chunk.index = exchange.next
                    exchange.next += 1
                    return chunk
                } ?? nil
            guard let chunk = task else { return }
            chunk.removeAll()
            do throws(FileError) {
                let range = try bounds(chunk.index, file)
                let text = try load(range, chunk, file)
                chunk.reader = CSVReader(
                    delimiter: delimiter, offset: range.lowerBound,
                    maxRowBytes: FileLoader.maxRowBytes)
                if chunk.index == 0 {
                    chunk.reader = CSVReader(
                        dialect: CSVDialect(delimiter: delimiter),
                        maxRowBytes: FileLoader.maxRowBytes)
                }
                parse(text, chunk, source, hasHeader: chunk.index == 0)
            } catch {
                chunk.failure = error
            }
            exchange.withLock { $0.done[chunk.index] = chunk }
        }
    }

    /// Where a chunk begins and ends.
    private func bounds(_ index: Int, _ file: FileView) throws(FileError) -> Range<Int> {
        let start = index == 0 ? 0 : try file.lineStart(after: index * chunkBytes)
        let end =
            index + 1 == chunkCount
            ? sizeBytes : try file.lineStart(after: (index + 1) * chunkBytes)
        return min(start, end)..<end
    }

    private func load(
        _ range: Range<Int>, _ chunk: Chunk, _ file: FileView
    ) throws(FileError) -> UnsafeRawBufferPointer {
        if chunk.text.count < range.count {
            chunk.text.deallocate()
            chunk.text = .allocate(byteCount: range.count, alignment: 64)
        }
        let text = UnsafeMutableRawBufferPointer(rebasing: chunk.text[..<range.count])
        let count = try file.read(range, into: text)
        return UnsafeRawBufferPointer(rebasing: text[..<count])
    }

    /// Reads on with the chunk's reader.
    private func parse(
        _ text: UnsafeRawBufferPointer, _ chunk: Chunk, _ source: FactBuffer.Source,
        hasHeader: Bool = false, isLast: Bool = false
    ) {
        guard var reader = chunk.reader.take() else {
            preconditionFailure("a chunk is read by its reader")
        }
        var isHeader = hasHeader
        var rows = chunk.rows
        let rowReader = format.rows
        let take = { (row: borrowing CSVRow) in
            if isHeader {
                isHeader = false
                return
            }
            rows += 1
            let (problems, isReject) = rowReader.read(row, into: &chunk.facts, source)
            if !problems.isEmpty {
                chunk.notes.append(RowNote(row, problems, isReject: isReject))
            }
        }
        reader.read(text.assumingMemoryBound(to: UInt8.self).span, take)
        if isLast { reader.finish(take) }
        chunk.rows = rows
        chunk.reader = consume reader
    }

    // MARK: In order

    private func take(
        _ exchange: Monitor<Exchange>, _ file: borrowing InputFile, _ source: FactBuffer.Source,
        _ run: inout FileRun, _ onProgress: (Int, Int) -> Void
    ) throws(FileLoadError) {
        var line = 1
        // The chunk whose reader is within a row, and reads on.
        var open: Chunk?
        for index in 0..<chunkCount {
            let found: Chunk? = exchange.wait(timeoutMs: nil) { $0.done.removeValue(forKey: index) }
            guard let chunk = found else {
                preconditionFailure("a wait without a limit has a result")
            }
            if let failure = chunk.failure { throw .file(failure) }
            let isLast = index == chunkCount - 1
            let current = open ?? chunk
            if let open {
                let view = file.duplicate
                do throws(FileError) {
                    let text = try load(try bounds(index, view), chunk, view)
                    parse(text, open, source, isLast: isLast)
                } catch {
                    throw .file(error)
                }
            } else if isLast {
                let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
                parse(nothing, chunk, source, isLast: true)
            }
            try hand(current, firstLine: line, file, &run)
            let isBetweenRows = current.reader?.isBetweenRows ?? false
            if isBetweenRows {
                // Lines count from the first that the reader read.
                line += (current.reader?.nextLine ?? 1) - 1
                open = nil
            } else {
                open = current
            }
            exchange.withLock { exchange in
                exchange.taken = index + 1
                if open !== chunk { exchange.spare.append(chunk) }
                if isBetweenRows, current !== chunk { exchange.spare.append(current) }
            }
            onProgress(min((index + 1) * chunkBytes, sizeBytes), run.report.rows)
        }
    }

    /// Hands on what was read so far.
    private func hand(
        _ chunk: Chunk, firstLine: Int, _ file: borrowing InputFile, _ run: inout FileRun
    ) throws(FileLoadError) {
        for note in chunk.notes {
            let line = firstLine + note.line - 1
            let origin = RowOrigin(
                file: run.report.path, line: line, feed: "\(profile.id)", header: format.header)
            try run.note(note, at: line, origin, format, file)
        }
        try run.take(rows: chunk.rows, chunk.facts)
        chunk.notes.removeAll(keepingCapacity: true)
        chunk.facts.removeAll()
        chunk.rows = 0
    }
}
