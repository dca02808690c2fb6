internal import ExpatKit
internal import JSONStream

/// The records of a JSON document do not depend on how its bytes are cut, and their fields are read
/// or refused.
enum JSONTarget {
    private struct Record: Equatable {
        let number: Int
        /// Nil of one that is too long: how much is shown of it depends on the cuts.
        let bytes: [UInt8]?
    }

    private struct Outcome: Equatable {
        var records: [Record] = []
        var values: [String?] = []
        var problem: JSONProblem?
    }

    private static let paths = ["id", "a.b", "a.0", "0", "a.b.c", ""].map { JSONPath($0) }
    private static let values = ["total", "meta.next"].map { JSONPath($0) }

    @Sendable static func run(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let records = input.choice(of: ["", "data", "data.items", "0"])
        let maxRecordBytes = input.choice(of: [1 << 20, 1, 7, 64])
        let size = input.byte() + 1
        let text = input.rest
        let whole = read(text, max(text.count, 1), records, maxRecordBytes)
        precondition(
            whole == read(text, size, records, maxRecordBytes), "the cuts changed the records")
        for record in whole.records {
            if let bytes = record.bytes { readFields(bytes) }
        }
    }

    private static func read(
        _ text: [UInt8], _ size: Int, _ records: String, _ maxRecordBytes: Int
    ) -> Outcome {
        var splitter = JSONSplitter(
            records: JSONPath(records), values: values, maxRecordBytes: maxRecordBytes)
        var outcome = Outcome()
        do {
            for start in stride(from: 0, to: text.count, by: size) {
                let chunk = Array(text[start..<min(start + size, text.count)])
                try chunk.withExactBytes { chunk in
                    try splitter.read(chunk.span) { record in
                        let bytes = record.bytes.withUnsafeBufferPointer { Array($0) }
                        outcome.records.append(
                            Record(
                                number: record.number, bytes: record.isTooLong ? nil : bytes))
                    }
                }
            }
            try splitter.finish()
        } catch let problem as JSONProblem {
            outcome.problem = problem
        } catch {
            preconditionFailure("reading JSON fails with \(error)")
        }
        outcome.values = splitter.values
        return outcome
    }

    /// What is handed out as it is written is itself the value that it was taken for.
    private static func readFields(_ record: [UInt8]) {
        record.withExactBytes { record in
            do throws(JSONProblem) {
                let fields = try JSONFields(paths).read(record.span)
                precondition(fields.count == paths.count, "a field is missing")
                for case .structure(let bytes) in fields {
                    let again = try JSONFields([JSONPath("")]).read(bytes.span)
                    precondition(again == [.structure(bytes)], "a part of JSON is none")
                }
                _ = try JSONFields.names(of: record.span)
            } catch {
                precondition(!"\(error)".isEmpty, "an error says something")
            }
        }
    }
}

/// What an XML document says does not depend on how its bytes are cut, its elements end as they
/// began, and none lies deeper than it may.
enum XMLTarget {
    private enum Event: Equatable {
        case start(String, [String])
        case end(String)
        case text([UInt8])
    }

    private struct Outcome: Equatable {
        var events: [Event] = []
        var isRefused = false
    }

    private struct HandlerError: Error {}

    @Sendable static func run(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let size = input.byte() + 1
        // A handler may throw, which ends the reading.
        let eventsMax = input.choice(of: [Int.max, 1, 3])
        let text = input.rest
        let whole = read(text, max(text.count, 1), eventsMax)
        let cut = read(text, size, eventsMax)
        precondition(whole.isRefused == cut.isRefused, "the cuts changed the outcome")
        if !whole.isRefused {
            precondition(whole.events == cut.events, "the cuts changed the events")
        }
        check(whole)
    }

    private static func read(_ text: [UInt8], _ size: Int, _ eventsMax: Int) -> Outcome {
        var outcome = Outcome()
        func append(_ event: Event) throws {
            // Text comes in any number of pieces.
            if case .text(let bytes) = event, case .text(let before)? = outcome.events.last {
                outcome.events[outcome.events.count - 1] = .text(before + bytes)
            } else {
                guard outcome.events.count < eventsMax else { throw HandlerError() }
                outcome.events.append(event)
            }
        }
        do {
            try withoutActuallyEscaping(append) { append in
                let reader = XMLReader(
                    .init(
                        start: { name, attributes in
                            try append(.start(name, attributes.flatMap { [$0.name, $0.value] }))
                        },
                        end: { try append(.end($0)) },
                        text: { try append(.text(Array($0))) }))
                for start in stride(from: 0, to: text.count, by: size) {
                    let chunk = Array(text[start..<min(start + size, text.count)])
                    try chunk.withExactBytes { try reader.read(UnsafeRawBufferPointer($0)) }
                }
                try reader.finish()
            }
        } catch {
            precondition(
                (error as? XMLProblem).map { $0.line > 0 && $0.column > 0 && !$0.what.isEmpty }
                    ?? (error is HandlerError), "an error says where it is")
            outcome.isRefused = true
        }
        return outcome
    }

    private static func check(_ outcome: Outcome) {
        var open: [String] = []
        for event in outcome.events {
            switch event {
            case .start(let name, _): open.append(name)
            case .end(let name):
                precondition(open.popLast() == name, "an element ends that is not open")
            case .text(let bytes):
                precondition(!open.isEmpty, "text stands in an element")
                precondition(String(validating: bytes, as: UTF8.self) != nil, "text is UTF-8")
            }
            precondition(open.count <= XMLReader.depthMax, "elements lie too deep")
        }
        precondition(outcome.isRefused || open.isEmpty, "an element does not end")
    }
}
