-- wrk asks for one path after another from a file, a path a line, with one header if given, and
-- prints what it measured as one line of JSON. The requests are rendered before the first is sent.
--
--     wrk … --script keys.lua URL -- PATHS-FILE [HEADER VALUE]
local requests, count, at = {}, 0, 0

function init(arguments)
    local headers = {}
    if arguments[2] then
        headers[arguments[2]] = arguments[3]
    end
    for path in io.lines(arguments[1]) do
        count = count + 1
        requests[count] = wrk.format("GET", path, headers)
    end
end

function request()
    at = at % count + 1
    return requests[at]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"requests":%d,"seconds":%.6f,"bytes":%d,"p50_us":%d,"p99_us":%d,"p999_us":%d,' ..
        '"max_us":%d,"failed":%d}\n',
        summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50),
        latency:percentile(99), latency:percentile(99.9), latency.max,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
