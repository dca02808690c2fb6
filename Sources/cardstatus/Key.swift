import ArgumentParser
import CardAPI
import CardModel
import CardStore
import Foundation

/// `cardstatus key`
struct Key: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Create, list and revoke API keys.",
        discussion: """
            Once a store has a key, every look-up needs one. A running server notices changes \
            within a second.

            ROLES
              lookup   cards by ID and phone, batches, metrics
              agent    the same, and histories, events and customers
              ingest   look-ups, and what brings data in: events, files, feeds, runs
              admin    everything
            A key that was made before there were roles is an admin's.

            EXAMPLES
              cardstatus key create --data-dir data --name call-centre --role agent
              cardstatus key create --data-dir data --name courier --role ingest \\
                --feed delivered --expires 90d
              cardstatus key list --data-dir data
              cardstatus key revoke --data-dir data call-centre
            """,
        subcommands: [Create.self, List.self, Revoke.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a key and print it. It is shown this once only.")

        @OptionGroup var store: StoreOptions

        @Option(name: .long, help: "What to call the key: 1 to 64 bytes, not in use yet.")
        var name: String

        @Option(
            name: .long,
            help: "lookup, agent, ingest or admin: the least that will do is the safest.")
        var role = "lookup"

        @Option(
            name: .long,
            help: ArgumentHelp(
                "When the key stops to be valid: 90d, 12h, 2026-12-31 (at its end, UTC) or a time "
                    + "such as 2026-12-31T12:00:00Z (default: never).", valueName: "when"))
        var expires: String?

        @Option(
            name: .long,
            help: "The only feed that a key for ingest may report for (default: any).")
        var feed: String?

        func run() throws {
            let role = try checkedRole()
            let feed = try checkedFeed(role)
            let now = Date()
            let expiresAt = try expires.map { text in
                guard let date = KeyExpiry.parse(text, now: now) else {
                    throw CommandFailure.misused(
                        "--expires must be a time to come, such as 90d, 12h, 2026-12-31 or "
                            + "2026-12-31T12:00:00Z, not '\(text)'")
                }
                return UInt64(date.timeIntervalSince1970)
            }
            guard (1...StoredKey.nameMaxCount).contains(name.utf8.count) else {
                throw CommandFailure.misused("--name must have 1 to 64 bytes")
            }
            let settings = try self.store.settings()
            let store = try self.store.openStore(settings, create: true)
            if try store.keys().contains(where: { $0.name == name }) {
                throw CommandFailure.failed("there is a key called '\(name)' already")
            }
            let key = APIKey()
            let stored = StoredKey(
                hash: key.hash, name: name, createdAt: UInt64(now.timeIntervalSince1970),
                role: role, expiresAt: expiresAt, feed: feed)
            try store.addKey(stored)
            do {
                var output = ResultOutput.standardOutput()
                try output.line(key.text)
                try output.finish()
            } catch {
                // Nobody saw it, so nobody could use or miss it.
                _ = try store.removeKey(hash: key.hash)
                throw error
            }
            CommandAudit.note(.change, "key create", in: store.directory, settings) {
                $0.detail = "\(stored.id) '\(name)' \(role.rawValue)"
            }
            Terminal.line("Keep it now: it cannot be shown again.")
        }

        private func checkedRole() throws -> KeyRole {
            guard let role = KeyRole(rawValue: self.role) else {
                throw CommandFailure.misused(
                    "--role must be lookup, agent, ingest or admin, not '\(self.role)'")
            }
            return role
        }

        private func checkedFeed(_ role: KeyRole) throws -> FeedID? {
            guard let feed else { return nil }
            guard role == .ingest else {
                throw CommandFailure.misused("--feed is for keys with --role ingest")
            }
            guard let id = FeedID(feed) else {
                throw CommandFailure.misused(
                    "--feed must be 1 to 32 of a-z, 0-9 and '-', not '\(feed)'")
            }
            return id
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the keys: what they are for, how long, when they were last used.",
            discussion: """
                A running server tells the store once a minute which keys were used.
                """)

        @OptionGroup var store: StoreOptions

        func run() throws {
            let store = try self.store.openStore(try self.store.settings(), create: false)
            var table = TextTable(
                columns: ["id", "name", "role", "feed", "created", "expires", "last used"]
                    .map { ($0, .left) })
            let now = Date()
            for key in try store.keys().sorted(by: { $0.createdAt < $1.createdAt }) {
                let isExpired = key.isExpired(at: UInt64(now.timeIntervalSince1970))
                table.add([
                    key.id, key.name, key.role.rawValue, key.feed?.description ?? "any",
                    Self.text(key.createdAt),
                    key.expiresAt.map(Self.text).map { isExpired ? $0 + " (expired)" : $0 }
                        ?? "never",
                    key.lastUsedAt.map(Self.text) ?? "never",
                ])
            }
            var output = ResultOutput.standardOutput()
            try output.write(table.text.utf8)
            try output.finish()
        }

        private static func text(_ seconds: UInt64) -> String {
            ISO8601DateFormatter().string(
                from: Date(timeIntervalSince1970: TimeInterval(seconds)))
        }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Revoke a key.")

        @OptionGroup var store: StoreOptions

        @Argument(help: "The key's id or name, as 'key list' shows them.")
        var key: String

        func run() throws {
            let settings = try self.store.settings()
            let store = try self.store.openStore(settings, create: false)
            let matching = try store.keys().filter { $0.id == key || $0.name == key }
            guard let found = matching.first, try store.removeKey(hash: found.hash) else {
                throw CommandFailure.failed("there is no key '\(key)'")
            }
            CommandAudit.note(.change, "key revoke", in: store.directory, settings) {
                $0.detail = "\(found.id) '\(found.name)' \(found.role.rawValue)"
            }
            Terminal.line("Key '\(found.name)' (\(found.id)) is revoked.")
            if try store.keys().isEmpty {
                Terminal.line(
                    "That was the last key: a server that listens on loopback now needs none.")
            }
        }
    }
}
