internal import Glibc
internal import Synchronization

/// A file that is being uploaded. One thread at a time uses it.
///
/// What was written is worth nothing until ``finish(completion:)``: it goes with the object, or
/// with the next start.
public final class UploadedFile: Sendable {
    private struct State: Sendable {
        var descriptor: CInt
        var sizeBytes = 0
        var failure: FileError?
    }

    private let engine: RunEngine
    private let feed: String
    private let name: String
    private let path: String
    private let state: Mutex<State>

    /// Begins a file.
    ///
    /// - Parameter name: what the client calls it.
    public init(_ engine: RunEngine, feed: String, called name: String) throws(FileError) {
        self.engine = engine
        self.feed = feed
        self.name = Self.shown(name)
        let random = String(UInt64.random(in: 0 ... .max), radix: 36)
        path = "\(engine.directories.uploads)/\(random).part"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(path: path) }
        state = Mutex(State(descriptor: descriptor))
    }

    deinit {
        let descriptor = state.withLock { $0.descriptor }
        guard descriptor >= 0 else { return }
        close(descriptor)
        // Where this fails, the next start removes it.
        unlink(path)
    }

    /// A name that is fit for reports and part of none of our paths.
    private static func shown(_ name: String) -> String {
        let last = name.split(separator: "/").last.map(String.init) ?? "upload"
        return ShownText.make(Array(last.utf8), scalarsMax: 128)
    }

    /// Writes the next bytes; false when that fails, which ``finish(completion:)`` tells of.
    public func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        state.withLock { state in
            guard state.failure == nil else { return false }
            var done = 0
            while done < bytes.count {
                let count = Glibc.write(
                    state.descriptor, bytes.baseAddress! + done, bytes.count - done)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else {
                    state.failure = FileError(path: path)
                    return false
                }
                done += count
            }
            state.sizeBytes += bytes.count
            return true
        }
    }

    /// Makes the file durable and a run of it. Nothing is written after this.
    public func finish(completion: @escaping RunEngine.Completion) {
        let outcome: Result<Int, FileError> = state.withLock { state in
            if let failure = state.failure { return .failure(failure) }
            guard fsync(state.descriptor) == 0 else { return .failure(FileError(path: path)) }
            let code = close(state.descriptor)
            state.descriptor = -1
            guard code == 0 else { return .failure(FileError(path: path)) }
            return .success(state.sizeBytes)
        }
        switch outcome {
        case .success(let sizeBytes):
            let path = path
            engine.addUpload(path, sizeBytes: sizeBytes, called: name, of: feed) { result in
                if case .failure = result { unlink(path) }
                completion(result)
            }
        case .failure(let error):
            unlink(path)
            let isFull = error.reason == String(cString: strerror(ENOSPC))
            completion(.failure(isFull ? .full("\(error)") : .store("\(error)")))
        }
    }
}
