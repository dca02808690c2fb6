import Foundation

/// The memory that this process has used at most.
struct ProcessMemory {
    /// With the pages of mapped files, which the system takes back when it needs them.
    var residentBytes = 0
    /// The process's own: the peak, less the pages of files that are mapped now. Where a file was
    /// unmapped since the peak, it is too high.
    var anonymousBytes = 0

    /// From /proc/self/status; zeros where there is none.
    static func peak() -> ProcessMemory {
        var memory = ProcessMemory()
        let text: String
        do {
            text = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        } catch {
            return memory
        }
        func value(_ name: String) -> Int {
            let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") }
            let digits = line?.filter(\.isNumber) ?? ""
            return (Int(digits) ?? 0) << 10
        }
        memory.residentBytes = value("VmHWM")
        memory.anonymousBytes = memory.residentBytes - value("RssFile") - value("RssShmem")
        return memory
    }
}
