import Foundation

extension Report {
    /// What a person reads at the end of a run.
    var text: String {
        var lines: [String] = []
        let name = label.map { "\($0): " } ?? ""
        lines.append("\(name)\(configuration.summary)")
        if wasInterrupted { lines.append("interrupted after \(Self.format("%.1f", seconds)) s") }
        lines.append("")
        lines.append(
            "answers      \(Self.grouped(answers)) in \(Self.format("%.2f", seconds)) s,"
                + " \(Self.grouped(Int(answersPerSecond.rounded()))) a second")
        let statusText = statuses.sorted { $0.key < $1.key }
            .map { "\($0.key): \(Self.grouped($0.value))" }
        lines.append(
            "statuses     \(statusText.isEmpty ? "none" : statusText.joined(separator: ", "))")
        let failed = failures.byName.filter { $0.1 > 0 }.map { "\($0.0): \(Self.grouped($0.1))" }
        lines.append("errors       \(failed.isEmpty ? "none" : failed.joined(separator: ", "))")
        lines.append("wrong        \(wrongText)")
        lines.append(
            "connections  \(connections.asked) asked, \(connections.made) made,"
                + " \(connections.endedByServer) ended by the server")
        lines.append(
            "bytes        \(Self.grouped(bytesSent)) sent, \(Self.grouped(bytesReceived)) received")
        lines.append("own CPU      \(cpuText(ownCpu))" + rateText)
        if let server {
            var line = "server CPU   \(cpuText(server.cpu))"
            if let us = server.cpuUsPerAnswer { line += Self.format(", %.2f µs an answer", us) }
            lines.append(line)
        }
        lines.append("")
        lines.append(contentsOf: latencyTable)
        return lines.joined(separator: "\n") + "\n"
    }

    private var wrongText: String {
        var text = "\(Self.grouped(wrongStatuses)) statuses"
        if bodiesVerified > 0 {
            text +=
                ", \(Self.grouped(wrongBodies)) of \(Self.grouped(bodiesVerified)) bodies verified"
        }
        return text
    }

    private var rateText: String {
        guard let rate = answersPerOwnCpuSecond else { return "" }
        return ", \(Self.grouped(Int(rate))) answers a CPU second"
    }

    private func cpuText(_ cpu: CPUTime) -> String {
        Self.format(
            "%.2f s (user %.2f, system %.2f)", cpu.totalSeconds, cpu.userSeconds, cpu.systemSeconds)
    }

    private var latencyTable: [String] {
        var rows: [(String, Latency)] = []
        if let corrected { rows.append(("corrected", corrected)) }
        if let service { rows.append(("service", service)) }
        if let lag { rows.append(("lag", lag)) }
        if kinds.count > 1 {
            for kind in kinds {
                if let corrected = kind.corrected {
                    rows.append(("\(kind.kind), corrected", corrected))
                }
                if let service = kind.service { rows.append(("\(kind.kind), service", service)) }
            }
        }
        guard !rows.isEmpty else { return ["no latencies"] }
        let width = max(rows.map(\.0.count).max() ?? 0, 12)
        let titles = Latency.named.map { "p\(Self.trimmed($0))" } + ["max", "mean"]
        var lines = [
            Self.padded("latency", width) + titles.map { Self.leftPadded($0, 11) }.joined()
        ]
        for (name, latency) in rows {
            let cells =
                Latency.named.map { Self.time(latency.us(at: $0)) }
                + [Self.time(latency.maxUs), Self.time(latency.meanUs)]
            lines.append(
                Self.padded(name, width) + cells.map { Self.leftPadded($0, 11) }.joined())
        }
        return lines
    }

    // MARK: Numbers

    /// `%@` takes objects only: numbers alone come here.
    static func format(_ format: String, _ values: Double...) -> String {
        String(format: format, arguments: values)
    }

    static func trimmed(_ value: Double) -> String {
        value == value.rounded() ? "\(Int(value))" : "\(value)"
    }

    static func time(_ us: Double) -> String {
        if us < 999.5 { return format("%.1f µs", us) }
        if us < 999_500 { return format("%.2f ms", us / 1_000) }
        return format("%.2f s", us / 1_000_000)
    }

    /// 1234567 as 1,234,567.
    static func grouped(_ number: Int) -> String {
        var text = ""
        for (index, digit) in String(number).reversed().enumerated() {
            if index > 0, index % 3 == 0, digit != "-" { text.append(",") }
            text.append(digit)
        }
        return String(text.reversed())
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(width - text.count, 0))
    }

    private static func leftPadded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(width - text.count, 1)) + text
    }
}

extension Report.Configuration {
    /// One line.
    var summary: String {
        var parts = [url]
        let kinds = mix.sorted { $0.key < $1.key }
        if kinds.count > 1 {
            parts.append(kinds.map { "\($0.key)=\($0.value)" }.joined(separator: ","))
        } else if let kind = kinds.first, kind.key != "path" {
            parts.append(kind.key)
        }
        if let rate {
            parts.append("open loop, \(Report.trimmed(rate)) a second, \(arrivals ?? "constant")")
        } else {
            parts.append("closed loop")
        }
        parts.append(
            "\(connections) connections, \(threads) \(threads == 1 ? "thread" : "threads")")
        if pipeline > 1 { parts.append("pipeline \(pipeline)") }
        if keys > 0 { parts.append("\(Report.grouped(keys)) keys, \(draw)") }
        if missShare > 0 { parts.append("\(Report.trimmed(missShare * 100)) % misses") }
        if let writesPerSecond {
            parts.append("\(Report.trimmed(writesPerSecond)) writes a second")
        }
        return parts.joined(separator: "; ")
    }
}
