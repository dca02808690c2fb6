import CardModel
import Testing

@testable import CardFeeds

/// A customer's record, field by field.
struct CustomerReaderTests {
    private static func reader(_ more: String = "") throws -> CustomerReader {
        let yaml = """
            feeds:
              - id: customers
                kind: customers
                region: AE
                time_zone: Asia/Dubai
                placeholder_phones: ["0500000000"]
                pull: {url: "http://127.0.0.1:1/"}
            \(more)
            """
        let feeds = try Configuration(yaml: yaml, source: "test").feeds
        return CustomerReader(try feeds.profile(named: "customers"))
    }

    private static func read(_ fields: [CustomerField: String]) throws -> CustomerReader.Reading {
        try reader().read(
            CustomerField.allCases.map { fields[$0].map { Array($0.utf8) } })
    }

    private static let whole: [CustomerField: String] = [
        .customerID: "17", .firstName: " Aïsha ", .lastName: "Example",
        .email: "a@example.com", .phone: "0585949014", .address: "1 Example Street",
        .dateOfBirth: "1990-05-17", .accountBalance: "1234.5",
        .createdAt: "2023-11-13T13:34:56+04:00",
    ]

    /// Every field, in its canonical form.
    @Test func read_takesEveryField() throws {
        let reading = try Self.read(Self.whole)
        let customer = try #require(reading.customer)
        #expect(reading.problems == [])
        #expect(customer.id.description == "17")
        #expect(customer.firstName.text == "Aïsha")
        #expect(customer.lastName.text == "Example")
        #expect(customer.email.text == "a@example.com")
        #expect(customer.phone?.digits == 971_585_949_014)
        #expect(customer.address.text == "1 Example Street")
        #expect(customer.dateOfBirth?.description == "1990-05-17")
        #expect(customer.accountBalance?.description == "1234.50")
        #expect(customer.createdAt?.iso8601 == "2023-11-13T09:34:56Z")
    }

    /// Only the ID has to be there; what is empty is as what is not.
    @Test func read_needsTheIDOnly() throws {
        for fields in [
            [CustomerField.customerID: "C1"],
            Dictionary(uniqueKeysWithValues: CustomerField.allCases.map { ($0, " \t") })
                .merging([.customerID: "C1"]) { $1 },
        ] {
            let reading = try Self.read(fields)
            #expect(reading.problems == [])
            #expect(
                reading.customer == Customer(id: try CustomerID(Array("C1".utf8).span)))
        }
    }

    /// Numbers and texts stand for each other where they can mean nothing else.
    @Test(arguments: [
        (CustomerField.customerID, "42.0", "42"), (.customerID, "4.20", "4.20"),
        (.customerID, ".0", ".0"), (.phone, "971585949014", "+971585949014"),
        (.phone, "585949014.0", "+971585949014"), (.accountBalance, "\"7\"", "7.00"),
        (.accountBalance, "1e3", "1000.00"), (.createdAt, "1699868096", "2023-11-13T09:34:56Z"),
        (.createdAt, "1699868096000", "2023-11-13T09:34:56Z"),
        (.createdAt, "13-11-2023 13:34", "2023-11-13T09:34:00Z"),
        (.dateOfBirth, "1990-05-17T00:00:00.000Z", "1990-05-17"), (.firstName, "7", "7"),
    ])
    func read_takesWhatIsUnambiguous(field: CustomerField, text: String, shown: String) throws {
        let reading = try Self.read(Self.whole.merging([field: text]) { $1 })
        let customer = try #require(reading.customer)
        let found: String? =
            switch field {
            case .customerID: customer.id.description
            case .phone: customer.phone?.e164
            case .accountBalance: customer.accountBalance?.description
            case .createdAt: customer.createdAt?.iso8601
            case .dateOfBirth: customer.dateOfBirth?.description
            default: customer.firstName.text
            }
        #expect(found == shown)
    }

    /// A value that cannot be used rejects the record, with a reason; whom it is about is known.
    @Test(arguments: [
        (CustomerField.customerID, "", "customer_id_empty"),
        (.customerID, String(repeating: "x", count: 65), "customer_id_too_long"),
        (.customerID, "a\u{7}b", "customer_id_control_character"),
        (.firstName, String(repeating: "x", count: 129), "first_name_too_long"),
        (.lastName, "a\nb", "last_name_control_character"),
        (.email, String(repeating: "x", count: 255), "email_too_long"),
        (.address, String(repeating: "x", count: 513), "address_too_long"),
        (.dateOfBirth, "17/05/1990", "date_of_birth_format"),
        (.dateOfBirth, "1990-02-30", "date_of_birth_impossible"),
        (.accountBalance, "1,234.50", "account_balance_format"),
        (.accountBalance, "{\"amount\":1}", "account_balance_format"),
        (.accountBalance, "0.005", "account_balance_too_precise"),
        (.accountBalance, "1e30", "account_balance_out_of_range"),
        (.createdAt, "yesterday", "created_at_timestamp_format"),
        (.createdAt, "31-02-2023 10:00", "created_at_timestamp_impossible"),
    ])
    func read_rejects(field: CustomerField, text: String, code: String) throws {
        let reading = try Self.read(Self.whole.merging([field: text]) { $1 })
        #expect(reading.customer == nil)
        #expect(reading.problems.map(\.code) == [code])
        #expect(reading.problems.first?.column == field.rawValue)
        #expect((reading.id == nil) == (field == .customerID))
    }

    /// A phone that cannot be used costs a warning; a placeholder is no phone.
    @Test func read_warnsOfPhones() throws {
        for (phone, code) in [
            ("9.71535E+11", "phone_lost_digits"), ("call me", "phone_not_a_number"),
            ("0500000000", "phone_placeholder"),
        ] {
            let reading = try Self.read(Self.whole.merging([.phone: phone]) { $1 })
            #expect(reading.customer?.phone == nil)
            #expect(reading.customer?.lastName.text == "Example")
            #expect(reading.problems.map(\.code) == [code])
        }
    }

    /// A feed says where its records have the fields; of several places the first counts.
    @Test func places_areThoseOfTheFeed() throws {
        let reader = try Self.reader(
            "    columns: {customer_id: [id, key.id], first_name: name.first, email: []}")
        #expect(
            reader.places == [
                "id", "key.id", "name.first", "last_name", "phone", "address", "date_of_birth",
                "account_balance", "created_at",
            ])
        var record = SourceRecord(number: 1, fields: [[UInt8]?](repeating: nil, count: 9))
        record.fields[1] = Array("k".utf8)
        record.fields[2] = Array("n".utf8)
        let values = reader.values(of: record)
        #expect(values[0] == Array("k".utf8))
        #expect(values[1] == Array("n".utf8))
        #expect(values.dropFirst(2).allSatisfy { $0 == nil })
    }

    /// What a feed of customers must not say, or has to.
    @Test(arguments: [
        ("    status: delivered", "status"), ("    files: [x]", "files"),
        ("    format: csv", "format"), ("    columns: {customer_id: []}", "customer_id"),
        ("    columns: {card_id: [x]}", "card_id"),
    ])
    func configuration_isRefused(line: String, name: String) {
        #expect {
            _ = try Self.reader(line)
        } throws: { error in
            "\(error)".contains(name)
        }
    }

    /// Two feeds of customers would remove each other's.
    @Test func configuration_isRefused_withTwoFeedsOfCustomers() {
        let feed = """
              - id: c%
                kind: customers
                region: AE
                time_zone: UTC
                pull: {url: "http://127.0.0.1:1/"}

            """
        let yaml =
            "feeds:\n" + feed.replacing("%", with: "1") + feed.replacing("%", with: "2")
        #expect {
            _ = try Configuration(yaml: yaml, source: "test")
        } throws: { "\($0)".contains("two feeds of customers") }
    }
}
