package import CardModel

/// What a customer's record can say. The raw value is the name in the API, and where the record has
/// it unless the feed says otherwise.
public enum CustomerField: String, CaseIterable, Sendable {
    case customerID = "customer_id"
    case firstName = "first_name"
    case lastName = "last_name"
    case email
    case phone
    case address
    case dateOfBirth = "date_of_birth"
    case accountBalance = "account_balance"
    case createdAt = "created_at"
}

/// Reads customers' records. Text and numbers are taken for each other where that cannot mean
/// anything else; what cannot be read rejects the record, but for a phone, which never does.
package struct CustomerReader {
    package struct Reading {
        /// nil when the record is rejected.
        package var customer: Customer?
        /// Whom the record is about, if that can be read.
        package var id: CustomerID?
        package var problems: [RowProblem] = []
    }

    /// Places in each record that are asked for: those of all fields, one behind the other.
    package let places: [String]
    /// Where the places of each field are among them.
    private let ranges: [Range<Int>]
    private let phones: PhoneParser
    private let timestamps: TimestampParser

    package init(_ profile: FeedProfile) {
        var places: [String] = []
        var ranges: [Range<Int>] = []
        for field in CustomerField.allCases {
            let paths = profile.customerFields[field] ?? []
            ranges.append(places.count..<(places.count + paths.count))
            places += paths
        }
        self.places = places
        self.ranges = ranges
        phones = PhoneParser(region: profile.region, placeholders: profile.placeholderPhones)
        timestamps = TimestampParser(
            formats: profile.timestampFormats, timeZone: profile.timeZone)
    }

    /// What the record has for each field, in their order: of several places the first that is
    /// there.
    func values(of record: SourceRecord) -> [[UInt8]?] {
        ranges.map { range in range.lazy.compactMap { record.fields[$0] }.first }
    }

    private struct Rejection: Error {
        let problem: RowProblem

        init(_ field: CustomerField, _ code: String, _ message: String) {
            problem = RowProblem(
                code: "\(field.rawValue)_\(code)", column: field.rawValue, message: message)
        }
    }

    package func read(_ values: [[UInt8]?]) -> Reading {
        var reading = Reading()
        do throws(Rejection) {
            let id = try id(Self.value(.customerID, values))
            reading.id = id
            var customer = Customer(id: id)
            customer.firstName = try text(.firstName, values, Customer.nameMaxCount)
            customer.lastName = try text(.lastName, values, Customer.nameMaxCount)
            customer.email = try text(.email, values, Customer.emailMaxCount)
            customer.address = try text(.address, values, Customer.addressMaxCount)
            customer.dateOfBirth = try dateOfBirth(values)
            customer.accountBalance = try accountBalance(values)
            customer.createdAt = try createdAt(values)
            customer.phone = phone(values, &reading.problems)
            reading.customer = customer
        } catch {
            reading.problems = [error.problem]
        }
        return reading
    }

    /// nil when nothing is there, or nothing but white space.
    private static func value(_ field: CustomerField, _ values: [[UInt8]?]) -> [UInt8]? {
        guard let index = CustomerField.allCases.firstIndex(of: field), let value = values[index],
            value.contains(where: { $0 != 0x20 && !(0x09...0x0D).contains($0) })
        else { return nil }
        return value
    }

    private func id(_ value: [UInt8]?) throws(Rejection) -> CustomerID {
        var bytes = value ?? []
        // A number that went through a spreadsheet, or a language without whole ones.
        if bytes.count > 2, bytes.suffix(2).elementsEqual(".0".utf8),
            bytes.dropLast(2).allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        {
            bytes.removeLast(2)
        }
        do throws(CustomerIDError) {
            return try CustomerID(bytes.span)
        } catch {
            switch error {
            case .empty: throw Rejection(.customerID, "empty", "\(error)")
            case .text(let problem): throw Rejection(.customerID, problem.code, "\(error)")
            }
        }
    }

    private func text(
        _ field: CustomerField, _ values: [[UInt8]?], _ maxCount: Int
    ) throws(Rejection) -> EventText {
        guard let value = Self.value(field, values) else { return .empty }
        do throws(EventTextError) {
            return try EventText(value.span, maxCount: maxCount)
        } catch {
            throw Rejection(field, error.code, "\(error)")
        }
    }

    private func dateOfBirth(_ values: [[UInt8]?]) throws(Rejection) -> CalendarDate? {
        guard let value = Self.value(.dateOfBirth, values) else { return nil }
        do throws(CalendarDateError) {
            return try CalendarDate.parse(value.span)
        } catch {
            if error == .empty { return nil }
            throw Rejection(.dateOfBirth, error == .notADate ? "format" : "impossible", "\(error)")
        }
    }

    private func accountBalance(_ values: [[UInt8]?]) throws(Rejection) -> Amount? {
        guard let value = Self.value(.accountBalance, values) else { return nil }
        do throws(AmountError) {
            return try Amount.parse(value.span)
        } catch {
            switch error {
            case .empty: return nil
            case .comma, .notANumber: throw Rejection(.accountBalance, "format", "\(error)")
            case .tooPrecise: throw Rejection(.accountBalance, "too_precise", "\(error)")
            case .outOfRange: throw Rejection(.accountBalance, "out_of_range", "\(error)")
            }
        }
    }

    private func createdAt(_ values: [[UInt8]?]) throws(Rejection) -> Timestamp? {
        guard let value = Self.value(.createdAt, values) else { return nil }
        do throws(TimestampError) {
            return try timestamps.parse(value.span)
        } catch {
            if error == .empty { return nil }
            throw Rejection(.createdAt, error.code, "\(error)")
        }
    }

    private func phone(_ values: [[UInt8]?], _ warnings: inout [RowProblem]) -> PhoneNumber? {
        guard let value = Self.value(.phone, values) else { return nil }
        do throws(PhoneError) {
            return try phones.parse(value.span)
        } catch {
            if error == .empty { return nil }
            let shown = ShownText.make(value, scalarsMax: 64)
            warnings.append(
                RowProblem(
                    code: "phone_\(error.code)", column: CustomerField.phone.rawValue,
                    message: "\(error): '\(shown)'; the customer has no phone"))
            return nil
        }
    }
}
