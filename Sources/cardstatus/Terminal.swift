import Foundation

/// What commands say to people: on standard error, so that standard output is the result alone.
enum Terminal {
    static let isInteractive = isatty(STDERR_FILENO) == 1

    static func error(_ message: String) {
        line("cardstatus: \(message)")
    }

    static func line(_ text: String) {
        write(text + "\n")
    }

    /// Replaces the line that the cursor is on.
    static func progress(_ text: String) {
        write("\r\u{1B}[K" + text)
    }

    static func clearProgress() {
        if isInteractive { write("\r\u{1B}[K") }
    }

    /// A closed standard error leaves nobody to tell.
    private static func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }
}
