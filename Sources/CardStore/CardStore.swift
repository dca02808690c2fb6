internal import Glibc
internal import LMDBKit

/// Cards, their events and what belongs to them, kept in LMDB. docs/store.md has the schema.
///
/// Reading is safe from any thread and never waits for writing. Every method reads one consistent
/// snapshot. Writing is for one thread of the process at a time (`CardWriter` is its only caller
/// in a server); other processes may write too, and LMDB makes them take turns.
public final class CardStore: Sendable {
    package static let schemaVersion: UInt32 = 4
    /// Older schemas, which opening a store brings up to this one.
    private static let migratable: ClosedRange<UInt64> = 1...3

    /// 1 TiB of address space: it costs nothing until it is used, and a map that is too small
    /// stops writing.
    public static let defaultMapSizeBytes = 1 << 40

    /// New events stop when this share of the map is used, so that there is room left for voids.
    package static let newEventsMapShare = 0.95

    /// New events come back when, after that, no more than this share is in use.
    static let newEventsAgainMapShare = 0.90

    public let directory: String
    let environment: Environment
    let databases: Databases
    let erasureCache = ErasureCache()

    /// The handles of all named databases.
    struct Databases: Sendable {
        let cards: Database
        let phones: Database
        let times: Database
        let changes: Database
        let keys: Database
        let runs: Database
        let rejects: Database
        let sources: Database
        let customers: Database
        let customerMarks: Database
        let erasures: Database
        let meta: Database

        subscript(_ database: StoredDatabase) -> Database {
            switch database {
            case .cards: cards
            case .phones: phones
            case .times: times
            case .changes: changes
            case .keys: keys
            case .runs: runs
            case .rejects: rejects
            case .sources: sources
            case .customers: customers
            case .customerMarks: customerMarks
            case .erasures: erasures
            case .meta: meta
            }
        }
    }

    /// Opens the store in `directory`. A process must open a store once only.
    ///
    /// - Parameters:
    ///   - create: makes the directory (mode 0700) and the store when there is none.
    ///   - readsAtRandom: for who mostly looks up single cards: what is not in memory is read from
    ///     the disk page by page.
    public init(
        directory: String, create: Bool, mapSizeBytes: Int = defaultMapSizeBytes,
        readsAtRandom: Bool = false
    ) throws(StoreError) {
        self.directory = directory
        try Self.prepare(directory, create: create)
        if create { try Self.makeIfMissing(in: directory, mapSizeBytes: mapSizeBytes) }
        // Opening it would wait until then, without a word.
        if EnvironmentLock.isHeld(in: directory) { throw .beingRebuilt(directory: directory) }
        do {
            environment = try Environment(
                path: directory,
                options: .init(
                    mapSizeBytes: mapSizeBytes, isReadAtRandom: readsAtRandom,
                    turnPath: ServerLock.path(in: directory)))
            // A process that died in a read transaction would keep old pages from being reused.
            try environment.clearStaleReaders()
            databases = try Self.openDatabases(environment, directory: directory, create: create)
        } catch {
            throw Self.storeError(error, directory: directory)
        }
    }

    /// Makes a store in place, in a folder that is nobody else's.
    init(making folder: String, mapSizeBytes: Int) throws(StoreError) {
        directory = folder
        do {
            environment = try Environment(
                path: folder, options: .init(mapSizeBytes: mapSizeBytes))
            databases = try Self.openDatabases(environment, directory: folder, create: true)
        } catch {
            throw Self.storeError(error, directory: folder)
        }
    }

    /// Opens a data file that nobody writes, such as a copy that was just made, for reading only.
    init(stillFile path: String) throws(StoreError) {
        directory = path
        do {
            environment = try Environment(
                path: path,
                options: .init(mapSizeBytes: Self.defaultMapSizeBytes, isStillFile: true))
            databases = try Self.openDatabases(environment, directory: path, create: false)
        } catch {
            throw Self.storeError(error, directory: path)
        }
    }

    static func prepare(_ directory: String, create: Bool) throws(StoreError) {
        if create { _ = try PartialFile.makeFolder(directory) }
        var status = stat()
        if !create, stat(directory + "/data.mdb", &status) != 0 {
            // ENOENT is the usual mistake; whatever else it is must not read as "no store".
            if errno == ENOENT { throw .noStore(directory: directory) }
            throw .inaccessible(path: directory, reason: String(cString: strerror(errno)))
        }
        // LMDB maps the lock file, and touching a page of a map for which the disk has no room ends
        // the process. Whoever opens the store second sees to it that the file has all its blocks,
        // so that it can be opened, looked at and served also once the disk is full.
        if !EnvironmentLock.allocateFile(in: directory), DiskSpace.isUsedUp(of: directory) {
            throw .diskFull(directory: directory)
        }
    }

    private static func openDatabases(
        _ environment: Environment, directory: String, create: Bool
    ) throws -> Databases {
        // A read comes first: a store that is complete already must open beside a long writer.
        var isNew = false
        let existing: Databases? = try environment.read { transaction in
            guard let meta = try transaction.openDatabase(StoredDatabase.meta.rawValue) else {
                isNew = true
                // All our databases are made in one transaction: without `meta`, whatever else
                // is there is somebody else's.
                let main = try transaction.openMainDatabase()
                guard try transaction.entryCount(of: main) == 0 else {
                    throw StoreError.foreign(directory: directory)
                }
                return nil
            }
            let schema = try MetaValue.read(MetaValue.schema, transaction, meta)[0]
            if migratable.contains(schema) { return nil }
            guard schema == schemaVersion else {
                throw StoreError.schema(
                    found: UInt32(truncatingIfNeeded: schema), supported: schemaVersion)
            }
            return try databases { name in
                guard let database = try transaction.openDatabase(name) else {
                    throw StoreError.damaged(database: name, what: "the database is missing")
                }
                return database
            }
        }
        if let existing { return existing }
        guard create || !isNew else { throw StoreError.noStore(directory: directory) }
        // A server of an older version goes on writing as its schema has it, and knows nothing of
        // erasures. One of this version has brought the store up to date before it served it. Who
        // repairs a store holds the lock too.
        if !isNew, ServerLock.isHeld(in: directory),
            ServerLock.holder(in: directory) != Int(getpid())
        {
            throw StoreError.alreadyServed(
                directory: directory, by: "a server of an older version")
        }
        return try environment.write { transaction in
            let made = try databases { try transaction.createDatabase($0) }
            // Another process may have made the store since our read.
            guard try transaction.entryCount(of: made.meta) == 0 else {
                try migrate(made, &transaction)
                return made
            }
            var values: [(String, [UInt64])] = [
                (MetaValue.schema, [UInt64(schemaVersion)]), (MetaValue.sequence, [0]),
                (MetaValue.keysVersion, [0]), (MetaValue.lastRun, [0]),
                (MetaValue.customers, [0, 0]), (MetaValue.erasuresApplied, [0]),
            ]
            for database in StoredDatabase.totalled {
                values.append((MetaValue.totals(database), [0, 0]))
            }
            for (name, integers) in values {
                try MetaValue.write(name, integers, &transaction, made.meta)
            }
            return made
        }
    }

    /// Brings a store of an older schema up to this one: what it lacks are whole databases, which
    /// were just made.
    private static func migrate(
        _ databases: Databases, _ transaction: inout WriteTransaction
    ) throws {
        let schema = try MetaValue.read(MetaValue.schema, transaction, databases.meta)[0]
        guard migratable.contains(schema) else { return }
        var values = StoredDatabase.sealed.map { (MetaValue.totals($0), [UInt64(0), 0]) }
        values += [
            (MetaValue.lastRun, [0]), (MetaValue.customers, [0, 0]),
            (MetaValue.erasuresApplied, [0]),
        ]
        for (name, integers) in values {
            let key = Array(name.utf8)
            // Some of them came with a schema between.
            guard try transaction.value(of: key.span.bytes, in: databases.meta) == nil else {
                continue
            }
            try MetaValue.write(name, integers, &transaction, databases.meta)
        }
        let now = [UInt64(schemaVersion)]
        try MetaValue.write(MetaValue.schema, now, &transaction, databases.meta)
    }

    private static func databases(
        _ open: (String) throws -> Database
    ) rethrows -> Databases {
        Databases(
            cards: try open(StoredDatabase.cards.rawValue),
            phones: try open(StoredDatabase.phones.rawValue),
            times: try open(StoredDatabase.times.rawValue),
            changes: try open(StoredDatabase.changes.rawValue),
            keys: try open(StoredDatabase.keys.rawValue),
            runs: try open(StoredDatabase.runs.rawValue),
            rejects: try open(StoredDatabase.rejects.rawValue),
            sources: try open(StoredDatabase.sources.rawValue),
            customers: try open(StoredDatabase.customers.rawValue),
            customerMarks: try open(StoredDatabase.customerMarks.rawValue),
            erasures: try open(StoredDatabase.erasures.rawValue),
            meta: try open(StoredDatabase.meta.rawValue))
    }

    /// Every error that leaves the store is a ``StoreError``; what a caller's closure threw passes.
    package static func storeError(_ error: any Error, directory: String) -> StoreError {
        switch error {
        case let error as StoreError: error
        case let error as LMDBError: StoreError(error, directory: directory)
        default: .failed("\(error)")
        }
    }

    /// Runs a read transaction, with LMDB's errors translated and the closure's own left alone.
    func read<R>(_ body: (borrowing ReadTransaction) throws -> R) throws -> R {
        do {
            return try environment.read(body)
        } catch let error as LMDBError {
            throw StoreError(error, directory: directory)
        }
    }

    /// As ``read(_:)``, for the write transaction.
    func write<R>(_ body: (inout WriteTransaction) throws -> R) throws -> R {
        do {
            return try environment.write(body)
        } catch let error as LMDBError where error == .mapFull {
            throw StoreError.mapFull(
                usedBytes: environment.usedBytes, mapSizeBytes: environment.mapSizeBytes)
        } catch let error as LMDBError {
            throw StoreError(error, directory: directory)
        }
    }

    /// Changes with every commit of any process. Cheap enough to poll: no transaction is opened.
    public var lastTransactionID: Int { environment.lastTransactionID }

    /// The ID of the commit that a snapshot taken now shows. Behind ``lastTransactionID`` while
    /// another process is between writing a commit and letting readers have it, which lasts as long
    /// as it waits for the disk, or for the processor. Costs no more than a read transaction.
    public func snapshotTransactionID() throws -> Int {
        try read { $0.id }
    }

    /// What the store holds and uses.
    public struct Statistics: Sendable {
        public let cards: Int
        public let phones: Int
        public let events: Int
        public let changes: Int
        public let lastSequence: UInt64
        public let usedBytes: Int
        public let mapSizeBytes: Int
    }

    public func statistics() throws -> Statistics {
        try read { transaction in
            Statistics(
                cards: try transaction.entryCount(of: databases.cards),
                phones: try transaction.entryCount(of: databases.phones),
                events: try transaction.entryCount(of: databases.times),
                changes: try transaction.entryCount(of: databases.changes),
                lastSequence: try lastSequence(transaction),
                usedBytes: environment.usedBytes, mapSizeBytes: environment.mapSizeBytes)
        }
    }
}
