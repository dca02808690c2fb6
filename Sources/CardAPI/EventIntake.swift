internal import CardModel
internal import CardService
internal import Dispatch
internal import Glibc
internal import HTTPFront
internal import Synchronization

// A write on its way from the worker to the writer. A small one is read on the worker, where it
// takes less time than handing it over. A large one takes milliseconds, which look-ups on the same
// worker would wait for, so it is read on a queue of its own. Either way the answer comes when the
// writer has committed it and the index has it.

/// Reads writes, hands them to the writer and answers them.
final class EventIntake: Sendable {
    /// Bodies up to this size are read on the worker.
    static let onWorkerBytesMax = 16 << 10
    /// Bodies that may wait to be read, all together.
    static let waitingBytesMax = 64 << 20
    /// After which a client hears 503, and does not know whether its write happens.
    static let timeoutMs = 60_000

    private let service: CardService
    private let onProblem: @Sendable (Route, any Error) -> Void
    private let queue = DispatchQueue(label: "cardstatus.events")
    private let waitingBytes = Atomic<Int>(0)

    init(service: CardService, onProblem: @escaping @Sendable (Route, any Error) -> Void) {
        self.service = service
        self.onProblem = onProblem
    }

    /// A body on its way to the queue, since no closure can own a value that cannot be copied.
    private final class Body: Sendable {
        let bytes: ByteBuffer

        init(_ bytes: consuming ByteBuffer) {
            self.bytes = bytes
        }
    }

    /// - Returns: false when there is too much to do; the request is to be answered then.
    func take(
        _ purpose: EventReader.Purpose, feed: ReportedFeed, region: PhoneRegion,
        _ note: AuditNote?, _ request: borrowing Request, _ reply: inout Reply
    ) -> Bool {
        let count = request.body.count
        if count <= Self.onWorkerBytesMax {
            switch Self.read(request.body.span, purpose, feed, region) {
            case .refused(let problem):
                problem.write(to: &reply)
            case .events(let reader):
                guard let later = request.deferReply(timeoutMs: Self.timeoutMs) else {
                    return false
                }
                submit(reader, purpose, note, later)
            }
            return true
        }
        guard waitingBytes.add(count, ordering: .relaxed).newValue <= Self.waitingBytesMax,
            let later = request.deferReply(timeoutMs: Self.timeoutMs)
        else {
            waitingBytes.subtract(count, ordering: .relaxed)
            return false
        }
        let body = Body(request.takeBody())
        queue.async { [self] in
            let reading = Self.read(body.bytes.bytes.span, purpose, feed, region)
            waitingBytes.subtract(count, ordering: .relaxed)
            switch reading {
            case .refused(let problem): later.answer { problem.write(to: &$0) }
            case .events(let reader): submit(reader, purpose, note, later)
            }
        }
        return true
    }

    private enum Reading {
        /// All of them may be written.
        case events(EventReader)
        case refused(Problem)
    }

    private static func read(
        _ text: Span<UInt8>, _ purpose: EventReader.Purpose, _ feed: ReportedFeed,
        _ region: PhoneRegion
    ) -> Reading {
        var reader = EventReader(
            purpose, feed: feed, region: region, nowSeconds: Int64(Glibc.time(nil)))
        do throws(EventsError) {
            try reader.read(text)
        } catch {
            return .refused(Problem(error))
        }
        if reader.problems.count > 0 { return .refused(.invalidItems(reader.problems)) }
        return .events(reader)
    }

    private func submit(
        _ reader: EventReader, _ purpose: EventReader.Purpose, _ note: AuditNote?,
        _ later: DeferredReply
    ) {
        let warnings = reader.warnings
        let note = note?.naming(reader)
        do throws(WriteError) {
            try service.writer.submit(reader.facts) { [self] result in
                switch result {
                case .success(let receipt):
                    later.answer(noting: note?.naming(receipt)) {
                        Self.append(receipt, warnings, to: &$0)
                    }
                case .failure(let error):
                    fail(error, purpose, note, later)
                }
            }
        } catch {
            fail(error, purpose, note, later)
        }
    }

    private func fail(
        _ error: WriteError, _ purpose: EventReader.Purpose, _ note: AuditNote?,
        _ later: DeferredReply
    ) {
        if case .store(let error) = error {
            onProblem(purpose == .add ? .addEvents : .voidEvents, error)
        }
        later.answer(noting: note) { Problem(error).write(to: &$0) }
    }

    private static func append(
        _ receipt: CardWriter.Receipt, _ warnings: ItemProblems, to reply: inout Reply
    ) {
        let counts = receipt.counts
        reply.status = counts.accepted > 0 ? 201 : 200
        reply.contentType = "application/json"
        reply.body.object { json in
            json.member("sequence", Int(clamping: receipt.sequence))
            json.member("accepted", counts.accepted)
            json.member("duplicates", counts.duplicates)
            json.member("beyond_limit", counts.beyondLimit)
            json.object("warnings") { warnings.append(to: &$0) }
        }
    }
}

extension AuditNote {
    /// With the cards that are written to, each once.
    fileprivate func naming(_ reader: EventReader) -> AuditNote {
        var note = self
        let cards = reader.facts.map(\.card)
        note.entry.cards = cards.count < 2 ? cards : Set(cards).sorted()
        return note
    }

    fileprivate func naming(_ receipt: CardWriter.Receipt) -> AuditNote {
        var note = self
        let counts = receipt.counts
        note.entry.detail =
            "\(counts.accepted) accepted, \(counts.duplicates) known, "
            + "\(counts.beyondLimit) beyond the limit"
        return note
    }
}

extension ItemProblems {
    /// Appends the members: how many there are, and the first of them.
    func append(to json: inout ByteBuffer) {
        json.member("count", count)
        json.array("first", of: listed) { problem, json in
            json.member("index", problem.index)
            json.member("field", problem.field)
            json.member("reason", problem.reason)
        }
    }
}
