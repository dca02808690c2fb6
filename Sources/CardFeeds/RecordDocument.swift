internal import ExpatKit
internal import JSONStream

/// One record of a document of JSON or XML: what it says at the places that somebody asks for.
struct SourceRecord {
    /// From 1, in its document.
    let number: Int
    /// By the order of the places; nil where nothing is, or null.
    var fields: [[UInt8]?]
    /// Why nothing could be read of it.
    var problem: RowProblem?
    /// Its bytes, when there is a problem; of a long one the beginning.
    var bytes: [UInt8] = []
    /// What it has, of the first record, for people.
    var names: [String] = []
}

/// Reads the records of a document, however long: what is held is one record.
struct RecordDocument {
    /// The longest record that is read; longer ones are rejected, as rows are.
    static let maxRecordBytes = FileLoader.maxRowBytes
    /// Places in a record.
    static let fieldsMax = JSONFields.pathsMax
    private static let pieceBytes = 1 << 18
    /// Names that are shown of a record.
    static let shownNamesMax = 30

    let format: FeedProfile.Format
    /// Where the records are.
    let records: String
    /// Places in each record.
    let fields: [String]
    /// Places of scalars beside the records.
    let values: [String]

    typealias Take = (SourceRecord) throws(FileLoadError) -> Void

    /// - Returns: the values beside the records.
    func read(
        _ input: inout UnpackedFile, called name: String, onRecord: Take,
        onPiece: (borrowing UnpackedFile) throws(FileLoadError) -> Void
    ) throws(FileLoadError) -> [String?] {
        do {
            switch format {
            case .json: return try readJSON(&input, onRecord, onPiece)
            case .xml: return try readXML(&input, onRecord, onPiece)
            case .csv: preconditionFailure("rows have readers of their own")
            }
        } catch let error as FileLoadError {
            throw error
        } catch let error as FileError {
            throw .file(error)
        } catch {
            let kind = format == .json ? "JSON" : "XML"
            throw .document(path: name, "it is not the \(kind) that the feed has: \(error)")
        }
    }

    private func forEachPiece(
        _ input: inout UnpackedFile,
        _ onPiece: (borrowing UnpackedFile) throws(FileLoadError) -> Void,
        _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.pieceBytes, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try input.read(into: buffer)
            if count == 0 { return }
            try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            try onPiece(input)
        }
    }

    // MARK: JSON

    private func readJSON(
        _ input: inout UnpackedFile, _ onRecord: Take,
        _ onPiece: (borrowing UnpackedFile) throws(FileLoadError) -> Void
    ) throws -> [String?] {
        var splitter = JSONSplitter(
            records: JSONPath(records), values: values.map { JSONPath($0) },
            maxRecordBytes: Self.maxRecordBytes)
        let reader = JSONFields(fields.map { JSONPath($0) })
        try forEachPiece(&input, onPiece) { piece in
            try splitter.read(piece.assumingMemoryBound(to: UInt8.self).span) { record in
                try onRecord(Self.record(record, reader))
            }
        }
        try splitter.finish()
        return splitter.values
    }

    private static func record(
        _ record: borrowing JSONSplitter.Record, _ reader: JSONFields
    ) -> SourceRecord {
        var result = SourceRecord(number: record.number, fields: [])
        if record.isTooLong {
            result.problem = tooLong
            result.bytes = Array(record.bytes)
            return result
        }
        do throws(JSONProblem) {
            result.fields = try reader.read(record.bytes).map { field in
                switch field {
                case .absent: nil
                case .text(let text), .structure(let text): text
                }
            }
            if record.number == 1 {
                result.names = try JSONFields.names(of: record.bytes)
            }
        } catch {
            result.problem = RowProblem(
                code: "record_malformed", column: nil, message: "the record is no JSON: \(error)")
            result.bytes = Array(record.bytes)
        }
        return result
    }

    private static let tooLong = RowProblem(
        code: "record_too_long", column: nil,
        message: "the record is longer than \(maxRecordBytes) bytes")

    // MARK: XML

    private func readXML(
        _ input: inout UnpackedFile, _ onRecord: Take,
        _ onPiece: (borrowing UnpackedFile) throws(FileLoadError) -> Void
    ) throws -> [String?] {
        let state = XMLRecords(records: records, fields: fields, values: values)
        // The handlers escape into the reader, which ends before this does.
        return try withoutActuallyEscaping(onRecord) { onRecord in
            let reader = XMLReader(
                .init(
                    start: { try state.start($0, $1) },
                    end: { _ in
                        guard let record = state.end() else { return }
                        try onRecord(record)
                    }, text: { state.text($0) }))
            try forEachPiece(&input, onPiece) { try reader.read($0) }
            try reader.finish()
            if let problem = state.missing { throw reader.problem(problem) }
            return state.values
        }
    }

    /// The records of a document of XML, found by the names of the elements that are open.
    private final class XMLRecords {
        /// The names of a path from the outside inwards, and an attribute's at its end.
        private struct Path {
            let elements: [String]
            let attribute: String?

            init(_ text: String) {
                var names = text.split(separator: "/").map(String.init).filter { $0 != "." }
                if let last = names.last, last.hasPrefix("@") {
                    attribute = String(last.dropFirst())
                    names.removeLast()
                } else {
                    attribute = nil
                }
                elements = names
            }
        }

        /// A longer value is none.
        private static let valueBytesMax = 8_192

        private let records: [String]
        private let fields: [Path]
        private let valuePaths: [Path]
        private(set) var values: [String?]
        /// Values whose element has come: of elements with one name the first counts.
        private var hasValue: [Bool]
        /// All that are open; a name is without its prefix.
        private var open: [String] = []
        private var hasParent = false
        private var root = ""
        private var count = 0
        private var record: SourceRecord?
        private var recordBytes = 0
        /// Places whose text the open element is.
        private var textFields: [[Int]] = []
        private var textValues: [[Int]] = []

        init(records: String, fields: [String], values: [String]) {
            self.records = Path(records).elements
            self.fields = fields.map { Path($0) }
            valuePaths = values.map { Path($0) }
            self.values = [String?](repeating: nil, count: values.count)
            hasValue = [Bool](repeating: false, count: values.count)
        }

        /// Why there can be no records.
        var missing: String? {
            hasParent
                ? nil
                : "there is no element '\(records.dropLast().joined(separator: "/"))' for records;"
                    + " the document's is '\(root)'"
        }

        func start(_ name: String, _ attributes: [(name: String, value: String)]) throws {
            open.append(Self.local(name))
            if open.count == 1 { root = open[0] }
            if open.elementsEqual(records.dropLast()) || records.count == 1 { hasParent = true }
            textValues.append(
                valuePaths.indices.filter { index in
                    guard valuePaths[index].elements == open, !hasValue[index] else {
                        return false
                    }
                    let attribute = valuePaths[index].attribute
                    values[index] = attribute.map { Self.value($0, attributes) } ?? ""
                    hasValue[index] = values[index] != nil
                    return attribute == nil
                })
            if record == nil, open == records {
                count += 1
                record = SourceRecord(
                    number: count, fields: [[UInt8]?](repeating: nil, count: fields.count))
                recordBytes = 0
            }
            guard record != nil else { return textFields.append([]) }
            note(attributes)
            let inside = open.dropFirst(records.count)
            textFields.append(
                fields.indices.filter { index in
                    guard fields[index].elements.elementsEqual(inside) else { return false }
                    guard let wanted = fields[index].attribute else {
                        // Of elements with one name the first counts.
                        return isOpen(index)
                    }
                    if isOpen(index), let value = Self.value(wanted, attributes) {
                        keep(Array(value.utf8)[...], index)
                    }
                    return false
                })
            for index in textFields[textFields.count - 1] { record?.fields[index] = [] }
        }

        /// Whether nothing was found for a field yet.
        private func isOpen(_ index: Int) -> Bool {
            guard let record else { return false }
            return record.fields[index] == nil
        }

        /// What the first record has, for people.
        private func note(_ attributes: [(name: String, value: String)]) {
            guard count == 1, let names = record?.names, names.count < RecordDocument.shownNamesMax
            else { return }
            let inside = open.dropFirst(records.count).joined(separator: "/")
            let prefix = inside.isEmpty ? "" : inside + "/"
            record?.names += (inside.isEmpty ? [] : [inside])
            record?.names += attributes.map { prefix + "@" + $0.name }
        }

        func text(_ bytes: UnsafeRawBufferPointer) {
            for index in textFields.last ?? [] { keep(Array(bytes)[...], index) }
            for index in textValues.last ?? [] {
                guard let value = values[index] else { continue }
                let isTooLong = value.utf8.count + bytes.count > Self.valueBytesMax
                values[index] = isTooLong ? nil : value + String(decoding: bytes, as: UTF8.self)
            }
        }

        /// Ends an element; gives the record that ends with it.
        func end() -> SourceRecord? {
            let isRecord = record != nil && open.count == records.count
            open.removeLast()
            textFields.removeLast()
            for index in textValues.removeLast() {
                values[index] = values[index]?.trimmed
            }
            guard isRecord else { return nil }
            defer { record = nil }
            guard var ended = record else { return nil }
            if recordBytes > RecordDocument.maxRecordBytes {
                ended.problem = RecordDocument.tooLong
            }
            return ended
        }

        private func keep(_ bytes: ArraySlice<UInt8>, _ index: Int) {
            recordBytes += bytes.count
            guard recordBytes <= RecordDocument.maxRecordBytes else { return }
            record?.fields[index, default: []].append(contentsOf: bytes)
        }

        private static func local(_ name: String) -> String {
            name.split(separator: ":").last.map(String.init) ?? name
        }

        private static func value(
            _ name: String, _ attributes: [(name: String, value: String)]
        ) -> String? {
            attributes.first { $0.name == name || local($0.name) == name }?.value
        }
    }
}

extension Array where Element == [UInt8]? {
    fileprivate subscript(index: Int, default fallback: [UInt8]) -> [UInt8] {
        get { self[index] ?? fallback }
        set { self[index] = newValue }
    }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
