import Foundation

/// What server processes use of the CPU, all their threads together, from /proc/PID/stat. The unit
/// there is a clock tick, 10 ms.
struct ServerCPU: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let pids: [Int]

    func read() throws(Failure) -> CPUTime {
        var sum = CPUTime()
        for pid in pids {
            let path = "/proc/\(pid)/stat"
            guard let data = FileManager.default.contents(atPath: path),
                let time = Self.parse(
                    String(decoding: data, as: UTF8.self),
                    ticksPerSecond: System.clockTicksPerSecond())
            else { throw Failure(description: "cannot read \(path): is there a process \(pid)?") }
            sum.userSeconds += time.userSeconds
            sum.systemSeconds += time.systemSeconds
        }
        return sum
    }

    /// proc(5): utime and stime are fields 14 and 15. The second field, the program's name, may
    /// hold blanks and parentheses, so counting begins behind the last of these.
    static func parse(_ stat: String, ticksPerSecond: Double) -> CPUTime? {
        guard let parenthesis = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: parenthesis)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12])
        else { return nil }
        return CPUTime(
            userSeconds: user / ticksPerSecond, systemSeconds: system / ticksPerSecond)
    }
}
