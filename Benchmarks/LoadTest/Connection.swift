/// One connection of a worker, and the memory that belongs to its place: the next connection in
/// the place uses it again. Trivial, so that it can be changed where it lies.
struct Connection {
    enum State {
        /// None, until `retryNs`.
        case closed
        case connecting
        case open
    }

    /// A line that is longer is malformed.
    static let inputCapacity = 65_536

    var state = State.closed
    var descriptor: Int32 = -1
    var retryNs: Int64 = 0
    /// A place in the worker's lanes.
    let lane: Int
    /// Whether it is in its lane's queue of connections that may send.
    var isQueued = false
    var waitsForWriting = false

    var parser: ResponseParser
    let captured: UnsafeMutablePointer<UInt8>
    let input: UnsafeMutablePointer<UInt8>
    /// Bytes of an unfinished line, at the start of `input`.
    var inputCount = 0

    let output: UnsafeMutablePointer<UInt8>
    let outputCapacity: Int
    var outputStart = 0
    var outputEnd = 0

    /// A ring of requests that wait for their replies, the oldest at `flightStart`.
    let flights: UnsafeMutablePointer<Flight>
    let flightCapacity: Int
    var flightStart = 0
    var flightCount = 0

    init(lane: Int, pipeline: Int, requestCountMax: Int) {
        self.lane = lane
        captured = .allocate(capacity: ResponseParser.captureMax)
        parser = ResponseParser(capture: captured)
        input = .allocate(capacity: Self.inputCapacity)
        outputCapacity = pipeline * requestCountMax
        output = .allocate(capacity: outputCapacity)
        flights = .allocate(capacity: pipeline)
        flights.initialize(repeating: Flight(), count: pipeline)
        flightCapacity = pipeline
    }

    /// Gives the memory back. The place is of no more use.
    func deallocate() {
        captured.deallocate()
        input.deallocate()
        output.deallocate()
        flights.deallocate()
    }

    @inline(__always)
    var hasRoom: Bool { flightCount < flightCapacity }

    @inline(__always)
    mutating func takeFlight() -> Flight {
        let flight = flights[flightStart]
        flightStart = flightStart + 1 == flightCapacity ? 0 : flightStart + 1
        flightCount -= 1
        return flight
    }

    /// The place for the next flight. The caller has seen ``hasRoom``.
    @inline(__always)
    mutating func addFlight(_ flight: Flight) {
        var index = flightStart + flightCount
        if index >= flightCapacity { index -= flightCapacity }
        flights[index] = flight
        flightCount += 1
    }

    /// Where a request of up to `count` bytes can be written. What waits to be sent is moved to
    /// the front where need be: it is at most one request less than the buffer holds.
    @inline(__always)
    mutating func room(for count: Int) -> UnsafeMutablePointer<UInt8> {
        if outputCapacity - outputEnd < count {
            let waiting = outputEnd - outputStart
            output.update(from: output + outputStart, count: waiting)
            outputStart = 0
            outputEnd = waiting
            precondition(outputCapacity - outputEnd >= count, "more requests than flights")
        }
        return output + outputEnd
    }
}
