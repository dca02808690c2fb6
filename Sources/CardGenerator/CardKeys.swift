/// The IDs and phones of a run's cards without their rows: what to ask a server that has loaded
/// the files.
///
/// It draws the same lots in the same order as `Block`, so a change of one is a change of both.
public struct CardKeys: ~Copyable {
    private let options: CardGenerator.Options
    private var story = CardStory()
    private var id = TextBuffer(capacity: 32)

    public init(_ options: CardGenerator.Options) {
        self.options = options
    }

    /// Hands over the canonical ID of card `number` and its phone as E.164 digits, 0 for none.
    /// Nothing is called for a card none of whose rows can be loaded.
    public mutating func withCard(
        _ number: Int, _ body: (_ id: UnsafeBufferPointer<UInt8>, _ phone: UInt64) -> Void
    ) {
        precondition((0..<options.cards).contains(number), "a card of another run")
        let card = UInt64(number)
        guard card % Unusable.cardsForEachLostCard != Unusable.cardsForEachLostCard - 1 else {
            return
        }
        var random = SplitMix64(seed: options.seed, stream: card)
        story.draw(card, options, &random)
        let kind = CardName.drawKind(&random)
        id.removeAll()
        CardName.write(card, kind, seed: options.seed, to: &id)
        id.withBytes { body($0, story.phone) }
    }

    /// Hands over an ID of the usual form that no card of the run has; other numbers give others.
    public mutating func withMissingCard(
        _ number: Int, _ body: (_ id: UnsafeBufferPointer<UInt8>) -> Void
    ) {
        precondition(number >= 0, "numbers begin at 0")
        // Names are a permutation of numbers, and these come after the run's.
        id.removeAll()
        CardName.write(
            UInt64(options.cards) + UInt64(number), .plain, seed: options.seed, to: &id)
        id.withBytes(body)
    }
}
