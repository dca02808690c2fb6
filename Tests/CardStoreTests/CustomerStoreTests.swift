import CardModel
import CardTesting
import Testing

@testable import CardStore

/// Sets of customers: built aside, shown whole.
struct CustomerStoreTests {
    private static func customer(_ id: String, name: String = "") throws -> Customer {
        var customer = Customer(id: try CustomerID(Array(id.utf8).span))
        customer.firstName = EventText(unchecked: Array(name.utf8))
        return customer
    }

    private static func show(_ customers: [Customer], in store: CardStore) throws -> Int {
        let set = try store.beginCustomers()
        let counts = try store.add(customers, to: set)
        return try store.show(set, counts)
    }

    private static func all(_ store: CardStore) throws -> [Customer] {
        var customers: [Customer] = []
        let total = try store.forEachCustomer(from: 0, limit: 100_000) { customers.append($0) }
        #expect(total == customers.count)
        return customers
    }

    private static func draw(_ id: Int, _ random: inout SeededGenerator) throws -> Customer {
        func text(_ countMax: Int) -> EventText {
            let count =
                Bool.random(using: &random) ? 0 : Int.random(in: 0...countMax, using: &random)
            return EventText(unchecked: Array(repeating: UInt8(ascii: "x"), count: count))
        }
        var customer = try Self.customer("C\(id)")
        customer.firstName = text(Customer.nameMaxCount)
        customer.lastName = text(Customer.nameMaxCount)
        customer.email = text(Customer.emailMaxCount)
        customer.address = text(Customer.addressMaxCount)
        customer.phone = PhoneNumber(digits: UInt64.random(in: 0...2, using: &random))
        if Bool.random(using: &random) {
            customer.dateOfBirth = CalendarDate(days: Int32.random(in: -40_000...0, using: &random))
        }
        if Bool.random(using: &random) {
            customer.accountBalance = Amount(
                hundredths: Int64.random(in: .min ... .max, using: &random))
        }
        if Bool.random(using: &random) { customer.createdAt = .min }
        return customer
    }

    /// A customer comes back as it was, whatever it has, and by its ID alone.
    @Test func customer_isWhatWasAdded() throws {
        let seed = SeededGenerator.newSeed()
        var random = SeededGenerator(seed: seed)
        let fixture = try StoreFixture()
        let customers = try (0..<500).map { try Self.draw($0, &random) }
        _ = try Self.show(customers.shuffled(using: &random), in: fixture.store)
        #expect(
            try Self.all(fixture.store) == customers.sorted { $0.id < $1.id }, "seed \(seed)")
        for customer in customers.prefix(50) {
            #expect(try fixture.store.customer(customer.id) == customer, "seed \(seed)")
        }
        #expect(try fixture.store.customer(Self.customer("C").id) == nil)
        #expect(try fixture.store.customer(Self.customer("C99999").id) == nil)
        try fixture.finish()
    }

    /// Every page of every size is that part of the list, also across marks and behind the end.
    @Test func pages_areTheList() throws {
        let fixture = try StoreFixture()
        let customers = try (0..<(3 * CardStore.customersPerMark + 5)).map {
            try Self.customer("C\(10_000 + $0)")
        }
        _ = try Self.show(customers, in: fixture.store)
        for limit in [1, 10, 100, 255, 256, 257, 700] {
            for position in stride(from: 0, through: customers.count + limit, by: limit) {
                var page: [Customer] = []
                let total = try fixture.store.forEachCustomer(from: position, limit: limit) {
                    page.append($0)
                }
                #expect(total == customers.count)
                #expect(page == Array(customers.dropFirst(position).prefix(limit)))
            }
        }
        #expect(try fixture.store.forEachCustomer(from: .max, limit: 10) { _ in } == 773)
        #expect(try fixture.store.forEachCustomer(from: 0, limit: 0) { _ in } == 773)
        try fixture.finish()
    }

    /// The latest complete set counts, and says what became of the one before.
    @Test func show_replacesTheSet() throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        #expect(try store.customerCount() == 0)
        #expect(try Self.all(store) == [])
        let first = try ["A", "B", "C", "D"].map { try Self.customer($0, name: "1") }
        #expect(try Self.show(first, in: store) == 0)
        let set = try store.beginCustomers()
        let counts = try store.add(
            [
                Self.customer("B", name: "1"), Self.customer("C", name: "2"),
                Self.customer("E", name: "2"), Self.customer("C", name: "3"),
            ], to: set)
        var expected = CustomerCounts()
        (expected.unchanged, expected.changed, expected.new, expected.repeated) = (1, 1, 1, 1)
        #expect(counts == expected)
        #expect(try Self.all(store) == first, "nothing of it is shown yet")
        #expect(try store.show(set, counts) == 2)
        #expect(
            try Self.all(store)
                == [
                    Self.customer("B", name: "1"), Self.customer("C", name: "3"),
                    Self.customer("E", name: "2"),
                ])
        #expect(try store.customer(first[0].id) == nil)
        #expect(try Self.show([], in: store) == 3)
        #expect(try store.customerCount() == 0)
        try fixture.finish()
    }

    /// A customer of whom the new set only knows the ID stays as they were; one who is there
    /// already, or whom nobody knows, is none to keep.
    @Test func add_keepsCustomers() throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        let first = try ["A", "B"].map { try Self.customer($0, name: "1") }
        _ = try Self.show(first, in: store)
        let set = try store.beginCustomers()
        let new = try Self.customer("B", name: "2")
        var counts = try store.add([new], to: set)
        counts.add(
            try store.add([], keeping: [first[0].id, first[1].id, Self.customer("X").id], to: set))
        #expect(counts.kept == 1)
        #expect(try store.show(set, counts) == 0)
        #expect(try Self.all(store) == [first[0], new])
        try fixture.finish()
    }

    /// What a set that was never shown has left is not seen, harms no check, and goes with the
    /// next.
    @Test func begin_removesWhatBrokeOff() throws {
        let fixture = try StoreFixture()
        let first = try (0..<300).map { try Self.customer("C\($0)") }
        _ = try Self.show(first, in: fixture.store)
        let set = try fixture.store.beginCustomers()
        _ = try fixture.store.add(try (0..<50).map { try Self.customer("D\($0)") }, to: set)
        try fixture.reopen()
        try fixture.finish()
        #expect(try fixture.store.customerCount() == 300)
        #expect(try fixture.dump(.customers).count == 350)
        _ = try fixture.store.beginCustomers()
        #expect(try fixture.dump(.customers).count == 300)
        #expect(try fixture.dump(.customerMarks).count == 2)
        _ = try Self.show(Array(first.prefix(10)), in: fixture.store)
        while try fixture.store.removeOldCustomers() {}
        #expect(try fixture.dump(.customers).count == 10)
        #expect(try fixture.dump(.customerMarks).count == 1)
        try fixture.finish()
    }

    /// A damaged record is an error for whom it concerns, a finding, and after a repair gone; the
    /// pages are right then.
    @Test func damage_isFoundAndRepaired() throws {
        let fixture = try StoreFixture()
        let customers = try (0..<600).map { try Self.customer("C\(1_000 + $0)") }
        _ = try Self.show(customers, in: fixture.store)
        let key = try #require(try fixture.dump(.customers)[3].first)
        var value = try #require(try fixture.value(key, in: .customers))
        value[value.count - 1] ^= 1
        try fixture.put(value, for: key, in: .customers)
        let error = StoreError.damaged(
            database: "customers", what: "the checksum does not match")
        #expect(throws: error) { _ = try fixture.store.customer(customers[3].id) }
        #expect(throws: error) {
            _ = try fixture.store.forEachCustomer(from: 0, limit: 10) { _ in }
        }
        #expect(try fixture.store.customer(customers[4].id) == customers[4])
        #expect(
            try fixture.store.check().findings.map(\.description).first
                == "customers: entry 4: the checksum does not match")
        #expect(throws: StoreError.self) { try fixture.store.repair(givesUpLosses: false) }
        try fixture.store.repair(givesUpLosses: true)
        try fixture.finish()
        #expect(try Self.all(fixture.store) == customers.filter { $0.id != customers[3].id })
    }

    /// Marks follow from the customers: a repair makes them anew without a loss.
    @Test func marks_areRepaired() throws {
        for damage in 0..<3 {
            let fixture = try StoreFixture()
            let customers = try (0..<600).map { try Self.customer("C\(1_000 + $0)") }
            _ = try Self.show(customers, in: fixture.store)
            let key = CustomerKey.encode(1, mark: 1)
            switch damage {
            case 0: try fixture.remove(key, from: .customerMarks)
            case 1: try fixture.put([1, 2, 3], for: key, in: .customerMarks)
            default: try fixture.put([9], for: Array("customers".utf8), in: .meta)
            }
            #expect(try !fixture.store.check().findings.isEmpty)
            #expect(try fixture.store.check().repairPlan.losses.isEmpty)
            try fixture.store.repair(givesUpLosses: false)
            try fixture.finish()
            #expect(try Self.all(fixture.store) == customers)
        }
    }
}
