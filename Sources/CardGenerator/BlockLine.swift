internal import Glibc

/// Where the threads of a run queue up: each takes the next block to make, and writes it when all
/// blocks before it are written.
///
/// `@unchecked Sendable`: the mutex guards everything that changes, save for the files, which are
/// the turn's: the mutex hands them from one thread to the next. Mutex and condition live at fixed
/// addresses until `deinit`.
final class BlockLine: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let options: CardGenerator.Options
    private let blockCount: Int
    private let files: [OutputFile]

    private var nextToMake = 0
    private var nextToWrite = 0
    private var failure: GeneratorError?
    private var runningThreads = 0
    private var manifest = Manifest()

    init(_ options: CardGenerator.Options, files: [OutputFile]) {
        self.options = options
        self.files = files
        blockCount = (options.cards + Block.cards - 1) / Block.cards
        require(pthread_mutex_init(mutex, nil))
        require(pthread_cond_init(condition, nil))
    }

    deinit {
        require(pthread_cond_destroy(condition))
        require(pthread_mutex_destroy(mutex))
        condition.deallocate()
        mutex.deallocate()
    }

    /// Makes and writes all blocks, and calls `onProgress` on this thread now and then.
    func run(
        _ onProgress: (CardGenerator.Progress) -> Void
    ) throws(GeneratorError) -> Manifest {
        var threads: [pthread_t] = []
        for _ in 0..<min(options.threads, blockCount) {
            var thread = pthread_t()
            // The thread releases what is retained here.
            let line = Unmanaged.passRetained(self).toOpaque()
            withLock { runningThreads += 1 }
            require(pthread_create(&thread, nil, generateBlocks, line))
            threads.append(thread)
        }
        while let progress = waitForProgress() { onProgress(progress) }
        for thread in threads { require(pthread_join(thread, nil)) }
        if let failure { throw failure }
        return manifest
    }

    /// Waits a tenth of a second; nil when all threads have ended.
    private func waitForProgress() -> CardGenerator.Progress? {
        withLock {
            guard runningThreads > 0 else { return nil }
            var deadline = timespec()
            require(clock_gettime(CLOCK_REALTIME, &deadline))
            deadline.tv_nsec += 100_000_000
            if deadline.tv_nsec >= 1_000_000_000 {
                deadline.tv_nsec -= 1_000_000_000
                deadline.tv_sec += 1
            }
            while runningThreads > 0 {
                let code = pthread_cond_timedwait(condition, mutex, &deadline)
                if code == ETIMEDOUT { break }
                require(code)
            }
            return CardGenerator.Progress(
                cards: min(nextToWrite * Block.cards, options.cards), totalCards: options.cards,
                bytes: manifest.bytes)
        }
    }

    /// What each thread does.
    fileprivate func work() {
        var block = Block(options)
        while let index = takeNext() {
            block.generate(index)
            guard waitForTurn(index) else { break }
            write(block)
        }
        withLock {
            runningThreads -= 1
            require(pthread_cond_broadcast(condition))
        }
    }

    private func takeNext() -> Int? {
        withLock {
            guard failure == nil, nextToMake < blockCount else { return nil }
            defer { nextToMake += 1 }
            return nextToMake
        }
    }

    /// False when the run has failed meanwhile.
    private func waitForTurn(_ index: Int) -> Bool {
        withLock {
            while nextToWrite != index, failure == nil {
                require(pthread_cond_wait(condition, mutex))
            }
            return failure == nil
        }
    }

    private func write(_ block: borrowing Block) {
        var problem: GeneratorError?
        do throws(GeneratorError) {
            for (index, file) in files.enumerated() { try file.write(block.bytes[index]) }
        } catch {
            problem = error
        }
        withLock {
            manifest.add(block.manifest)
            failure = problem
            nextToWrite += 1
            require(pthread_cond_broadcast(condition))
        }
    }

    private func withLock<R>(_ body: () -> R) -> R {
        require(pthread_mutex_lock(mutex))
        defer { require(pthread_mutex_unlock(mutex)) }
        return body()
    }
}

private nonisolated func generateBlocks(
    _ line: UnsafeMutableRawPointer?
) -> UnsafeMutableRawPointer? {
    guard let line else { preconditionFailure("a thread starts with its line") }
    Unmanaged<BlockLine>.fromOpaque(line).takeRetainedValue().work()
    return nil
}

/// These calls fail only when they are used wrongly, or no thread can be made.
private func require(_ code: CInt) {
    precondition(code == 0, "a call of the threads library failed with \(code)")
}
