import ArgumentParser
import CardAPI
import CardStore
import Foundation

/// `cardstatus key`
struct Key: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Create, list and revoke API keys.",
        discussion: """
            Once a store has a key, every look-up needs one. A running server notices changes \
            within a second.

            EXAMPLES
              cardstatus key create --data-dir data --name call-centre
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

        func run() throws {
            guard (1...StoredKey.nameMaxCount).contains(name.utf8.count) else {
                throw CommandFailure.misused("--name must have 1 to 64 bytes")
            }
            let store = try self.store.openStore(try self.store.settings(), create: true)
            if try store.keys().contains(where: { $0.name == name }) {
                throw CommandFailure.failed("there is a key called '\(name)' already")
            }
            let key = APIKey()
            try store.addKey(
                StoredKey(
                    hash: key.hash, name: name,
                    createdAt: UInt64(Date().timeIntervalSince1970)))
            do {
                var output = ResultOutput.standardOutput()
                try output.line(key.text)
                try output.finish()
            } catch {
                // Nobody saw it, so nobody could use or miss it.
                _ = try store.removeKey(hash: key.hash)
                throw error
            }
            Terminal.line("Keep it now: it cannot be shown again.")
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the keys.")

        @OptionGroup var store: StoreOptions

        func run() throws {
            let store = try self.store.openStore(try self.store.settings(), create: false)
            var table = TextTable(
                columns: [("id", .left), ("name", .left), ("created", .left)])
            for key in try store.keys().sorted(by: { $0.createdAt < $1.createdAt }) {
                let date = Date(timeIntervalSince1970: TimeInterval(key.createdAt))
                table.add([key.id, key.name, ISO8601DateFormatter().string(from: date)])
            }
            var output = ResultOutput.standardOutput()
            try output.write(table.text.utf8)
            try output.finish()
        }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Revoke a key.")

        @OptionGroup var store: StoreOptions

        @Argument(help: "The key's id or name, as 'key list' shows them.")
        var key: String

        func run() throws {
            let store = try self.store.openStore(try self.store.settings(), create: false)
            let matching = try store.keys().filter { $0.id == key || $0.name == key }
            guard let found = matching.first, try store.removeKey(hash: found.hash) else {
                throw CommandFailure.failed("there is no key '\(key)'")
            }
            Terminal.line("Key '\(found.name)' (\(found.id)) is revoked.")
            if try store.keys().isEmpty {
                Terminal.line(
                    "That was the last key: a server that listens on loopback now needs none.")
            }
        }
    }
}
