import Synchronization

/// What a worker and the main thread tell each other while a run lasts.
final class RunSignals: Sendable {
    /// Workers that have connected.
    let ready = Atomic<Int>(0)
    /// Connections made by then.
    let connected = Atomic<Int>(0)
    /// When the run starts; 0 until all workers are ready.
    let startNs = Atomic<Int>(0)
    /// Whether to stop before the deadline.
    let isStopped = Atomic<Bool>(false)
    /// For the progress line; behind by up to a tick.
    let answers = Atomic<Int>(0)
    let failures = Atomic<Int>(0)
    /// Workers that have ended.
    let ended = Atomic<Int>(0)
}

/// One worker: a thread's connections, its event loop and what it counts.
///
/// Layout: `connections` is an array of places; a place's number is its token in epoll. A lane is a
/// stream of requests with connections of its own, so that slow writes never hold up reads: lane 0
/// has the look-ups, lane 1, if any, the writes. A lane with a schedule is an open loop and keeps a
/// queue of connections that may send, in the order in which they became free; without one it is a
/// closed loop, where each reply makes the next request.
///
/// Invariants: a place is in its lane's queue at most once (`isQueued`); bytes in `output` belong
/// to requests that are flights; a closed place has no flights.
///
/// The clock is read once for each reply: the end of one request is the sending of the next.
struct Engine: ~Copyable {
    struct Plan: Sendable {
        var destination: Destination
        var worker = 0
        var workers = 1
        /// Of this worker.
        var connections = 1
        var pipeline = 1
        /// Of all workers; nil for a closed loop.
        var requestsPerSecond: Double?
        var arrivals = Schedule.Arrivals.constant
        var mix = RequestSource.Mix([(.path, 1)])
        /// Of all workers; nil for no writes beside the mix.
        var writesPerSecond: Double?
        var writeConnections = 1
        var warmupNs: Int64 = 0
        var durationNs: Int64 = 10_000_000_000
        var timeoutNs: Int64 = 5_000_000_000
        /// Of this worker, after the warm-up; nil for no limit.
        var requestLimit: Int?
        var checksStatus = true
        var verifiesBodies = false
        var seed: UInt64 = 1
    }

    private struct Lane {
        var schedule: Schedule?
        let mix: RequestSource.Mix
        let queue: UnsafeMutablePointer<Int>
        let capacity: Int
        var queueStart = 0
        var queueCount = 0

        mutating func push(_ place: Int) {
            var index = queueStart + queueCount
            if index >= capacity { index -= capacity }
            queue[index] = place
            queueCount += 1
        }

        mutating func pop() -> Int {
            let place = queue[queueStart]
            queueStart = queueStart + 1 == capacity ? 0 : queueStart + 1
            queueCount -= 1
            return place
        }
    }

    private enum Ending {
        case endedByServer, reset, timeout, malformed
    }

    private static let tickNs: Int64 = 20_000_000
    private static let retryNs: Int64 = 100_000_000
    private static let connectLimitNs: Int64 = 5_000_000_000

    private let plan: Plan
    private let signals: RunSignals
    private let events: EventQueue
    private var source: RequestSource
    private let connections: UnsafeMutablePointer<Connection>
    private let connectionCount: Int
    private var lanes: [Lane] = []
    private var flightCount = 0
    private var openCount = 0
    private var measureNs = Int64.max
    private var deadlineNs = Int64.max
    /// When waiting for replies, and for room to send what is due, is over.
    private var drainNs = Int64.max
    private var sendsLeft: Int
    private var outcome = Outcome()
    private var published = (answers: 0, failures: 0)
    private var answers = 0

    init(
        _ plan: Plan, source: consuming RequestSource, signals: RunSignals
    ) throws(SystemError) {
        self.plan = plan
        self.signals = signals
        events = try EventQueue()
        sendsLeft = plan.requestLimit ?? Int.max
        let writers = plan.writesPerSecond == nil ? 0 : plan.writeConnections
        connectionCount = plan.connections + writers
        connections = .allocate(capacity: connectionCount)
        for place in 0..<connectionCount {
            (connections + place).initialize(
                to: Connection(
                    lane: place < plan.connections ? 0 : 1, pipeline: plan.pipeline,
                    requestCountMax: source.requestCountMax))
        }
        self.source = source
        addLane(plan.mix, connections: plan.connections)
        if writers > 0 { addLane(RequestSource.Mix([(.event, 1)]), connections: writers) }
        outcome.connectionsAsked = connectionCount
    }

    deinit {
        for place in 0..<connectionCount {
            if connections[place].state != .closed { System.close(connections[place].descriptor) }
            connections[place].deallocate()
        }
        connections.deallocate()
        for lane in lanes { lane.queue.deallocate() }
    }

    private mutating func addLane(_ mix: RequestSource.Mix, connections: Int) {
        lanes.append(
            Lane(mix: mix, queue: .allocate(capacity: connections), capacity: connections))
    }

    // MARK: The run

    /// Connects, waits for the other workers, and runs to the end.
    mutating func run() -> Outcome {
        do throws(SystemError) {
            try System.makeTimersPrecise()
            try connectAll()
            try loop()
        } catch {
            outcome.systemError = error
        }
        return outcome
    }

    private mutating func connectAll() throws(SystemError) {
        let limitNs = System.nowNs() + Self.connectLimitNs
        for place in 0..<connectionCount { connect(place, System.nowNs()) }
        while openCount < connectionCount, System.nowNs() < limitNs,
            !signals.isStopped.load(ordering: .relaxed), outcome.failures.connect == 0
        {
            try handleEvents(try events.wait(timeoutNs: Self.tickNs))
        }
        signals.connected.add(openCount, ordering: .relaxed)
        signals.ready.add(1, ordering: .releasing)
        while true {
            let startNs = Int64(signals.startNs.load(ordering: .acquiring))
            if startNs != 0 {
                begin(startNs)
                return
            }
            System.sleep(untilNs: System.nowNs() + 200_000)
        }
    }

    private mutating func begin(_ startNs: Int64) {
        measureNs = startNs + plan.warmupNs
        deadlineNs = measureNs + plan.durationNs
        drainNs = deadlineNs + plan.timeoutNs
        for (lane, rate) in [plan.requestsPerSecond, plan.writesPerSecond].enumerated() {
            guard let rate, lane < lanes.count else { continue }
            lanes[lane].schedule = Schedule(
                requestsPerSecond: rate, worker: plan.worker, workers: plan.workers,
                startNs: startNs, arrivals: plan.arrivals,
                random: Random(seed: plan.seed, stream: 1_000_000 + plan.worker * 2 + lane))
        }
        System.sleep(untilNs: startNs)
        for place in 0..<connectionCount where connections[place].state == .open {
            offer(place, System.nowNs())
        }
    }

    private mutating func loop() throws(SystemError) {
        var nextTickNs = System.nowNs()
        while true {
            var nowNs = System.nowNs()
            if nowNs >= nextTickNs {
                tick(nowNs)
                nextTickNs = nowNs + Self.tickNs
            }
            for lane in lanes.indices where lanes[lane].schedule != nil {
                nowNs = sendDue(lane, nowNs)
            }
            if isOver(nowNs) { break }
            let untilNs = min(nextTickNs, nextDueNs())
            try handleEvents(try events.wait(timeoutNs: max(untilNs - nowNs, 0)))
        }
        giveUp(System.nowNs())
        tick(System.nowNs())
    }

    /// Whether nothing is left to do, or to wait for.
    private func isOver(_ nowNs: Int64) -> Bool {
        if nowNs >= drainNs { return true }
        guard flightCount == 0 else { return false }
        if sendsLeft == 0 { return true }
        return nowNs >= deadlineNs && nextDueNs(orQueued: true) >= deadlineNs
    }

    /// When to wake up for the next request of an open loop. Without a connection that is free, or
    /// after the last one, there is none.
    private func nextDueNs(orQueued: Bool = false) -> Int64 {
        var nextNs = Int64.max
        for lane in lanes {
            guard let schedule = lane.schedule, lane.queueCount > 0 || orQueued,
                schedule.nextNs < deadlineNs
            else { continue }
            nextNs = min(nextNs, schedule.nextNs)
        }
        return nextNs
    }

    /// What need not be done for every event.
    private mutating func tick(_ nowNs: Int64) {
        if signals.isStopped.load(ordering: .relaxed), nowNs < deadlineNs {
            deadlineNs = nowNs
            // Somebody waits at the terminal: no longer than half a second for replies.
            drainNs = nowNs + min(plan.timeoutNs, 500_000_000)
        }
        for place in 0..<connectionCount {
            let connection = connections + place
            if connection.pointee.flightCount > 0 {
                let oldest = connection.pointee.flights[connection.pointee.flightStart]
                if nowNs - oldest.sentNs > plan.timeoutNs { end(place, .timeout, nowNs) }
            }
            if connection.pointee.state == .closed, connection.pointee.retryNs <= nowNs,
                nowNs < drainNs, nowNs < deadlineNs || nextDueNs(orQueued: true) < deadlineNs
            {
                connect(place, nowNs)
            }
        }
        signals.answers.add(answers - published.answers, ordering: .relaxed)
        signals.failures.add(outcome.failures.total - published.failures, ordering: .relaxed)
        published = (answers, outcome.failures.total)
    }

    /// Counts what will have no answer when the run is over. The time waited is a lower bound of
    /// the latency, and leaving it out would make a stalled server look better.
    private mutating func giveUp(_ nowNs: Int64) {
        for place in 0..<connectionCount where connections[place].flightCount > 0 {
            end(place, .timeout, nowNs)
        }
        guard sendsLeft > 0 else { return }
        for lane in lanes.indices {
            guard var schedule = lanes[lane].schedule else { continue }
            let kind = lanes[lane].mix.kinds[0].rawValue
            while schedule.nextNs < deadlineNs {
                if schedule.nextNs >= measureNs {
                    outcome.failures.unsent += 1
                    outcome.tallies[kind].corrected.record(latencyNs: nowNs - schedule.nextNs)
                }
                schedule.advance()
            }
        }
    }
}

// MARK: - Sending

extension Engine {
    /// Lets a connection send that has room for a request.
    @inline(__always)
    private mutating func offer(_ place: Int, _ nowNs: Int64) {
        let connection = connections + place
        let lane = connection.pointee.lane
        if lanes[lane].schedule != nil {
            guard !connection.pointee.isQueued, connection.pointee.hasRoom else { return }
            connection.pointee.isQueued = true
            lanes[lane].push(place)
            return
        }
        guard nowNs < deadlineNs, measureNs != Int64.max else { return }
        var hasNew = false
        while connection.pointee.hasRoom, sendsLeft > 0 {
            write(place, dueNs: nowNs, nowNs)
            hasNew = true
        }
        if hasNew { flush(place, nowNs) }
    }

    /// Sends what is due, as long as connections are free, and gives the time it is then.
    private mutating func sendDue(_ lane: Int, _ startNs: Int64) -> Int64 {
        var nowNs = startNs
        while lanes[lane].queueCount > 0, sendsLeft > 0,
            let dueNs = lanes[lane].schedule?.nextNs, dueNs <= nowNs, dueNs < deadlineNs
        {
            let place = lanes[lane].pop()
            connections[place].isQueued = false
            // It may have been closed while it was in the queue.
            guard connections[place].state == .open, connections[place].hasRoom else { continue }
            lanes[lane].schedule?.advance()
            write(place, dueNs: dueNs, nowNs)
            flush(place, nowNs)
            if connections[place].state == .open { offer(place, nowNs) }
            nowNs = System.nowNs()
        }
        return nowNs
    }

    /// Writes a request into the connection's buffer.
    @inline(__always)
    private mutating func write(_ place: Int, dueNs: Int64, _ nowNs: Int64) {
        let connection = connections + place
        let room = connection.pointee.room(for: source.requestCountMax)
        var flight = Flight(dueNs: dueNs, sentNs: nowNs)
        let count = source.write(lanes[connection.pointee.lane].mix, to: room, &flight)
        connection.pointee.outputEnd += count
        connection.pointee.addFlight(flight)
        flightCount += 1
        if dueNs >= measureNs {
            if plan.requestLimit != nil { sendsLeft -= 1 }
            if lanes[connection.pointee.lane].schedule != nil {
                outcome.lag.record(latencyNs: nowNs - dueNs)
            }
        }
    }

    /// Sends what the socket takes; epoll tells when it takes more.
    @inline(__always)
    private mutating func flush(_ place: Int, _ nowNs: Int64) {
        let connection = connections + place
        let count = connection.pointee.outputEnd - connection.pointee.outputStart
        let sent = System.send(
            connection.pointee.descriptor,
            connection.pointee.output + connection.pointee.outputStart, count)
        if sent > 0, nowNs >= measureNs { outcome.bytesSent += sent }
        if sent == count {
            connection.pointee.outputStart = 0
            connection.pointee.outputEnd = 0
            if connection.pointee.waitsForWriting { watch(place, forWriting: false, nowNs) }
        } else if sent >= 0 || System.isTemporary(sent) {
            connection.pointee.outputStart += max(sent, 0)
            if !connection.pointee.waitsForWriting { watch(place, forWriting: true, nowNs) }
        } else {
            end(place, .reset, nowNs)
        }
    }

    private mutating func watch(_ place: Int, forWriting: Bool, _ nowNs: Int64) {
        do throws(SystemError) {
            try events.change(connections[place].descriptor, token: place, forWriting: forWriting)
            connections[place].waitsForWriting = forWriting
        } catch {
            outcome.systemError = error
            end(place, .reset, nowNs)
        }
    }
}

// MARK: - Events

extension Engine {
    private mutating func handleEvents(_ count: Int) throws(SystemError) {
        for index in 0..<count {
            let event = events.event(index)
            switch connections[event.token].state {
            case .closed: continue
            case .connecting:
                if event.isWritable { try finishConnect(event.token) }
            case .open:
                if event.isWritable, connections[event.token].waitsForWriting {
                    flush(event.token, System.nowNs())
                }
                if event.isReadable, connections[event.token].state == .open {
                    receive(event.token)
                }
            }
        }
    }

    private mutating func connect(_ place: Int, _ nowNs: Int64) {
        do throws(SystemError) {
            let descriptor = try System.connect(to: plan.destination)
            connections[place].descriptor = descriptor
            do throws(SystemError) {
                try events.add(descriptor, token: place, forWriting: true)
            } catch {
                System.close(descriptor)
                throw error
            }
            connections[place].state = .connecting
        } catch {
            failConnect(place, error, nowNs)
        }
    }

    private mutating func failConnect(_ place: Int, _ error: SystemError, _ nowNs: Int64) {
        connections[place].retryNs = nowNs + Self.retryNs
        outcome.failures.connect += 1
        outcome.connectError = outcome.connectError ?? error
    }

    private mutating func finishConnect(_ place: Int) throws(SystemError) {
        let nowNs = System.nowNs()
        if let error = System.connectError(connections[place].descriptor) {
            System.close(connections[place].descriptor)
            connections[place].state = .closed
            failConnect(place, error, nowNs)
            return
        }
        try events.change(connections[place].descriptor, token: place, forWriting: false)
        let connection = connections + place
        connection.pointee.state = .open
        connection.pointee.waitsForWriting = false
        connection.pointee.parser.reset()
        connection.pointee.inputCount = 0
        connection.pointee.outputStart = 0
        connection.pointee.outputEnd = 0
        openCount += 1
        outcome.connectionsMade += 1
        // Before the run begins, `begin` does it for all at once.
        if measureNs != Int64.max { offer(place, nowNs) }
    }

    @inline(__always)
    private mutating func receive(_ place: Int) {
        let connection = connections + place
        let filled = connection.pointee.inputCount
        let received = System.receive(
            connection.pointee.descriptor, connection.pointee.input + filled,
            Connection.inputCapacity - filled)
        let nowNs = System.nowNs()
        guard received > 0 else {
            if received < 0, System.isTemporary(received) { return }
            if received == 0, connection.pointee.flightCount > 0,
                connection.pointee.parser.end()
            {
                complete(place, nowNs)
            }
            end(place, received == 0 ? .endedByServer : .reset, nowNs)
            return
        }
        if nowNs >= measureNs { outcome.bytesReceived += received }
        let count = filled + received
        var position = 0
        while true {
            switch connection.pointee.parser.consume(
                connection.pointee.input, count, &position)
            {
            case .complete:
                // A reply that nobody asked for.
                guard connection.pointee.flightCount > 0 else {
                    end(place, .malformed, nowNs)
                    return
                }
                complete(place, nowNs)
                guard connection.pointee.parser.keepsAlive else {
                    end(place, .endedByServer, nowNs)
                    return
                }
                if position < count { continue }
            case .incomplete: break
            case .malformed:
                end(place, .malformed, nowNs)
                return
            }
            break
        }
        let rest = count - position
        if rest == Connection.inputCapacity {
            end(place, .malformed, nowNs)
            return
        }
        if rest > 0, position > 0 {
            connection.pointee.input.update(
                from: connection.pointee.input + position, count: rest)
        }
        connection.pointee.inputCount = rest
        offer(place, nowNs)
    }

    /// Counts the reply to the oldest request.
    @inline(__always)
    private mutating func complete(_ place: Int, _ nowNs: Int64) {
        let connection = connections + place
        let flight = connection.pointee.takeFlight()
        flightCount -= 1
        answers += 1
        guard flight.dueNs >= measureNs else { return }
        let kind = flight.kind.rawValue
        let status = connection.pointee.parser.status
        outcome.tallies[kind].answers += 1
        if nowNs <= deadlineNs { outcome.tallies[kind].answersInTime += 1 }
        if flight.isMissing { outcome.tallies[kind].missing += 1 }
        outcome.tallies[kind].statuses[status] += 1
        outcome.tallies[kind].service.record(latencyNs: nowNs - flight.sentNs)
        outcome.tallies[kind].corrected.record(latencyNs: nowNs - flight.dueNs)
        let isExpected = flight.kind.expects(status, isMissing: flight.isMissing)
        if plan.checksStatus, !isExpected { outcome.tallies[kind].wrongStatuses += 1 }
        if plan.verifiesBodies, isExpected, status == 200, flight.kind != .path {
            verify(flight, connection.pointee)
        }
    }

    private mutating func verify(_ flight: Flight, _ connection: Connection) {
        let kind = flight.kind.rawValue
        let body = UnsafeBufferPointer(
            start: connection.captured, count: connection.parser.captured)
        outcome.tallies[kind].bodiesVerified += 1
        if !AnswerCheck.isRight(body, flight, key: source.key(of: flight)) {
            outcome.tallies[kind].wrongBodies += 1
        }
    }

    /// Closes a connection; its requests have no answer.
    private mutating func end(_ place: Int, _ ending: Ending, _ nowNs: Int64) {
        let connection = connections + place
        System.close(connection.pointee.descriptor)
        if connection.pointee.state == .open { openCount -= 1 }
        connection.pointee.state = .closed
        if ending == .endedByServer || ending == .reset { outcome.connectionsEnded += 1 }
        while connection.pointee.flightCount > 0 {
            let flight = connection.pointee.takeFlight()
            flightCount -= 1
            guard flight.dueNs >= measureNs else { continue }
            switch ending {
            case .endedByServer: outcome.failures.closed += 1
            case .reset: outcome.failures.reset += 1
            case .malformed: outcome.failures.malformed += 1
            case .timeout:
                outcome.failures.timeout += 1
                outcome.tallies[flight.kind.rawValue].service.record(
                    latencyNs: nowNs - flight.sentNs)
                outcome.tallies[flight.kind.rawValue].corrected.record(
                    latencyNs: nowNs - flight.dueNs)
            }
        }
        // A server that resets at once must not make a loop without end.
        connection.pointee.retryNs = ending == .endedByServer ? nowNs : nowNs + Self.retryNs
        if ending == .endedByServer, nowNs < deadlineNs { connect(place, nowNs) }
    }
}
