import ArgumentParser
import CardStore
import Foundation
import ZlibKit

/// `cardstatus restore`
struct Restore: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a store of an export.",
        discussion: """
            Reads what 'cardstatus export' wrote, NDJSON or CSV, gzip or not; several files are \
            the pieces of one export, in their order. The store is made anew, in a directory that \
            has none, and has the same export again, byte for byte. It is all or nothing: when a \
            line cannot be used, it is named and no store is made. API keys are not part of an \
            export; make new ones.

            EXAMPLES
              cardstatus restore --data-dir new events.ndjson.gz
              cardstatus export --data-dir old | cardstatus restore --data-dir new -
            """)

    private static let chunkBytes = 1 << 18
    private static let progressEvents = 100_000

    @OptionGroup var store: StoreOptions

    @Argument(help: ArgumentHelp("Files, or '-' for standard input.", valueName: "file"))
    var files: [String]

    func run() throws {
        let settings = try store.settings()
        let directory = try settings.dataDirectory(store.dataDir)
        do {
            let restore = try StoreRestore(
                directory: directory, mapSizeBytes: try settings.mapSizeBytes(store.mapSize))
            try read(into: restore)
            try restore.finish()
            CommandAudit.note(.change, "restore", in: directory, settings) {
                $0.detail = "\(restore.cards) cards, \(restore.events) events"
            }
            Terminal.clearProgress()
            Terminal.line("\(restore.cards) cards, \(restore.events) events: \(directory)")
        } catch let error as StoreError {
            Terminal.clearProgress()
            throw CommandFailure.failed("\(error)")
        }
    }

    private func read(into restore: StoreRestore) throws {
        var reader = ExportReader { try restore.setErasures($0) }
        var shown = 0
        let onCard: ExportReader.OnCard = { card, events in
            if Terminal.isInteractive, restore.events - shown >= Self.progressEvents {
                shown = restore.events
                Terminal.progress("\(restore.cards) cards, \(restore.events) events")
            }
            return try restore.add(card, events)
        }
        for file in files where !reader.isGivingUp {
            reader.beginFile(file == "-" ? "standard input" : file)
            var input = try ExportInput(file)
            while !reader.isGivingUp {
                let bytes = try input.read(upTo: Self.chunkBytes)
                if bytes.isEmpty { break }
                try reader.read(bytes, onCard)
            }
            if !reader.isGivingUp { try reader.endFile(onCard) }
        }
        if !reader.isGivingUp { try reader.finish(onCard) }
        guard reader.problems.isEmpty else {
            Terminal.clearProgress()
            for problem in reader.problems { Terminal.line(problem) }
            throw CommandFailure.failed("this is not a whole export; nothing was restored")
        }
    }
}

/// A file's bytes, or standard input's, unpacked when they are gzip, which the first ones tell.
private struct ExportInput: ~Copyable {
    private let descriptor: Int32
    private let path: String
    private var isAtStart = true
    private var inflater: GzipInflater?
    private var packed: [UInt8] = []

    init(_ path: String) throws {
        self.path = path
        descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(path) }
    }

    deinit { if descriptor != STDIN_FILENO { close(descriptor) } }

    /// Empty at the end.
    mutating func read(upTo count: Int) throws -> [UInt8] {
        if isAtStart {
            isAtStart = false
            let start = try readFile(count)
            guard start.starts(with: GzipInflater.magic) else { return start }
            inflater = GzipInflater()
            packed = start
        }
        guard inflater != nil else { return try readFile(count) }
        while true {
            let isAtEnd: Bool
            if packed.isEmpty {
                packed = try readFile(count)
                isAtEnd = packed.isEmpty
            } else {
                isAtEnd = false
            }
            let unpacked = try unpack(count)
            if !unpacked.isEmpty { return unpacked }
            if isAtEnd {
                do {
                    try inflater?.finish()
                } catch {
                    throw CommandFailure.failed("\(path): \(error)")
                }
                return []
            }
        }
    }

    private mutating func unpack(_ count: Int) throws -> [UInt8] {
        let input = packed
        var output = [UInt8](repeating: 0, count: count)
        do {
            let result = try output.withUnsafeMutableBytes { output in
                try input.withUnsafeBytes { try inflater?.inflate($0, into: output) }
            }
            guard let result else { return [] }
            packed.removeFirst(result.consumed)
            output.removeLast(count - result.written)
            return output
        } catch {
            throw CommandFailure.failed("\(path): \(error)")
        }
    }

    /// At least two bytes unless there are fewer, so that gzip can be told.
    private func readFile(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < 2 {
            let read = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress?.advanced(by: filled), count - filled)
            }
            if read < 0, errno == EINTR { continue }
            guard read >= 0 else { throw Self.failure(path) }
            if read == 0 { break }
            filled += read
        }
        bytes.removeLast(count - filled)
        return bytes
    }

    private static func failure(_ path: String) -> CommandFailure {
        .failed("cannot read \(path): \(String(cString: strerror(errno)))")
    }
}
