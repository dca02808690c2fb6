internal import CardModel
internal import CardService
internal import HTTPFront

/// The API's answers about customers.
enum CustomerJSON {
    static let limitDefault = 10
    static let limitMax = 100

    /// A page of all customers: `{"data":[…],"total","page","limit"}`, in the order of their IDs'
    /// bytes. One behind the last has no data.
    static func appendPage(
        _ page: Int, limit: Int, from service: CardService, to json: inout ByteBuffer
    ) throws {
        json.raw("{\"data\":[")
        // No page that far has anything, however large the number.
        let (product, isTooFar) = (page - 1).multipliedReportingOverflow(by: limit)
        var isFirst = true
        let total = try service.forEachCustomer(
            from: isTooFar ? .max : product, limit: limit
        ) { customer in
            if !isFirst { json.raw(",") }
            isFirst = false
            json.raw("{")
            appendFields(of: customer, to: &json)
            json.raw("}")
        }
        json.raw("],\"total\":")
        json.integer(total)
        json.raw(",\"page\":")
        json.integer(page)
        json.raw(",\"limit\":")
        json.integer(limit)
        json.raw("}")
    }

    /// One customer, with the first cards of their phone: `{…,"cards":[…],"next"}`.
    static func append(
        _ customer: Customer, cards source: CardPage.Source, to json: inout ByteBuffer
    ) throws {
        json.raw("{")
        appendFields(of: customer, to: &json)
        guard let phone = customer.phone else { return json.raw(",\"cards\":[],\"next\":null}") }
        try CardPage.appendCards(
            of: phone, limit: CardPage.limitMax, saysFound: false, from: source, to: &json)
    }

    private static func appendFields(of customer: Customer, to json: inout ByteBuffer) {
        json.raw("\"customer_id\":")
        json.string(customer.id.bytes.span)
        json.raw(",\"first_name\":")
        json.stringOrNull(customer.firstName.bytes.span)
        json.raw(",\"last_name\":")
        json.stringOrNull(customer.lastName.bytes.span)
        json.raw(",\"email\":")
        json.stringOrNull(customer.email.bytes.span)
        json.raw(",\"phone\":")
        json.stringOrNull(customer.phone)
        json.raw(",\"address\":")
        json.stringOrNull(customer.address.bytes.span)
        json.raw(",\"date_of_birth\":")
        append(customer.dateOfBirth?.description, to: &json)
        json.raw(",\"account_balance\":")
        append(customer.accountBalance?.description, to: &json)
        json.raw(",\"created_at\":")
        if let createdAt = customer.createdAt {
            json.string(createdAt)
        } else {
            json.raw("null")
        }
    }

    private static func append(_ text: String?, to json: inout ByteBuffer) {
        if let text { json.string(text) } else { json.raw("null") }
    }
}
