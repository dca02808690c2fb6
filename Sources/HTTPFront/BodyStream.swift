import Dispatch
import Synchronization

// A streamed body on its way from a worker to a sink. The worker fills a piece while the sink's
// queue writes others. When so many wait that memory would fill, the worker leaves the bytes with
// libmicrohttpd and suspends the connection, until the queue has written a piece: then the kernel's
// buffers fill, and the client waits. So an upload takes at most `piecesMax` + 1 pieces of memory,
// however large it is and however slow the disk.

/// `@unchecked Sendable`: `filling` and `isEnded` are the worker's. What the worker and the queue
/// share is in `shared`.
final class BodyStream: @unchecked Sendable {
    /// What is written at a time.
    static let pieceBytes = 256 << 10
    /// Pieces that may wait to be written, the one that is being written among them.
    static let piecesMax = 2

    private struct Shared {
        var waitingPieces = 0
        /// The sink takes no more.
        var isDiscarding = false
        /// The connection, while it waits for room.
        var suspension: Suspension?
    }

    /// A piece on its way, since no closure can own a value that cannot be copied.
    private final class Piece: Sendable {
        let bytes: ByteBuffer

        init(_ bytes: consuming ByteBuffer) {
            self.bytes = bytes
        }
    }

    private let sink: BodySink
    private let places: StreamPlaces
    private let queue = DispatchQueue(label: "cardstatus.body")
    private let shared = Mutex(Shared())
    private var filling = ByteBuffer()
    private var isEnded = false

    /// Nil when as many bodies are streamed as may be; the sink is abandoned then.
    init?(to sink: BodySink, places: StreamPlaces) {
        guard places.take() else {
            sink.abandon()
            return nil
        }
        self.sink = sink
        self.places = places
    }

    deinit {
        places.giveBack()
    }

    enum Appended {
        case taken
        /// Nothing was taken; the connection has to be suspended and the bytes offered again.
        case full
        case outOfMemory
    }

    /// Takes bytes, all of them or none.
    func append(_ bytes: UnsafeRawBufferPointer) -> Appended {
        let (isFull, isDiscarding) = shared.withLock {
            ($0.waitingPieces >= Self.piecesMax, $0.isDiscarding)
        }
        if isDiscarding {
            filling.clear(keeping: 0)
            return .taken
        }
        if filling.count + bytes.count > Self.pieceBytes, !filling.isEmpty {
            if isFull { return .full }
            handOver()
        }
        guard let start = bytes.baseAddress else { return .taken }
        return filling.tryAppend(start, count: bytes.count) ? .taken : .outOfMemory
    }

    /// Resumes the suspended connection as soon as there is room.
    func wait(_ suspension: Suspension) {
        let hasRoom = shared.withLock { shared in
            if shared.waitingPieces < Self.piecesMax { return true }
            shared.suspension = suspension
            return false
        }
        if hasRoom { suspension.proceed() }
    }

    /// The body is complete; the sink answers.
    func finish(_ reply: DeferredReply) {
        isEnded = true
        if !filling.isEmpty { handOver() }
        queue.async { [sink] in sink.finish(reply) }
    }

    /// The body does not go on, unless it has ended.
    func abandon() {
        guard !isEnded else { return }
        isEnded = true
        filling.clear(keeping: 0)
        queue.async { [sink] in sink.abandon() }
    }

    private func handOver() {
        var bytes = ByteBuffer()
        swap(&bytes, &filling)
        let piece = Piece(bytes)
        shared.withLock { $0.waitingPieces += 1 }
        queue.async { [self] in write(piece) }
    }

    private func write(_ piece: Piece) {
        let isDiscarding = shared.withLock { $0.isDiscarding }
        let wantsMore = !isDiscarding && sink.write(UnsafeRawBufferPointer(piece.bytes.bytes))
        let suspension = shared.withLock { shared in
            shared.waitingPieces -= 1
            shared.isDiscarding = !wantsMore
            defer { shared.suspension = nil }
            return shared.suspension
        }
        suspension?.proceed()
    }
}

/// How many bodies a server streams at a time: each may hold a thread and some pieces of memory.
final class StreamPlaces: Sendable {
    private let limit: Int
    private let taken = Atomic<Int>(0)

    init(limit: Int) {
        self.limit = limit
    }

    func take() -> Bool {
        if taken.add(1, ordering: .relaxed).newValue <= limit { return true }
        giveBack()
        return false
    }

    var areTaken: Bool { taken.load(ordering: .acquiring) > 0 }

    func giveBack() {
        taken.subtract(1, ordering: .releasing)
    }
}
