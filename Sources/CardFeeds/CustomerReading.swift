internal import CardModel
internal import CardService
internal import CardStore

/// The reading of one pull's documents as all customers that there are.
///
/// They go into a set that nobody sees, which takes the place of the one that is shown when the
/// pull has come to its end, and only then. A record that is rejected costs nobody anything: its
/// customer, if it says who that is, stays as they were.
final class CustomerReading: RunReading {
    /// Customers of one transaction: a hundredth of a second or so.
    private static let batchMax = 500

    private let work: RunWork
    private let reader: CustomerReader
    private let document: RecordDocument
    private let problemFiles: ProblemFiles
    private let header: [UInt8]
    private var set: CustomerSet?
    private var customers: [Customer] = []
    private var kept: [CustomerID] = []
    private var counts = CustomerCounts()
    private(set) var totals = StoredRun.Totals()
    private(set) var note: String?

    var pages: Int {
        get { totals.pages }
        set { totals.pages = newValue }
    }

    init(_ work: RunWork, run: UInt64, values: [String]) {
        self.work = work
        reader = CustomerReader(work.profile)
        document = RecordDocument(
            format: work.profile.format, records: work.profile.records, fields: reader.places,
            values: values)
        problemFiles = ProblemFiles(
            directory: work.directories.problems, runName: RunDirectories.runName(run),
            sourcePath: "\(work.profile.id)")
        header = Array(CustomerField.allCases.map(\.rawValue).joined(separator: ",").utf8)
    }

    func read(
        _ path: String, called name: String, values: [String]
    ) throws -> (records: Int, values: [String?]) {
        var input = UnpackedFile(
            try InputFile(path: path, called: name), unpackedBytesMax: RunLimits.unpackedBytesMax)
        var records = 0
        defer { totals.bytes += input.bytesRead }
        let found = try document.read(&input, called: name) {
            (record) throws(FileLoadError) in
            records += 1
            try take(record, name)
        } onPiece: { (_) throws(FileLoadError) in
            if work.shouldStop() { throw .stopped(path: name) }
            work.onProgress(totals)
        }
        return (records, found)
    }

    private func take(_ record: SourceRecord, _ name: String) throws(FileLoadError) {
        totals.rows += 1
        let values = reader.values(of: record)
        let reading =
            record.problem.map { CustomerReader.Reading(problems: [$0]) } ?? reader.read(values)
        if totals.rows == 1, record.problem == nil { lookForID(record, values) }
        let row = record.problem == nil ? Self.row(values) : record.bytes
        for problem in reading.problems {
            try noteProblem(
                problem,
                RowOrigin(
                    file: name, line: record.number, feed: "\(work.profile.id)", header: header),
                row, isReject: reading.customer == nil)
        }
        if let customer = reading.customer {
            customers.append(customer)
        } else if let id = reading.id {
            kept.append(id)
        }
        if customers.count + kept.count >= Self.batchMax {
            do {
                try add()
            } catch {
                throw .store(path: name, "\(error)")
            }
        }
    }

    private func noteProblem(
        _ problem: RowProblem, _ origin: RowOrigin, _ row: [UInt8], isReject: Bool
    ) throws(FileLoadError) {
        do throws(FileError) {
            if isReject {
                totals.rejects += 1
                totals.rejectsByReason[problem.code, default: 0] += 1
                try problemFiles.rejects.append(problem, origin, row, hiding: .likely)
            } else {
                totals.warnings += 1
                totals.warningsByReason[problem.code, default: 0] += 1
                try problemFiles.warnings.append(problem, origin, row, hiding: .likely)
            }
        } catch {
            throw .file(error)
        }
    }

    /// Where the first record does not say whom it is about, the feed's paths are more often wrong
    /// than the record.
    private func lookForID(_ record: SourceRecord, _ values: [[UInt8]?]) {
        guard values[0] == nil else { return }
        let paths = (work.profile.customerFields[.customerID] ?? []).map { "'\($0)'" }
        let names = record.names.prefix(RecordDocument.shownNamesMax).map { name in
            "'\(ShownText.make(Array(name.utf8), scalarsMax: 40))'"
        }
        note =
            "the first record has no customer_id (\(paths.joined(separator: " or ")));"
            + " it has \(names.isEmpty ? "nothing" : names.joined(separator: ", "))"
    }

    /// The record's values as a row below ``header``.
    private static func row(_ values: [[UInt8]?]) -> [UInt8] {
        var row: [UInt8] = []
        for (number, value) in values.enumerated() {
            if number > 0 { row.append(UInt8(ascii: ",")) }
            row.append(UInt8(ascii: "\""))
            for byte in value ?? [] {
                if byte == UInt8(ascii: "\"") { row.append(byte) }
                row.append(byte)
            }
            row.append(UInt8(ascii: "\""))
        }
        return row
    }

    // MARK: The set

    /// Brings what is gathered into the set.
    private func add() throws(WriteError) {
        let set = try begun()
        let (customers, kept) = (customers, kept)
        guard !customers.isEmpty || !kept.isEmpty else { return }
        let added = try work.writer.perform { try $0.add(customers, keeping: kept, to: set) }
        counts.add(added)
        totals.counts.accepted = counts.new + counts.changed
        totals.counts.duplicates = counts.unchanged + counts.repeated
        self.customers.removeAll(keepingCapacity: true)
        self.kept.removeAll(keepingCapacity: true)
    }

    private func begun() throws(WriteError) -> CustomerSet {
        if let set { return set }
        let begun = try work.writer.perform { try $0.beginCustomers() }
        set = begun
        return begun
    }

    /// Shows what was read: all of the pull has come.
    ///
    /// - Returns: what became of the customers, for people.
    func show() throws -> String {
        try add()
        let (set, counts) = (try begun(), counts)
        self.counts.removed = try work.writer.perform { try $0.show(set, counts) }
        var parts = [
            "\(counts.new) new", "\(counts.changed) changed", "\(counts.unchanged) unchanged",
            "\(self.counts.removed) removed",
        ]
        if counts.kept > 0 {
            parts.append("\(counts.kept) rejected and left as they were")
        }
        if counts.erased > 0 { parts.append("\(counts.erased) erased and left out") }
        if counts.repeated > 0 { parts.append("\(counts.repeated) sent again") }
        return "customers: \(parts.joined(separator: ", "))"
    }

    /// Makes the rejects durable, and removes the set that is not shown, be it this one or the one
    /// before.
    func finish() throws {
        try problemFiles.close()
        guard set != nil else { return }
        while try work.writer.perform({ try $0.removeOldCustomers() }) {}
    }

    var rejectsFiles: [RejectsFile] { problemFiles.files }
}
