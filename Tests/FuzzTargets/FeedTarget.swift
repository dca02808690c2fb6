internal import CardBulk
internal import CardFeeds
internal import CardModel
internal import CardStore
internal import CardTesting
internal import Foundation
internal import JSONStream

/// Any file of any feed is read, row by row, into facts and rejects: as much of it in chunks as in
/// one piece; and rejects that nobody has mended are rejected again.
enum FeedTarget {
    private static let documents = """
        feeds:
          - id: json
            status: delivered
            region: AE
            time_zone: Asia/Dubai
            format: json
            records: data
            columns:
              card_id: [id, card.id]
              occurred_at: at
              phone: phones.0
              comment: note
              reference: ref
          - id: xml
            status: picked_up
            region: AE
            time_zone: Asia/Dubai
            format: xml
            records: x/y
            columns: {card_id: ["@id", card], occurred_at: at, phone: who/phone, comment: note}
        """

    private struct Shared {
        let feeds: [FeedSet]
        let directory: ScratchDirectory
        let profiles: [FeedProfile]
    }

    private static let shared: Shared = {
        do {
            let feeds = [
                try Configuration.builtIn().feeds,
                try Configuration(yaml: documents, source: "fuzz").feeds,
            ]
            return Shared(
                feeds: feeds, directory: try ScratchDirectory(),
                profiles: feeds.flatMap(\.profiles))
        } catch {
            preconditionFailure("the feeds are right: \(error)")
        }
    }()

    private final class Sink: FactSink {
        var facts: [CardFact] = []

        func add(_ buffer: borrowing FactBuffer) throws(BulkError) { facts += buffer.cardFacts }
    }

    private struct Outcome: Equatable {
        var facts: [CardFact]
        var rows = 0
        var rejects: [String: Int] = [:]
        var warnings: [String: Int] = [:]
        var shown: [String] = []
        var failure: String?
        var rejectsPath: String?

        init(_ facts: [CardFact], _ result: Result<FileReport, FileLoadError>) {
            self.facts = facts
            switch result {
            case .failure(let error): failure = "\(error)"
            case .success(let report):
                rows = report.rows
                rejects = report.rejectsByReason
                warnings = report.warningsByReason
                shown = report.shown.map {
                    "\($0.line) \($0.origin ?? "") \($0.isReject) \($0.problem)"
                }
                rejectsPath = report.rejectsPath
                precondition(report.rows == facts.count + report.rejects, "a row is lost")
                precondition(report.rejects == rejects.values.reduce(0, +), "a reject is lost")
                precondition(
                    (report.rejectsPath == nil) == (report.rejects == 0), "rejects are in a file")
            }
        }
    }

    @Sendable static func run(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let profile = input.choice(of: shared.profiles)
        let chunkBytes = input.choice(of: [16, 64, 300])
        do {
            let path = try shared.directory.write(input.rest, to: "input")
            let whole = load(path, profile, chunkBytes: 1 << 20)
            if profile.format == .csv {
                var chunked = load(path, profile, chunkBytes: chunkBytes)
                chunked.rejectsPath = whole.rejectsPath
                precondition(chunked == whole, "the chunks changed the rows")
            }
            if let rejects = whole.rejectsPath { loadAgain(rejects, profile) }
            try FileManager.default.removeItem(atPath: problems)
        } catch let error as CocoaError where error.code == .fileNoSuchFile {
            // No file of problems was made.
        } catch {
            preconditionFailure("the file system fails: \(error)")
        }
    }

    private static var problems: String { shared.directory.file("problems") }

    private static func load(
        _ path: String, _ profile: FeedProfile, chunkBytes: Int
    ) -> Outcome {
        let sink = Sink()
        let loader = loader(sink, chunkBytes: chunkBytes)
        let result = Result { () throws(FileLoadError) in try loader.load(path, as: profile) }
        return Outcome(sink.facts, result)
    }

    private static func loader(_ sink: Sink, chunkBytes: Int = 1 << 20) -> FileLoader {
        FileLoader(
            collector: sink, threads: 1, chunkBytes: chunkBytes, problemDirectory: problems,
            runName: "run", nowSeconds: 1_700_000_000)
    }

    private static func loadAgain(_ path: String, _ profile: FeedProfile) {
        precondition(FileLoader.holdsProblems(path), "rejects are known by their header")
        let sink = Sink()
        do throws(FileLoadError) {
            for feeds in shared.feeds where feeds.profiles.contains(where: { $0.id == profile.id })
            {
                let report = try loader(sink).loadMended(path, feeds)
                precondition(report.rejects > 0, "rejects are in the file")
            }
        } catch {
            preconditionFailure("rejects cannot be read: \(error)")
        }
        precondition(sink.facts.isEmpty, "a row is rejected once and accepted once")
    }
}

/// A customer's record becomes a customer that is stored and read as the same one, or is rejected.
enum CustomersTarget {
    private static let reader: CustomerReader = {
        let yaml = """
            feeds:
              - id: customers
                kind: customers
                region: AE
                time_zone: Asia/Dubai
                pull: {url: "http://127.0.0.1:1/"}
            """
        do {
            let feeds = try Configuration(yaml: yaml, source: "fuzz").feeds
            return CustomerReader(try feeds.profile(named: "customers"))
        } catch {
            preconditionFailure("the feed is right: \(error)")
        }
    }()

    private static let fields = JSONFields(reader.places.map { JSONPath($0) })

    @Sendable static func run(_ bytes: [UInt8]) {
        let values: [[UInt8]?]
        do throws(JSONProblem) {
            // Each field has one place, so that the fields are the values.
            values = try fields.read(bytes.span).map { field in
                switch field {
                case .absent: nil
                case .text(let text), .structure(let text): text
                }
            }
        } catch {
            return
        }
        let reading = reader.read(values)
        guard let customer = reading.customer else {
            precondition(!reading.problems.isEmpty, "a record is rejected for a reason")
            return
        }
        precondition(reading.id == customer.id, "the record is about another customer")
        precondition(
            reading.problems.allSatisfy { $0.column == CustomerField.phone.rawValue },
            "a phone never rejects, and nothing else only warns")
        let payload = customer.payload
        precondition(
            Customer(customer.id, payload: payload.span.bytes) == customer,
            "a stored customer is another one")
    }
}
