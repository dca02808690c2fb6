import CardAPI
import Foundation

extension Metrics.ProcessStatistics {
    /// This process's, from /proc. What cannot be read is 0: a scrape must not fail for it.
    static func current() -> Metrics.ProcessStatistics {
        let status = lines(of: "/proc/self/status")
        let stat = lines(of: "/proc/self/stat").first ?? ""
        // The command's name, in parentheses, may hold spaces: fields are counted from behind it.
        let fields = stat.split(separator: ")").last?.split(separator: " ").map(String.init) ?? []
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        func field(_ number: Int) -> Double {
            number - 3 < fields.count ? Double(fields[number - 3]) ?? 0 : 0
        }
        return Metrics.ProcessStatistics(
            residentBytes: kilobytes("VmRSS:", in: status) * 1_024,
            anonymousBytes: kilobytes("RssAnon:", in: status) * 1_024,
            cpuSeconds: (field(14) + field(15)) / ticks,
            startSeconds: bootSeconds() + field(22) / ticks,
            openFiles: openFileCount())
    }

    private static func lines(of path: String) -> [String] {
        guard let bytes = FileManager.default.contents(atPath: path) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private static func kilobytes(_ name: String, in lines: [String]) -> Int {
        let line = lines.first { $0.hasPrefix(name) } ?? ""
        return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0
    }

    private static func bootSeconds() -> Double {
        let line = lines(of: "/proc/stat").first { $0.hasPrefix("btime ") } ?? ""
        return line.split(separator: " ").last.flatMap { Double($0) } ?? 0
    }

    private static func openFileCount() -> Int {
        do {
            // One of them is the directory that is being read.
            return try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count - 1
        } catch {
            return 0
        }
    }
}
