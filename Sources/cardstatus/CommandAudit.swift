import CardAudit
import Foundation

/// What commands leave in the audit log of their store.
enum CommandAudit {
    /// Notes what a command did. It has been done by then, so that it cannot be noted is said, and
    /// is no failure of the command.
    ///
    /// - Parameter change: adds to the entry what the command was about.
    static func note(
        _ deed: AuditEntry.Deed, _ command: String, in directory: String, _ settings: Settings,
        _ change: (inout AuditEntry) -> Swift.Void
    ) {
        do {
            guard try settings.auditScope() != .off else { return }
            var entry = AuditEntry(actor: .user(user), deed: deed, what: command)
            change(&entry)
            try AuditFolder(ofStore: directory).append(entry)
        } catch {
            Terminal.error("the audit log has no entry of this: \(error)")
        }
    }

    /// Who runs the command, and as whom if that is somebody else.
    private static var user: String {
        let own = name(of: getuid())
        guard getuid() == 0, let text = ProcessInfo.processInfo.environment["SUDO_UID"],
            let caller = uid_t(text), caller != 0
        else { return own }
        return "\(name(of: caller)) as \(own)"
    }

    private static func name(of user: uid_t) -> String {
        guard let entry = getpwuid(user) else { return "uid \(user)" }
        return String(cString: entry.pointee.pw_name)
    }
}
