internal import CardService
internal import CardStore
internal import HTTPFront

/// The problems of calls that change something or take their time.
extension Problem {
    private static func conflict(_ what: String) -> Problem {
        Problem(
            status: 409, type: "urn:cardstatus:problem:conflict", title: "Conflict", detail: what)
    }

    private static func invalid(_ what: String) -> Problem {
        Problem(
            status: 422, type: "urn:cardstatus:problem:invalid", title: "Invalid", detail: what)
    }

    /// The request is JSON, and what it says cannot be written. The members of `errors` say why.
    static func invalidItems(_ problems: ItemProblems) -> Problem {
        var problem = invalid(
            "Nothing was written: \(problems.count) things are wrong with the items.")
        problem.errors = problems
        return problem
    }

    init(_ error: EventsError) {
        switch error {
        case .malformed(let what, let offset):
            self = .malformed("The body is no JSON of events: at byte \(offset), \(what).")
        case .noItems:
            self = .malformed("The array has no items.")
        case .tooManyItems:
            self = .tooLarge("A request has at most \(EventReader.countMax) items.")
        }
    }

    init(_ error: WriteError) {
        switch error {
        case .queueFull:
            self = .busy
        case .stopping:
            self = .late("The server is stopping; nothing was written.")
        case .store(let error):
            switch error {
            case .mapFull, .diskFull:
                self = Problem(
                    status: 507, type: "urn:cardstatus:problem:no-room", title: "No room",
                    detail: "Nothing was written: \(error).")
            case .damaged:
                self = .failed
            default:
                self = Problem(
                    status: 503, type: "urn:cardstatus:problem:writing-stopped",
                    title: "Writing has stopped",
                    detail: "The store cannot be written until the server is started again: "
                        + "\(error). What was asked for may have happened.")
                retryAfterSeconds = 30
            }
        }
    }

    init(_ error: ReloadError) {
        switch error {
        case .alreadyReloading, .alreadyFilling:
            self = .conflict("Nothing was done: \(error).")
        case .nothingToReload, .invalid:
            self = .invalid("Nothing was changed: \(error).")
        case .stopping:
            self = .late("The server is stopping.")
        case .failed(_, _, let report):
            let done = report.steps.map(\.name.rawValue)
            self = Problem(
                status: 500, type: Problem.failed.type, title: Problem.failed.title,
                detail: "\(error). Done before it: "
                    + (done.isEmpty ? "nothing." : done.joined(separator: ", ") + "."))
        }
    }

    init(_ error: BackupError) {
        switch error {
        case .noDirectory:
            self = .invalid(
                "There is no directory for backups: start the server with --backup-dir.")
        case .alreadyRunning:
            self = .conflict("Another backup is being made.")
        case .exists(let name):
            self = .conflict("There is something called '\(name.text)' in the backup directory.")
        case .stopping:
            self = .late("The server is stopping.")
        case .failed(.notEnoughRoom(_, let needed, let available)):
            self = Problem(
                status: 507, type: "urn:cardstatus:problem:no-room", title: "No room",
                detail: "The backup needs \(needed) bytes, and \(available) are free.")
        case .failed(.diskFull):
            self = Problem(
                status: 507, type: "urn:cardstatus:problem:no-room", title: "No room",
                detail: "There is no space left on the disk of the backup directory.")
        case .failed:
            self = Problem(
                status: 500, type: Problem.failed.type, title: Problem.failed.title,
                detail: "No backup was made; the server's log says why.")
        }
    }

    /// The log no longer reaches back, or never came to where the client says it is.
    static func changesGone(oldest: UInt64) -> Problem {
        var problem = Problem(
            status: 410, type: "urn:cardstatus:problem:changes-gone", title: "Changes gone",
            detail: "The change log does not reach from there to here; it begins at \(oldest)."
                + " Read what you need anew, then follow it from there.")
        problem.oldest = oldest
        return problem
    }

    /// An answer that did not come in time.
    static func late(_ what: String) -> Problem {
        var problem = notReady(what)
        problem.retryAfterSeconds = 1
        return problem
    }
}
