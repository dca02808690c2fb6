import Foundation

/// Latency by percentile as SVG. Both axes are logarithmic: across, each step to the right leaves a
/// tenth of the requests of the step before, so that the slowest few have as much room as the rest.
struct LatencyChart {
    struct Line {
        let name: String
        /// 0 to 5: which of the page's colours.
        let colour: Int
        let isDashed: Bool
        let latency: Report.Latency
    }

    private static let width = 860.0
    private static let height = 420.0
    private static let left = 70.0
    private static let right = 20.0
    private static let top = 14.0
    private static let bottom = 44.0

    private let lines: [Line]
    /// Powers of ten.
    private let nines: Double
    private let lowUs: Double
    private let highUs: Double

    init(_ lines: [Line]) {
        self.lines = lines
        let count = lines.map(\.latency.count).max() ?? 1
        nines = min(max(log10(Double(max(count, 10))), 1), 7)
        let low = lines.map(\.latency.minUs).min() ?? 1
        let high = lines.map(\.latency.maxUs).max() ?? 10
        lowUs = log10(max(low, 0.1)).rounded(.down)
        highUs = max(log10(max(high, 0.2)).rounded(.up), lowUs + 1)
    }

    var svg: String {
        let box = "0 0 \(Int(Self.width)) \(Int(Self.height))"
        return "<svg viewBox=\"\(box)\" role=\"img\" aria-label=\"Latency by percentile\">\n"
            + grid + lines.map(path).joined() + "</svg>\n"
    }

    private func x(_ nines: Double) -> Double {
        Self.left + nines / self.nines * (Self.width - Self.left - Self.right)
    }

    private func y(_ us: Double) -> Double {
        let share = (log10(max(us, 0.1)) - lowUs) / (highUs - lowUs)
        return Self.height - Self.bottom - share * (Self.height - Self.top - Self.bottom)
    }

    private static func number(_ value: Double) -> String { Report.format("%.1f", value) }

    private var grid: String {
        var text = ""
        let floor = Self.number(Self.height - Self.bottom)
        let marks: [(Double, String)] =
            [(0, "0 %"), (log10(2), "50 %")]
            + (1...Int(nines)).map { count in
                (Double(count), Self.percentile(nines: count))
            }
        for (nines, name) in marks {
            let across = Self.number(x(nines))
            text +=
                "<line class=\"grid\" x1=\"\(across)\" x2=\"\(across)\""
                + " y1=\"\(Self.number(Self.top))\" y2=\"\(floor)\"/>"
                + "<text x=\"\(across)\" y=\"\(Self.number(Self.height - Self.bottom + 20))\""
                + " text-anchor=\"middle\">\(name)</text>\n"
        }
        for power in Int(lowUs)...Int(highUs) {
            let us = pow(10, Double(power))
            let up = Self.number(y(us))
            text +=
                "<line class=\"grid\" x1=\"\(Self.number(Self.left))\""
                + " x2=\"\(Self.number(Self.width - Self.right))\" y1=\"\(up)\" y2=\"\(up)\"/>"
                + "<text x=\"\(Self.number(Self.left - 8))\" y=\"\(Self.number(y(us) + 4))\""
                + " text-anchor=\"end\">\(Self.axisTime(us))</text>\n"
        }
        return text
    }

    /// 90 %, 99 %, 99.9 %
    static func percentile(nines count: Int) -> String {
        let fraction = String(repeating: "9", count: max(count - 2, 0))
        return (count == 1 ? "90" : "99") + (fraction.isEmpty ? "" : ".\(fraction)") + " %"
    }

    private static func axisTime(_ us: Double) -> String {
        if us < 1_000 { return "\(Report.trimmed(us)) µs" }
        if us < 1_000_000 { return "\(Report.trimmed(us / 1_000)) ms" }
        return "\(Report.trimmed(us / 1_000_000)) s"
    }

    private func path(_ line: Line) -> String {
        var text = ""
        for point in line.latency.curve {
            let rest = 1 - point.percentile / 100
            let place = rest > 0 ? min(-log10(rest), nines) : nines
            text +=
                "\(text.isEmpty ? "M" : "L")\(Self.number(x(place))) \(Self.number(y(point.us))) "
        }
        let dash = line.isDashed ? " stroke-dasharray=\"5 4\"" : ""
        return "<path class=\"line c\(line.colour)\"\(dash) d=\"\(text)\">"
            + "<title>\(Report.escaped(line.name))</title></path>\n"
    }
}
