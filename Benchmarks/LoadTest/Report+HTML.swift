import Foundation

extension Report {
    /// A page that needs nothing but itself: the latency curve as SVG, and the text report.
    var html: String {
        let title = label ?? configuration.url
        return """
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(Self.escaped(title)): load test</title>
            <style>\(Self.style)</style>
            <h1>\(Self.escaped(title))</h1>
            <p>\(Self.escaped(configuration.summary))<br>
            <time>\(startedAt.formatted(.iso8601))</time></p>
            <h2>Latency by percentile</h2>
            \(chart)
            <h2>Report</h2>
            <pre>\(Self.escaped(text))</pre>
            </html>

            """
    }

    private var chart: String {
        var lines: [LatencyChart.Line] = []
        func add(_ name: String, _ colour: Int, _ isDashed: Bool, _ latency: Latency?) {
            guard let latency else { return }
            lines.append(
                LatencyChart.Line(
                    name: name, colour: colour, isDashed: isDashed, latency: latency))
        }
        if kinds.count > 1 {
            for (colour, kind) in kinds.enumerated() {
                add("\(kind.kind), corrected", colour, false, kind.corrected)
                add("\(kind.kind), service", colour, true, kind.service)
            }
        } else {
            add("corrected: from when it was due", 0, false, corrected)
            add("service: from when it was sent", 1, corrected != nil, service)
        }
        guard !lines.isEmpty else { return "<p>There was no answer.</p>" }
        let legend = lines.map { line in
            "<li><svg viewBox=\"0 0 30 8\" class=\"key\"><path class=\"line c\(line.colour)\""
                + (line.isDashed ? " stroke-dasharray=\"5 4\"" : "")
                + " d=\"M0 4L30 4\"/></svg> \(Self.escaped(line.name))</li>"
        }
        return LatencyChart(lines).svg + "<ul>\(legend.joined())</ul>"
    }

    static func escaped(_ text: String) -> String {
        text.replacingOccurrences(of: "&", with: "&amp;")
            .replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;")
            .replacingOccurrences(of: "\"", with: "&quot;")
    }

    private static let style = """
        :root{color-scheme:light dark;--c0:#0b63ce;--c1:#c2410c;--c2:#15803d;--c3:#7e22ce;\
        --c4:#a16207;--c5:#be185d;--grid:#8884}
        @media(prefers-color-scheme:dark){:root{--c0:#6cb0ff;--c1:#ff9a62;--c2:#5fd38a;\
        --c3:#c99bff;--c4:#e8c15a;--c5:#ff8fc0}}
        body{font:15px/1.5 system-ui,sans-serif;max-width:900px;margin:2rem auto;padding:0 1rem}
        h1{font-size:1.4rem}h2{font-size:1.1rem}
        svg{width:100%;height:auto}svg text{font-size:12px;fill:currentColor}
        .grid{stroke:var(--grid)}.line{fill:none;stroke-width:2}
        .c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}
        .c3{stroke:var(--c3)}.c4{stroke:var(--c4)}.c5{stroke:var(--c5)}
        ul{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:1.5rem}
        .key{width:30px;vertical-align:middle}
        pre{overflow-x:auto;font-size:13px}
        """
}
