internal import CardModel
internal import HTTPFront

/// The calls about customers.
extension CardAPI {
    func customers(
        _ note: AuditNote?, _ request: borrowing Request, _ reply: inout Reply
    ) throws {
        let parameters = RequestParameters(query: request.query)
        let page: Int
        let limit: Int
        do throws(RequestParameters.Failure) {
            page = Int(try parameters.whole("page", in: 1...UInt64(Int.max)) ?? 1)
            limit = try parameters.limit(
                default: CustomerJSON.limitDefault, max: CustomerJSON.limitMax)
        } catch {
            return Problem.invalidParameter(error.message).write(to: &reply)
        }
        try CustomerJSON.appendPage(page, limit: limit, from: service, to: &reply.body)
        Self.personalJSON(&reply)
        guard var note else { return }
        note.entry.detail = "page \(page) of \(limit)"
        note.end(status: reply.status)
    }

    func customer(_ text: String, _ note: AuditNote?, _ reply: inout Reply) throws {
        let id: CustomerID
        do throws(CustomerIDError) {
            id = try CustomerID(Array(text.utf8).span)
        } catch {
            // Nobody has an ID that is none.
            return Problem.unknownCustomer.write(to: &reply)
        }
        if let customer = try service.customer(id) {
            try CustomerJSON.append(customer, cards: service.withCards, to: &reply.body)
            Self.personalJSON(&reply)
        } else {
            Problem.unknownCustomer.write(to: &reply)
        }
        guard var note else { return }
        note.entry.customers = [id]
        note.end(status: reply.status)
    }
}
