internal import CurlKit
internal import Glibc
internal import JSONStream

/// Where the documents of a pull go: each is read from a file, when it is there whole.
protocol DocumentSink: AnyObject {
    /// Reads a document.
    ///
    /// - Parameters:
    ///   - name: what people call it.
    ///   - values: places beside the records whose values are wanted.
    func read(
        _ path: String, called name: String, values: [String]
    ) throws -> (records: Int, values: [String?])
}

/// Fetches the documents of a feed, one page after the other, and hands them on.
///
/// A document is brought to a file first, and read from there: so a slow reader never holds up a
/// connection, one that is cut off is fetched again from its beginning without a trace, and no
/// document is in memory, whatever its length.
struct PullRun {
    /// Retries do not wait longer than this, nor longer than a server asks for.
    private static let retryDelayMsMax = 60_000
    private static let retryAfterSecondsMax = 300

    let rule: PullRule
    /// What the answer of the last pull was known by; nil to fetch it in any case.
    let validators: Validators?
    let spoolPath: String
    let values: [String]
    let shouldStop: () -> Bool
    /// Waits, and says false when the server stops meanwhile.
    let pause: (_ ms: Int) -> Bool
    /// Called between documents.
    let onProgress: (Progress) -> Void

    struct Validators: Equatable {
        var entityTag = ""
        var lastModified = ""
    }

    struct Progress {
        var pages = 0
        var bytes = 0
        var records = 0
    }

    struct Outcome {
        var validators = Validators()
        var isUnchanged = false
        /// How many records there are in all, as the last document that says so has it.
        var total: Int?
        var progress = Progress()
        /// What was odd and did no harm.
        var notes: [String] = []
    }

    /// Fetches and reads all.
    ///
    /// - Throws: ``RunFailure``, and what the sink throws. What was read before stays read.
    func run(into sink: any DocumentSink) throws -> Outcome {
        var client = HTTPClient()
        let headers = try secrets()
        var outcome = Outcome()
        var place = try firstPlace()
        var seen: Set<String> = []
        var previous: (digest: UInt64, records: Int)?
        while true {
            guard outcome.progress.pages < rule.pagesMax else {
                throw RunFailure(
                    .paging, "there are more than \(rule.pagesMax) documents; the rest is not read")
            }
            guard seen.insert(place.text).inserted else {
                throw RunFailure(.paging, "\(place.shown) leads to a document that was read before")
            }
            let isFirst = outcome.progress.pages == 0
            var request = HTTPRequest(place)
            request.limits = rule.limits
            request.limits.bodyBytesMax = min(
                rule.limits.bodyBytesMax, rule.bytesMax - outcome.progress.bytes)
            guard request.limits.bodyBytesMax > 0 else {
                throw RunFailure(.tooLarge, "the documents have more than \(rule.bytesMax) bytes")
            }
            request.trustedCertificates = rule.trustedCertificates
            request.secrets = headers
            if isFirst { request.headers = conditions }
            let fetched = try fetch(&client, request)
            if fetched.response.status == 304, isFirst, validators != nil {
                outcome.isUnchanged = true
                outcome.validators = validators ?? Validators()
                return outcome
            }
            if isEnd(fetched.response, outcome.progress) { break }
            guard (200...299).contains(fetched.response.status) else {
                throw Self.refusal(fetched.response)
            }
            outcome.progress.pages += 1
            outcome.progress.bytes += fetched.response.bodyBytes
            if let previous, previous.digest == fetched.digest, isNumbered, previous.records > 0 {
                outcome.notes.append(
                    "document \(outcome.progress.pages) is the one before it again, which was taken"
                        + " for the end")
                break
            }
            let name =
                rule.paging == .none
                ? place.shown : "\(place.shown) (document \(outcome.progress.pages))"
            let document = try sink.read(spoolPath, called: name, values: values)
            outcome.progress.records += document.records
            onProgress(outcome.progress)
            previous = (fetched.digest, document.records)
            if isFirst, rule.paging == .none {
                outcome.validators = Validators(
                    entityTag: fetched.response.value("etag") ?? "",
                    lastModified: fetched.response.value("last-modified") ?? "")
            }
            guard
                let next = try next(
                    after: place, fetched.response, document, &outcome)
            else { break }
            place = next
        }
        return outcome
    }

    private var isNumbered: Bool {
        if case .pages = rule.paging { true } else { false }
    }

    private var conditions: [HTTPRequest.Header] {
        var headers: [HTTPRequest.Header] = []
        if let tag = validators?.entityTag, !tag.isEmpty {
            headers.append(HTTPRequest.Header("If-None-Match", tag))
        }
        if let date = validators?.lastModified, !date.isEmpty {
            headers.append(HTTPRequest.Header("If-Modified-Since", date))
        }
        return headers.filter(\.isSendable)
    }

    // MARK: Pages

    private func firstPlace() throws -> HTTPAddress {
        guard case .pages(let page, let limit, let size, let first, _) = rule.paging else {
            return rule.address
        }
        guard
            let place = rule.address.setting(limit, "\(size)")?.setting(page, "\(first)")
        else { throw RunFailure(.paging, "the address of the first page cannot be made") }
        return place
    }

    /// Behind the last page many servers say that there is none.
    private func isEnd(_ response: HTTPResponse, _ progress: Progress) -> Bool {
        isNumbered && progress.pages > 0 && response.status == 404
    }

    /// Where the next document is; nil behind the last.
    private func next(
        after place: HTTPAddress, _ response: HTTPResponse,
        _ document: (records: Int, values: [String?]), _ outcome: inout Outcome
    ) throws -> HTTPAddress? {
        switch rule.paging {
        case .none: return nil
        case .link:
            guard let target = response.nextLink else { return nil }
            return try follow(target, from: response.address)
        case .cursor(let parameter, _):
            guard let next = document.values[0], !next.isEmpty else { return nil }
            if next.hasPrefix("/") || next.hasPrefix("?") || next.hasPrefix("http://")
                || next.hasPrefix("https://")
            {
                return try follow(next, from: response.address)
            }
            guard let address = rule.address.setting(parameter, next) else {
                throw RunFailure(.paging, "the document's cursor makes no address")
            }
            return address
        case .pages(let page, _, let size, let first, let totalPath):
            let isBehindAll = document.records == 0
            let total = totalPath == nil ? nil : document.values[0].flatMap { Int($0) }
            outcome.total = total ?? outcome.total
            if let total, isBehindAll, outcome.progress.records < total {
                outcome.notes.append(
                    "the last document says that there are \(total) records, and"
                        + " \(outcome.progress.records) came")
            }
            if isBehindAll { return nil }
            if let total {
                if outcome.progress.records > total {
                    let note = "documents say that there are fewer records than come"
                    if !outcome.notes.contains(note) { outcome.notes.append(note) }
                }
                // A full page may have one behind it, whatever the total says.
                if outcome.progress.records >= total, document.records < size { return nil }
            }
            return place.setting(page, "\(first + outcome.progress.pages)")
        }
    }

    /// An address that a document names is part of the feed only where the feed itself is.
    private func follow(_ target: String, from place: HTTPAddress) throws -> HTTPAddress {
        guard let next = HTTPAddress(target, relativeTo: place) else {
            throw RunFailure(.paging, "the next document's address is none")
        }
        guard next.hasSameOrigin(as: rule.address), !next.hasCredentials else {
            throw RunFailure(
                .paging, "the next document is at another place, \(next.shown), which is refused")
        }
        return next
    }

    // MARK: Fetching

    private struct Fetched {
        let response: HTTPResponse
        /// Of the body.
        let digest: UInt64
    }

    /// Fetches one document to the spool, again and again where that may help.
    private func fetch(
        _ client: inout HTTPClient, _ request: HTTPRequest
    ) throws -> Fetched {
        var attempt = 0
        while true {
            let failure: RunFailure
            var retryAfterMs = 0
            do {
                let fetched = try fetchOnce(&client, request)
                guard Self.isPassing(fetched.response.status), attempt < rule.retriesMax else {
                    return fetched
                }
                failure = Self.refusal(fetched.response)
                let seconds = fetched.response.value("retry-after").flatMap { Int($0) } ?? 0
                retryAfterMs = 1_000 * min(max(seconds, 0), Self.retryAfterSecondsMax)
            } catch let error as HTTPFailure {
                guard error.isPassing, attempt < rule.retriesMax else { throw error }
                failure = RunFailure(error)
            }
            // Doubled each time, and drawn from the upper half, so that those who failed together
            // do not come back together.
            let doubled = min(rule.retryDelayMs << min(attempt, 16), Self.retryDelayMsMax)
            let delayMs = max(Int.random(in: (doubled / 2)...doubled), retryAfterMs)
            attempt += 1
            guard pause(delayMs) else {
                throw RunFailure(.stopped, "the server stopped; \(failure.message)")
            }
        }
    }

    private func fetchOnce(
        _ client: inout HTTPClient, _ request: HTTPRequest
    ) throws -> Fetched {
        let spool = try Spool(path: spoolPath)
        let response = try client.get(request, shouldStop: shouldStop) { try spool.write($0) }
        return Fetched(response: response, digest: spool.digest)
    }

    private static func isPassing(_ status: Int) -> Bool {
        switch status {
        case 408, 425, 429, 500, 502, 503, 504: true
        default: false
        }
    }

    private static func refusal(_ response: HTTPResponse) -> RunFailure {
        RunFailure(.status, "\(response.address.shown) answers \(response.status)")
    }

    /// The headers as they are sent; read anew for each run, so that a secret can be exchanged.
    private func secrets() throws(RunFailure) -> [HTTPRequest.Header] {
        var headers: [HTTPRequest.Header] = []
        for header in rule.headers {
            let value: String
            switch header.value {
            case .text(let text): value = text
            case .environment(let name):
                guard let text = getenv(name) else {
                    throw RunFailure(
                        .file, "the environment variable '\(name)' for '\(header.name)' is not set")
                }
                value = String(cString: text)
            case .file(let path):
                do {
                    let bytes = try FileBytes.read(path, limitBytes: 1 << 16)
                    let text = String(decoding: bytes, as: UTF8.self)
                    // Editors end files with a line break.
                    value = String(text.prefix { !$0.isNewline })
                } catch {
                    throw RunFailure(.file, "the secret for '\(header.name)': \(error)")
                }
            }
            let text = header.user.map { Base64.encode(Array("\($0):\(value)".utf8)) } ?? value
            let made = HTTPRequest.Header(header.name, header.prefix + text)
            guard made.isSendable else {
                throw RunFailure(
                    .file, "the value for '\(header.name)' has a character that no header may have")
            }
            headers.append(made)
        }
        return headers
    }
}

/// A document on its way: a file that is written anew each time, with a digest of what is in it.
private final class Spool {
    private let path: String
    private let descriptor: CInt
    private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325

    init(path: String) throws(FileError) {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(path: path) }
    }

    deinit {
        // A document that was not written whole is never read.
        close(descriptor)
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let count = Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw FileError(path: path) }
            done += count
        }
        // FNV-1a: it tells a page from the one before, and is no defence.
        for byte in bytes { digest = (digest ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    }
}
