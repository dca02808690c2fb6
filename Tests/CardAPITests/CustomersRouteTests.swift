import CardModel
import CardStore
import Testing

@testable import CardAPI

/// `GET /api/customers` and `GET /api/customers/{customer_id}`.
struct CustomersRouteTests {
    private static func customer(_ id: String) throws -> Customer {
        Customer(id: try CustomerID(Array(id.utf8).span))
    }

    private static func text(_ text: String) -> EventText {
        EventText(unchecked: Array(text.utf8))
    }

    private static func aisha() throws -> Customer {
        var customer = try customer("C-17")
        customer.firstName = text("Aïsha")
        customer.lastName = text("O\"Example")
        customer.email = text("a@example.com")
        customer.phone = try PhoneNumber(e164: "+971585949014")
        customer.address = text("1 Example Street")
        customer.dateOfBirth = try CalendarDate.parse(Array("1990-05-17".utf8).span)
        customer.accountBalance = Amount(hundredths: -1_234_507)
        customer.createdAt = Timestamp(seconds: 1_699_868_096)
        return customer
    }

    private static let aishaFields =
        #""customer_id":"C-17","first_name":"Aïsha","last_name":"O\"Example","#
        + #""email":"a@example.com","phone":"+971585949014","address":"1 Example Street","#
        + #""date_of_birth":"1990-05-17","account_balance":"-12345.07","#
        + #""created_at":"2023-11-13T09:34:56Z""#

    private static let noFields =
        #""first_name":null,"last_name":null,"email":null,"phone":null,"address":null,"#
        + #""date_of_birth":null,"account_balance":null,"created_at":null"#

    private static func server(
        _ customers: [Customer], from source: APIServer.Source = .store
    ) throws -> APIServer {
        let server = try APIServer(try Samples.facts(), from: source)
        let set = try server.store.beginCustomers()
        let counts = try server.store.add(customers, to: set)
        _ = try server.store.show(set, counts)
        return server
    }

    /// A page, byte for byte: what is absent is null, the balance has two digits.
    @Test func customers_areAnswered() throws {
        let server = try Self.server([Self.aisha(), Self.customer("B")])
        let answer = try server.get("/api/customers")
        #expect(answer.status == 200)
        #expect(
            answer.text
                == #"{"data":[{"customer_id":"B",\#(Self.noFields)},{\#(Self.aishaFields)}],"#
                + #""total":2,"page":1,"limit":10}"#)
        #expect(answer.headers["cache-control"] == "private, no-cache")
    }

    /// No pull has come to its end yet: nobody is there.
    @Test func customers_areNone_beforeThePull() throws {
        let server = try APIServer([], from: .store)
        #expect(
            try server.get("/api/customers/").text
                == #"{"data":[],"total":0,"page":1,"limit":10}"#)
    }

    /// Pages of every size give everybody once; behind the last there is nobody.
    @Test(arguments: [1, 7, 10, 100])
    func pages_giveEverybodyOnce(limit: Int) throws {
        let count = 300
        let server = try Self.server(
            try (0..<count).map { try Self.customer("C\(1_000 + $0)") })
        var found: [String] = []
        let last = (count + limit - 1) / limit
        for page in 1...(last + 1) {
            let answer = try server.get("/api/customers?page=\(page)&limit=\(limit)").json()
            let data = answer["data"]?.elements ?? []
            found += data.compactMap { $0["customer_id"]?.text }
            #expect(answer["total"] == .number(300))
            #expect(answer["page"] == .number(Double(page)))
            #expect(answer["limit"] == .number(Double(limit)))
            #expect(data.isEmpty == (page > last))
        }
        #expect(found == (0..<count).map { "C\(1_000 + $0)" })
    }

    /// However large a page's number is, it is only behind the last.
    @Test func pages_areEmpty_farBehindTheLast() throws {
        let server = try Self.server([Self.aisha()])
        for page in ["1000000000", "9223372036854775807"] {
            let answer = try server.get("/api/customers?page=\(page)&limit=100")
            #expect(
                answer.text == #"{"data":[],"total":1,"page":\#(page),"limit":100}"#)
        }
    }

    /// A customer, with the cards of their phone as a look-up by phone has them.
    @Test(arguments: [APIServer.Source.store, .memory])
    func customer_isAnswered_withTheirCards(source: APIServer.Source) throws {
        var other = try Self.customer("Ö/1 2")
        other.phone = try PhoneNumber(e164: "+971501112233")
        let server = try Self.server(
            [Self.aisha(), other, Self.customer("B")], from: source)
        let aisha = try server.get("/api/customers/C-17")
        #expect(
            aisha.text
                == #"{\#(Self.aishaFields),"cards":[\#(Samples.zyw8827)],"next":null}"#)
        let odd = try server.get("/api/customers/%C3%96%2F1%202/").json()
        #expect(odd["customer_id"] == .string("Ö/1 2"))
        #expect(odd["cards"] == .array([]))
        #expect(
            try server.get("/api/customers/B").text
                == #"{"customer_id":"B",\#(Self.noFields),"cards":[],"next":null}"#)
    }

    /// Nobody has the ID: its case counts, and what no ID can be is nobody's either.
    @Test(arguments: ["X", "c-17", "C-17x", "%20", "a%07b"])
    func customer_isUnknown(id: String) throws {
        let server = try Self.server([Self.aisha()])
        let answer = try server.get("/api/customers/\(id)")
        #expect(answer.status == 404)
        #expect(
            try answer.json()["type"] == .string("urn:cardstatus:problem:unknown-customer"))
    }

    /// A page or limit that is none is told so.
    @Test(arguments: [
        ("page=0", "page"), ("page=-1", "page"), ("page=x", "page"), ("page=1.0", "page"),
        ("page=%2B1", "page"), ("page=9223372036854775808", "page"), ("page=1&page=2", "page"),
        ("page=%zz", "page"), ("limit=0", "limit"), ("limit=101", "limit"),
        ("limit=ten", "limit"), ("page=1&limit=0", "limit"), ("page=0&limit=0", "page"),
    ])
    func customers_areUnprocessable(query: String, name: String) throws {
        let server = try Self.server([Self.aisha()])
        let answer = try server.get("/api/customers?\(query)")
        #expect(answer.status == 422)
        let problem = try answer.json()
        #expect(problem["type"] == .string("urn:cardstatus:problem:invalid-parameter"))
        #expect(problem["detail"]?.text?.contains("'\(name)'") == true)
    }

    /// Damage is an error of the server, and its log names no customer.
    @Test func damage_isReported() throws {
        let server = try Self.server([Self.aisha()])
        #expect(try server.get("/api/customers/C-17").status == 200)
        #expect(server.problems == [])
    }
}
