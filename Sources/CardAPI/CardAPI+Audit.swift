internal import CardAudit
internal import CardModel
internal import HTTPFront

/// What the audit log is told. Look-ups are noted when their answer is made, changes when it is
/// known what became of them; a request that was refused before it came to anybody's data is not.
extension CardAPI {
    /// Whose look-ups are noted, as bits of a ``KeyGrant``.
    static func auditedGrants(_ scope: AuditScope?) -> UInt64 {
        switch scope {
        case .all: KeyGrant.everybodyBit
        case .agents: KeyGrant.personBit
        case .off, nil: 0
        }
    }

    /// Notes a look-up of one card or phone: without a lock, and without memory unless the address
    /// has to be read out of a proxy's header.
    @inline(never)
    func note(
        _ subject: LookUpRecord.Subject, of route: Route, _ grant: KeyGrant,
        _ request: borrowing Request, status: Int
    ) {
        records.audit?.note(
            LookUpRecord(
                nanos: request.startNanos, keyNumber: grant.keyNumber,
                client: request.client(trusting: trustedProxies), route: UInt8(route.rawValue),
                status: UInt16(status), subject: subject),
            worker: request.worker)
    }

    /// A note of a look-up, to be ended when the answer is made; nil when it is not to be noted.
    func lookUpNote(
        _ route: Route, _ grant: KeyGrant, _ request: borrowing Request
    ) -> AuditNote? {
        guard grant.isAmong(auditedGrants) else { return nil }
        return note(.lookUp, route, grant, request)
    }

    /// A note of a change; nil when nothing is noted.
    func changeNote(
        _ route: Route, _ grant: KeyGrant, _ request: borrowing Request
    ) -> AuditNote? {
        note(.change, route, grant, request)
    }

    private func note(
        _ deed: AuditEntry.Deed, _ route: Route, _ grant: KeyGrant, _ request: borrowing Request
    ) -> AuditNote? {
        guard let audit = records.audit else { return nil }
        return AuditNote(
            log: audit,
            entry: AuditEntry(
                actor: grant.keyNumber == 0 ? .anybody : .key(grant.keyNumber),
                address: request.client(trusting: trustedProxies)?.description ?? "unix",
                deed: deed, what: route.name))
    }
}

/// An entry of the audit log that waits for what becomes of its request.
struct AuditNote: Sendable {
    let log: AuditLog
    var entry: AuditEntry

    /// - Parameter status: of the answer; nil when nobody waited for it any more.
    func end(status: Int?) {
        var entry = entry
        entry.status = status
        log.note(entry)
    }
}

extension BatchKeys {
    /// The keys that are some, as the audit log names them.
    func subjects(of entry: inout AuditEntry) {
        entry.cards = cards
        entry.phones = others.compactMap { other in
            if case .phone(let phone) = other.key { phone } else { nil }
        }
    }
}

extension DeferredReply {
    /// Answers, and notes what was answered.
    func answer(noting note: AuditNote?, _ write: (inout Reply) -> Void) {
        var status: Int?
        answer { reply in
            write(&reply)
            status = reply.status
        }
        note?.end(status: status)
    }
}
