import CardAudit
import Foundation

/// An entry of the audit log as a line of it says.
struct AuditRow: Decodable {
    struct Phone: Decodable {
        let ends: String
        let hash: String
    }

    let time: String
    let by: String
    let keyID: String?
    let key: String?
    let role: String?
    let user: String?
    let address: String?
    let did: String
    let what: String?
    let status: Int?
    let count: Int?
    let cardIDs: [String]?
    let phones: [Phone]?
    let customerIDs: [String]?
    let detail: String?

    private enum CodingKeys: String, CodingKey {
        case time, by, key, role, user, address, did, what, status, count, phones, detail
        case keyID = "key_id"
        case cardIDs = "card_ids"
        case customerIDs = "customer_ids"
    }

    /// Nil for a line that is no entry.
    init?(line: [UInt8]) {
        do {
            self = try JSONDecoder().decode(AuditRow.self, from: Data(line))
        } catch {
            return nil
        }
    }

    // MARK: CSV

    static let header =
        "time,by,key_id,key,role,user,address,did,what,status,card_id,phone_ends,phone_hash,"
        + "customer_id,count,detail"

    /// A row for each card, phone and customer, or one without.
    var rows: [String] {
        let subjects =
            (cardIDs ?? []).map { [$0, "", "", ""] }
            + (phones ?? []).map { ["", $0.ends, $0.hash, ""] }
            + (customerIDs ?? []).map { ["", "", "", $0] }
        return (subjects.isEmpty ? [["", "", "", ""]] : subjects).map { subject in
            let fields =
                [time, by, keyID, key, role, user, address, did, what, status.map(String.init)]
                + subject.map(Optional.some) + [count.map(String.init), detail]
            return fields.map { Self.field($0 ?? "") }.joined(separator: ",")
        }
    }

    private static func field(_ text: String) -> String {
        guard text.contains(where: { ",\"\r\n".contains($0) }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}

/// Which entries are wanted. What is nil holds of all.
struct AuditFilter {
    /// As the log writes times.
    var since: String?
    var until: String?
    var key: String?
    var user: String?
    var card: String?
    var phoneHash: String?
    var customer: String?
    var changesOnly = false

    /// Whether a file may have entries that are wanted. One of a day may have some of the end of
    /// the day before, and has none of the day after.
    func mayHave(_ file: AuditFileName) -> Bool {
        if let until, file.day > until.prefix(10), Self.day(before: file.day) > until.prefix(10) {
            return false
        }
        return since.map { file.day >= $0.prefix(10) } ?? true
    }

    private static func day(before day: String) -> String {
        let noon = ISO8601DateFormatter().date(from: day + "T12:00:00Z")
        return noon.map { String(($0 - 86_400).formatted(.iso8601).prefix(10)) } ?? day
    }

    /// Tells most lines that are not wanted, without reading them as JSON.
    func mayMatch(_ line: [UInt8]) -> Bool {
        if line.isEmpty { return false }
        return [card, phoneHash].compactMap(\.self).allSatisfy { needle in
            line.firstRange(of: Array("\"\(needle)\"".utf8)) != nil
        }
    }

    func matches(_ row: AuditRow) -> Bool {
        if let since, row.time < since { return false }
        if let until, row.time >= until { return false }
        if let key, row.keyID != key, row.key != key { return false }
        if let user, row.user != user { return false }
        if let card, !(row.cardIDs ?? []).contains(card) { return false }
        if let phoneHash, !(row.phones ?? []).contains(where: { $0.hash == phoneHash }) {
            return false
        }
        if let customer, !(row.customerIDs ?? []).contains(customer) { return false }
        return !changesOnly || row.did == "change"
    }
}
