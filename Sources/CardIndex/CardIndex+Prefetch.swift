internal import CMachine
public import CardModel

// A look-up waits for memory twice, and the second time it cannot begin to before the first has
// ended: the table says where the record is. Who knows the key some time before they look it up
// asks for the memory in two steps, and does something else after each:
//
//   let hash = index.prefetch(id)    a line of the table is on its way
//   ...
//   index.prefetchCard(hash)         the line says where the record is, and that is on its way
//   ...
//   index.lend(id) { ... }           both are there
//
// Only the look-up finds anything. A step that is left out, or done with another index (after a
// reload), costs the look-up time and nothing else.

extension CardIndex {
    /// Asks for the memory where the look-up of a card begins.
    ///
    /// - Returns: what ``prefetchCard(_:)`` needs to know.
    public func prefetch(_ id: CardID) -> UInt64 {
        let idHash = hash.hash(id)
        ReaderEpochs.read { machine_prefetch(cardTable.firstLine(idHash)) }
        return idHash
    }

    /// Asks for the memory where the look-up of a phone begins.
    ///
    /// - Returns: what ``prefetchCard(ofPhone:)`` needs to know.
    public func prefetch(_ phone: PhoneNumber) -> UInt64 {
        let phoneHash = hash.hash(phone)
        ReaderEpochs.read { machine_prefetch(phoneTable.firstLine(phoneHash)) }
        return phoneHash
    }

    /// Asks for the memory of the record that is most likely the card's.
    public func prefetchCard(_ idHash: UInt64) {
        ReaderEpochs.read { prefetch(cardTable.firstCandidate(idHash)) }
    }

    /// Asks for the memory of the record that is most likely one of the phone's.
    public func prefetchCard(ofPhone phoneHash: UInt64) {
        ReaderEpochs.read { prefetch(phoneTable.firstCandidate(phoneHash)) }
    }

    /// Most records are shorter than a line, and half of them lie in two.
    @inline(__always)
    func prefetch(_ name: UInt32) {
        let address = record(name).start
        machine_prefetch(address)
        machine_prefetch(address + 40)
    }
}
