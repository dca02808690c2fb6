import Testing

@testable import HTTPFront

struct TurnTakingTests {
    /// Requests wait as long as there are several; after one that was alone the next ones do not,
    /// and then one tries again.
    @Test func requestsWait_whileTheyAreSeveral() {
        let turns = TurnTaking()
        for _ in 0..<200 {
            let waits = turns.shouldWait()
            #expect(waits)
            turns.hasWaited(inFlight: TurnTaking.crowdMin)
        }
        for _ in 0..<3 {
            let waits = turns.shouldWait()
            #expect(waits)
            turns.hasWaited(inFlight: 1)
            for _ in 0..<TurnTaking.restCount {
                let waitsAfterOneAlone = turns.shouldWait()
                #expect(!waitsAfterOneAlone)
            }
        }
        let waitsAgain = turns.shouldWait()
        #expect(waitsAgain)
    }
}
