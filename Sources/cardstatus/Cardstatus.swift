import ArgumentParser
import Foundation

/// The program. Every subcommand has a file of its own.
@main
struct Cardstatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cardstatus",
        abstract: "Where is this card? Partners' reports, merged, kept and served.",
        discussion: """
            Every setting can also be an environment variable, whose name stands in brackets in \
            its option's help (CARDSTATUS_DATA_DIR for --data-dir). An option beats its variable, \
            and a variable beats the configuration file.

            EXAMPLES
              cardstatus load --data-dir data Samples
              cardstatus get --data-dir data ZYW8827
              cardstatus serve --data-dir data
              curl http://127.0.0.1:8080/api/cards/ZYW8827

            EXIT STATUS
              0  success
              1  failure
              2  unusable arguments
            """,
        version: Version.text,
        subcommands: [
            Serve.self, Load.self, Void.self, Get.self, Export.self, Restore.self, Backup.self,
            Check.self, Erase.self, Key.self, Audit.self, Generate.self,
        ])

    static func main() async {
        StandardDescriptors.fill()
        do {
            var command = try parseAsRoot()
            if var asyncCommand = command as? any AsyncParsableCommand {
                try await asyncCommand.run()
            } else {
                try command.run()
            }
        } catch {
            exit(with: error)
        }
    }

    /// Exits as docs/protocol.md says: ArgumentParser's own status for misuse is 64.
    private static func exit(with error: any Error) -> Never {
        if let failure = error as? CommandFailure {
            if let message = failure.message { Terminal.error(message) }
            Foundation.exit(failure.exitCode)
        }
        let code = exitCode(for: error)
        if code == .success {
            print(fullMessage(for: error))
            Foundation.exit(0)
        }
        if code == .validationFailure {
            Terminal.line(fullMessage(for: error))
            Foundation.exit(2)
        }
        Terminal.error("\(error)")
        Foundation.exit(1)
    }
}

/// What ends a command early.
struct CommandFailure: Error, CustomStringConvertible {
    /// nil when all was said already.
    let message: String?
    let exitCode: Int32

    var description: String { message ?? "exit status \(exitCode)" }

    /// The command could not do its work.
    static func failed(_ message: String?) -> CommandFailure {
        CommandFailure(message: message, exitCode: 1)
    }

    /// The arguments cannot be used.
    static func misused(_ message: String) -> CommandFailure {
        CommandFailure(message: message, exitCode: 2)
    }
}

enum Version {
    static let text = "0.1.0"
}
