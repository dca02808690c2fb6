internal import CardModel
internal import Glibc
public import HTTPFront
internal import Synchronization

/// The latest requests that took long, and the slowest of each route. It has routes instead of
/// paths, and sizes instead of what was asked and answered, so there is no personal data in it.
///
/// Telling it of a request takes a lock, for which only slow requests wait.
public final class SlowLog: Sendable {
    /// A request, and how many slow ones there were before it.
    struct Entry: Sendable {
        let number: Int
        let secondsSince1970: Int
        let request: SlowRequest
    }

    struct Worst: Sendable {
        var entry: Entry
        /// Slow requests of the route.
        var count: Int
    }

    struct Contents: Sendable {
        /// Slow requests since the start or the last reset.
        var count = 0
        /// The latest ones, by their number modulo the log's length.
        var latest: [Entry] = []
        var worst: [Int: Worst] = [:]
    }

    public let thresholdMicros: Int
    public let length: Int
    private let contents = Mutex(Contents())

    /// - Parameter length: requests that are kept beside the slowest of each route.
    public init(thresholdMicros: Int, length: Int) {
        precondition(thresholdMicros > 0 && length > 0, "a log that is off is not made")
        self.thresholdMicros = thresholdMicros
        self.length = length
    }

    /// Notes a request. One that waits for changes, as it was asked to, is slow only for what it
    /// took besides.
    public func note(_ request: SlowRequest) {
        if request.routeTag == Route.changes.rawValue, let waited = request.waitedNanos,
            request.nanos - min(waited, request.nanos) < UInt64(thresholdMicros) * 1_000
        {
            return
        }
        let now = Int(Glibc.time(nil))
        contents.withLock { contents in
            let entry = Entry(number: contents.count, secondsSince1970: now, request: request)
            contents.count += 1
            if contents.latest.count < length {
                contents.latest.append(entry)
            } else {
                contents.latest[entry.number % length] = entry
            }
            var worst = contents.worst[request.routeTag] ?? Worst(entry: entry, count: 0)
            worst.count += 1
            if request.nanos > worst.entry.request.nanos { worst.entry = entry }
            contents.worst[request.routeTag] = worst
        }
    }

    /// Forgets everything.
    func reset() {
        contents.withLock { $0 = Contents() }
    }

    var all: Contents { contents.withLock { $0 } }

    /// Appends what there is: the latest first, and the slowest of each route, the slowest first.
    func append(to json: inout ByteBuffer) {
        let contents = all
        json.object { json in
            json.member("threshold_us", thresholdMicros)
            json.member("length", length)
            json.member("count", contents.count)
            let latest = contents.latest.sorted { $0.number > $1.number }
            json.array("latest", of: latest) { Self.append($0, to: &$1) }
            let worst = contents.worst.values.sorted {
                $0.entry.request.nanos > $1.entry.request.nanos
            }
            json.array("slowest", of: worst) { worst, json in
                Self.append(worst.entry, to: &json)
                json.member("count", worst.count)
            }
        }
    }

    private static func append(_ entry: Entry, to json: inout ByteBuffer) {
        func micros(_ nanos: UInt64?) -> Int? { nanos.map { Int(clamping: $0 / 1_000) } }
        let request = entry.request
        json.member("number", entry.number)
        json.name("time")
        if let time = Timestamp(seconds: Int64(entry.secondsSince1970)) {
            json.string(time)
        } else {
            json.raw("null")
        }
        json.member("method", "\(request.method.name)")
        json.member("route", Route(rawValue: request.routeTag)?.pattern)
        json.member("status", request.status)
        json.member("total_us", micros(request.nanos))
        json.member("received_us", micros(request.receivedNanos))
        json.member("handled_us", micros(request.handledNanos))
        json.member("waited_us", micros(request.waitedNanos))
        json.member("sent_us", micros(request.sentNanos))
        json.member("request_bytes", request.bodyBytes)
        json.member("reply_bytes", request.replyBytes)
    }
}
