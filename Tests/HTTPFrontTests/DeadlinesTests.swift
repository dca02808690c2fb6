import Glibc
import Testing

@testable import HTTPFront

struct DeadlinesTests {
    /// Both ends of a connection.
    private final class Pair {
        let ours: Int32
        let theirs: Int32

        init() throws {
            var ends: [Int32] = [-1, -1]
            try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
            (ours, theirs) = (ends[0], ends[1])
        }

        deinit {
            close(ours)
            close(theirs)
        }

        /// Whether the other end was told that it is over.
        var isCut: Bool {
            var byte: UInt8 = 0
            return recv(theirs, &byte, 1, Int32(MSG_DONTWAIT)) == 0
        }
    }

    /// Who is late is cut off, once, and counted by what was waited for.
    @Test func late_areCutOff() throws {
        let deadlines = Deadlines(capacity: 4)
        let pairs = try (0..<4).map { _ in try Pair() }
        let places = pairs.map { deadlines.enter($0.ours) }
        #expect(places == [0, 1, 2, 3])
        for (place, delay) in zip(places, ClientDelay.allCases) {
            deadlines.set(place, delay, nanos: 1_000 * UInt64(place + 1))
        }
        deadlines.clear(places[0])
        deadlines.cutOffLate(nowNanos: 3_500)
        #expect(pairs.map(\.isCut) == [false, true, true, false])
        // Not looked again so soon.
        deadlines.cutOffLate(nowNanos: 4_500)
        #expect(!pairs[3].isCut)
        deadlines.cutOffLate(nowNanos: 4_500 + Deadlines.intervalNanos)
        #expect(pairs[3].isCut && !pairs[0].isCut)
        #expect(ClientDelay.allCases.map(deadlines.cutOffCount) == [0, 1, 1, 1])
    }

    /// A place that was left cuts nobody off, and is used again.
    @Test func place_isUsedAgain() throws {
        let deadlines = Deadlines(capacity: 1)
        let (old, new) = (try Pair(), try Pair())
        deadlines.set(deadlines.enter(old.ours), .headers, nanos: 4)
        deadlines.leave(0)
        deadlines.cutOffLate(nowNanos: 1 << 62)
        #expect(!old.isCut)
        #expect(deadlines.enter(new.ours) == 0)
        deadlines.end(0)
        #expect(new.isCut && !old.isCut)
        #expect(deadlines.cutOffCount(.headers) == 0)
    }
}
