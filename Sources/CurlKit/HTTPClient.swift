internal import CCurl

/// Makes GETs, one after the other, and keeps their connections open between.
///
/// Redirects are followed here and not by libcurl, which sends headers of ours to whatever host it
/// is led to. One thread uses a client.
public struct HTTPClient: ~Copyable {
    /// All headers of one answer.
    static let headerBytesMax = 256 << 10
    /// What is read of an answer that is no success, to keep the connection.
    static let refusalBytesMax = 64 << 10

    private let handle: UnsafeMutableRawPointer

    /// libcurl.h: `curl_global_init` "must be called at least once within a program", and before
    /// there are threads that use it; Swift initialises this once, whoever comes first.
    private static let isReady: Bool = curlkit_global_init() == CURLE_OK

    /// The corresponding C function is `curl_easy_init`.
    public init() {
        precondition(Self.isReady, "libcurl cannot start")
        guard let handle = curl_easy_init() else { preconditionFailure("libcurl has no memory") }
        self.handle = handle
    }

    deinit { curl_easy_cleanup(handle) }

    /// Makes a request and hands the body of a success (200 to 299) to `onBody`, piece by piece.
    ///
    /// - Parameters:
    ///   - shouldStop: asked at least once a second.
    ///   - onBody: what it throws ends the transfer and is thrown. When a transfer fails, some of
    ///     the body may have come already.
    public mutating func get(
        _ request: HTTPRequest, shouldStop: @escaping () -> Bool,
        onBody: @escaping (UnsafeRawBufferPointer) throws -> Void
    ) throws -> HTTPResponse {
        var address = request.address
        var hasSecrets = true
        for _ in 0...request.limits.redirectsMax {
            let transfer = Transfer(request, shouldStop: shouldStop, onBody: onBody)
            try perform(request, address, hasSecrets: hasSecrets, transfer)
            guard (300...399).contains(transfer.status), transfer.status != 304 else {
                return HTTPResponse(
                    status: transfer.status, address: address, headers: transfer.headers,
                    bodyBytes: transfer.bodyBytes)
            }
            guard let location = transfer.headers["location"]?.last,
                let next = HTTPAddress(location, relativeTo: address)
            else {
                throw HTTPFailure(
                    .redirect, "\(address.shown) redirects (\(transfer.status)) to no address")
            }
            guard next.scheme == address.scheme || next.scheme == "https" else {
                throw HTTPFailure(
                    .redirect, "\(address.shown) redirects from https to http, which is refused")
            }
            // Also when a later redirect leads back: who redirects has had a say by then.
            hasSecrets = hasSecrets && next.hasSameOrigin(as: request.address)
            address = next
        }
        throw HTTPFailure(
            .redirect,
            "\(request.address.shown) redirects more than \(request.limits.redirectsMax) times")
    }

    private func perform(
        _ request: HTTPRequest, _ address: HTTPAddress, hasSecrets: Bool, _ transfer: Transfer
    ) throws {
        curl_easy_reset(handle)
        var list: UnsafeMutablePointer<curl_slist>?
        defer { curl_slist_free_all(list) }
        for header in request.headers + (hasSecrets ? request.secrets : []) {
            precondition(header.isSendable, "headers are checked where they are read")
            // "curl_slist_append … returns NULL if anything went wrong": there was no memory.
            guard let longer = curl_slist_append(list, "\(header.name): \(header.value)") else {
                preconditionFailure("libcurl has no memory")
            }
            list = longer
        }
        set(address, request, list)
        let context = Unmanaged.passUnretained(transfer)
        // `transfer` outlives the transfer, whose callbacks are all called by this thread.
        let code = withExtendedLifetime(transfer) {
            require(
                curlkit_set_callbacks(
                    handle,
                    curlkit_callbacks(
                        body: takeBody, header: takeHeader, progress: takeProgress,
                        context: context.toOpaque())))
            return curl_easy_perform(handle)
        }
        if let failure = transfer.failure { throw failure }
        if code != CURLE_OK { throw failure(code, address, request.limits) }
        var status = 0
        require(curlkit_response_code(handle, &status))
        transfer.status = status
    }

    private func set(
        _ address: HTTPAddress, _ request: HTTPRequest,
        _ headers: UnsafeMutablePointer<curl_slist>?
    ) {
        let limits = request.limits
        require(curlkit_set_text(handle, CURLOPT_URL, address.text))
        require(curlkit_set_text(handle, CURLOPT_PROTOCOLS_STR, "http,https"))
        require(curlkit_set_text(handle, CURLOPT_USERAGENT, "cardstatus"))
        // Every packing that this libcurl can undo. What it unpacks to is counted.
        require(curlkit_set_text(handle, CURLOPT_ACCEPT_ENCODING, "gzip"))
        require(curlkit_set_headers(handle, headers))
        // "If libcurl … is used in a multi-threaded program, CURLOPT_NOSIGNAL must be set".
        require(curlkit_set_long(handle, CURLOPT_NOSIGNAL, 1))
        require(curlkit_set_long(handle, CURLOPT_FOLLOWLOCATION, 0))
        require(curlkit_set_long(handle, CURLOPT_NETRC, 0))
        require(
            curlkit_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, limits.connectTimeoutMs))
        require(curlkit_set_long(handle, CURLOPT_TIMEOUT_MS, limits.totalTimeoutMs))
        require(
            curlkit_set_long(handle, CURLOPT_LOW_SPEED_LIMIT, limits.lowSpeedBytesPerSecond))
        require(curlkit_set_long(handle, CURLOPT_LOW_SPEED_TIME, limits.lowSpeedSeconds))
        require(
            curlkit_set_size(handle, CURLOPT_MAXFILESIZE_LARGE, curl_off_t(limits.bodyBytesMax)))
        if let path = request.trustedCertificates {
            require(curlkit_set_text(handle, CURLOPT_CAINFO, path))
        }
    }

    private func failure(
        _ code: CURLcode, _ address: HTTPAddress, _ limits: HTTPRequest.Limits
    ) -> HTTPFailure {
        let words = String(cString: curl_easy_strerror(code))
        let kind: HTTPFailure.Kind
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT,
            CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CIPHER:
            kind = .connect
        case CURLE_OPERATION_TIMEDOUT: kind = .timeout
        case CURLE_FILESIZE_EXCEEDED:
            return HTTPFailure(
                .tooLarge,
                "the answer of \(address.shown) has more than \(limits.bodyBytesMax) bytes")
        case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR,
            CURLE_HTTP2, CURLE_HTTP2_STREAM:
            kind = .cutOff
        default: kind = .malformed
        }
        return HTTPFailure(kind, "\(address.shown): \(words)")
    }
}

/// One transfer, as libcurl's callbacks see it. They are called by the thread that performs it.
private final class Transfer {
    private let request: HTTPRequest
    private let shouldStop: () -> Bool
    private let onBody: (UnsafeRawBufferPointer) throws -> Void
    private var headerBytes = 0
    private var isSuccess = false
    var status = 0
    var headers: [String: [String]] = [:]
    var bodyBytes = 0
    /// What ended the transfer from our side.
    var failure: (any Error)?

    init(
        _ request: HTTPRequest, shouldStop: @escaping () -> Bool,
        onBody: @escaping (UnsafeRawBufferPointer) throws -> Void
    ) {
        self.request = request
        self.shouldStop = shouldStop
        self.onBody = onBody
    }

    /// Whether the transfer goes on.
    func take(header line: UnsafeRawBufferPointer) -> Bool {
        headerBytes += line.count
        guard headerBytes <= HTTPClient.headerBytesMax else {
            failure = HTTPFailure(
                .tooLarge,
                "the headers of \(request.address.shown) have more than"
                    + " \(HTTPClient.headerBytesMax) bytes")
            return false
        }
        let text = String(decoding: line, as: UTF8.self)
        if text.hasPrefix("HTTP/") {
            // Of the last answer, when there were interim ones.
            headers = [:]
            isSuccess = text.split(separator: " ").dropFirst().first?.hasPrefix("2") == true
            return true
        }
        guard let colon = text.firstIndex(of: ":") else { return true }
        let value = text[text.index(after: colon)...]
            .split(whereSeparator: { $0 == " " || $0 == "\t" || $0.isNewline })
            .joined(separator: " ")
        headers[text[..<colon].lowercased(), default: []].append(value)
        return true
    }

    func take(body: UnsafeRawBufferPointer) -> Bool {
        bodyBytes += body.count
        guard isSuccess else { return bodyBytes <= HTTPClient.refusalBytesMax || endRefusal() }
        guard bodyBytes <= request.limits.bodyBytesMax else {
            failure = HTTPFailure(
                .tooLarge,
                "the answer of \(request.address.shown) has more than"
                    + " \(request.limits.bodyBytesMax) bytes")
            return false
        }
        do {
            try onBody(body)
            return true
        } catch {
            failure = error
            return false
        }
    }

    private func endRefusal() -> Bool {
        failure = HTTPFailure(
            .malformed,
            "\(request.address.shown) refuses with more than \(HTTPClient.refusalBytesMax) bytes")
        return false
    }

    var goesOn: Bool {
        guard failure == nil, shouldStop() else { return failure == nil }
        failure = HTTPFailure(.stopped, "the pull was stopped")
        return false
    }
}

private func transfer(_ context: UnsafeMutableRawPointer?) -> Transfer {
    guard let context else { preconditionFailure("a transfer's callbacks have its context") }
    return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
}

private nonisolated func takeBody(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    let body = UnsafeRawBufferPointer(start: bytes, count: size * count)
    return transfer(context).take(body: body) ? body.count : body.count + 1
}

private nonisolated func takeHeader(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
    return transfer(context).take(header: line) ? line.count : line.count + 1
}

private nonisolated func takeProgress(
    _ context: UnsafeMutableRawPointer?, _ total: curl_off_t, _ now: curl_off_t,
    _ uploadTotal: curl_off_t, _ uploadNow: curl_off_t
) -> CInt {
    transfer(context).goesOn ? 0 : 1
}

/// These calls fail only for an option that libcurl was built without, or without memory.
private func require(_ code: CURLcode) {
    precondition(
        code == CURLE_OK, "libcurl refused an option: \(String(cString: curl_easy_strerror(code)))")
}
