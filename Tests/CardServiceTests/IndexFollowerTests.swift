import CardModel
import CardTesting
import Foundation
import Testing

@testable import CardIndex
@testable import CardService
@testable import CardStore

struct IndexFollowerTests {
    private static func follower(of store: CardStore) throws -> (IndexFollower, CardIndex) {
        let follower = IndexFollower(store: store) { Issue.record("\($0)") }
        let index = try CardIndex()
        _ = try follower.adopt(index, upTo: 0)
        return (follower, index)
    }

    private static func store(in scratch: ScratchDirectory) throws -> CardStore {
        try CardStore(directory: scratch.path, create: true, mapSizeBytes: 64 << 20)
    }

    /// The index shows what the store shows, of all cards that either could have.
    private static func expectAgreement(
        _ index: CardIndex, _ store: CardStore, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        for number in 0..<12 {
            let id = try card("C\(number)")
            let stored = try store.withCard(id) { Shown($0) }
            #expect(index.withCard(id) { Shown($0) } == stored, sourceLocation: sourceLocation)
        }
        #expect(index.checkInvariants() == [], sourceLocation: sourceLocation)
    }

    private struct Shown: Equatable {
        let phone: PhoneNumber?
        let updatedAt: Timestamp
        let comment: [UInt8]

        init(_ card: borrowing CardView) {
            phone = card.phone
            updatedAt = card.updatedAt
            comment = card.comment.withUnsafeBufferPointer { Array($0) }
        }
    }

    /// What a commit says is what its records say: new cards, new phones, comments, and cards that
    /// have nothing left.
    @Test func follow_appliesACommit_asTheStoreHasIt() throws {
        let scratch = try ScratchDirectory()
        let store = try Self.store(in: scratch)
        _ = try store.commit([try (0..<8).map { try fact("C\($0)", 1, phone: 5) }])
        let (follower, index) = try Self.follower(of: store)
        let commits = [
            [try fact("C1", 2, phone: 6, comment: "at the door"), try fact("C9", 1)],
            [try fact("C1", 0, phone: 7, comment: "too late to show")],
            [try fact("C2", 1, isVoid: true), try fact("C9", 1, isVoid: true)],
            [try fact("C3", 1, phone: 5)],
            [try fact("C2", 2, phone: 6)],
        ]
        for facts in commits {
            let commit = try store.commit([facts])
            #expect(follower.follow(commit))
            try Self.expectAgreement(index, store)
        }
    }

    /// A commit of another process that came before is not left out, nor does the older state of
    /// a card win.
    ///
    ///     this process            another
    ///                             commit C1, C4
    ///     commit C1, C5
    ///                             commit C5
    ///     follow
    @Test func follow_readsTheLog_whenOthersHaveCommitted() throws {
        let scratch = try ScratchDirectory()
        let store = try Self.store(in: scratch)
        let (follower, index) = try Self.follower(of: store)
        _ = try store.commit([[try fact("C1", 1, phone: 5), try fact("C4", 1)]])
        let own = try store.commit([[try fact("C1", 2, phone: 6), try fact("C5", 1)]])
        _ = try store.commit([[try fact("C5", 2, phone: 7)]])
        #expect(follower.follow(own))
        try Self.expectAgreement(index, store)
        // Told again, it does nothing.
        #expect(follower.follow(own))
        try Self.expectAgreement(index, store)
    }

    /// Only what comes after: a commit that is followed at once, and others behind it.
    @Test func follow_goesOnWithTheLog_afterACommit() throws {
        let scratch = try ScratchDirectory()
        let store = try Self.store(in: scratch)
        let (follower, index) = try Self.follower(of: store)
        let own = try store.commit([[try fact("C1", 1)]])
        _ = try store.commit([[try fact("C1", 3), try fact("C2", 1)]])
        #expect(follower.follow(own))
        try Self.expectAgreement(index, store)
        _ = try store.commit([[try fact("C3", 1)]])
        #expect(follower.follow())
        try Self.expectAgreement(index, store)
    }

    /// An index made earlier is brought up to date before anybody sees it, and follows from there.
    @Test func follow_appliesWhatWasCommitted() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(
            directory: scratch.path, create: true, mapSizeBytes: 16 << 20)
        _ = try store.commit([[fact("A", 1, phone: 5), fact("B", 1)]])
        let follower = IndexFollower(store: store) { _ in Issue.record("no problem expected") }
        #expect(!follower.follow())
        let index = try CardIndex()
        let sequence = try store.forEachCard { try index.insert($0) }
        _ = try store.commit([[fact("C", 1, phone: 5), fact("B", 1, isVoid: true)]])
        #expect(follower.current == nil)
        #expect(try follower.adopt(index, upTo: sequence) === nil)
        #expect(follower.current === index)
        #expect(index.count == 2)
        _ = try store.commit([[fact("A", 2, phone: 6)]])
        #expect(index.withCard(try card("A")) { $0.phone?.digits } == 5)
        #expect(follower.follow())
        #expect(index.withCard(try card("A")) { $0.phone?.digits } == 6)
        #expect(follower.follow())
        #expect(index.checkInvariants() == [])

        // One that takes its place has what the first one had, and more.
        _ = try store.commit([[fact("A", 3, phone: 7)]])
        let next = try CardIndex()
        #expect(try follower.adopt(next, upTo: 0) === index)
        #expect(follower.current === next)
        #expect(next.count == 2)
        #expect(next.withCard(try card("A")) { $0.phone?.digits } == 7)
        #expect(next.checkInvariants() == [])
    }

    /// An index appears only while nobody can commit: what the store had shown by then, it has.
    ///
    ///     test, the other process     adopting thread
    ///     lock the store
    ///                                 adopt: catch up
    ///                                 wait for the lock
    ///     nothing is published
    ///     unlock
    ///                                 catch up, publish
    @Test func adopt_publishesNothing_whileOthersMayCommit() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(
            directory: scratch.path, create: true, mapSizeBytes: 16 << 20)
        _ = try store.commit([[fact("A", 1)]])
        let follower = IndexFollower(store: store) { _ in Issue.record("no problem expected") }
        let index = try CardIndex()
        let adopter = try store.withoutCommits {
            let adopter = OSThread {
                do {
                    _ = try follower.adopt(index, upTo: 0)
                } catch {
                    Issue.record("\(error)")
                }
            }
            #expect(wait { index.count == 1 })
            // Long enough for a thread that does not wait to go on.
            usleep(50_000)
            #expect(!follower.isPublished)
            return adopter
        }
        adopter.join()
        #expect(follower.isPublished)
        #expect(index.count == 1)
    }

    /// Behind a trimmed log there is no index rather than an old one.
    @Test func follow_dropsTheIndex_whenTheLogIsTrimmed() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(
            directory: scratch.path, create: true, mapSizeBytes: 16 << 20)
        let follower = IndexFollower(store: store) { _ in Issue.record("no problem expected") }
        _ = try follower.adopt(try CardIndex(), upTo: 0)
        #expect(follower.current != nil)
        _ = try store.commit([[fact("A", 1), fact("B", 1)]])
        let changes = store.databases.changes
        let key = SequenceKey.encode(1)
        _ = try store.environment.write { try $0.remove(key.span.bytes, from: changes) }
        #expect(!follower.follow())
        #expect(follower.current == nil)
    }
}
