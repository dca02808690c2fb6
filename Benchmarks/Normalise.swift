/// Times the reading of phones and timestamps; see Benchmarks/normalise.
///
/// Each text is read often enough to take a second or so, five times; the best is shown, in processor
/// time, with a sum of the results so that none of the work can be left out.
import Glibc

@main
enum Normalise {
    private static let repetitions = 5_000_000
    private static let rounds = 5

    static func main() {
        guard let region = PhoneRegion("AE") else { preconditionFailure("AE is a region") }
        let phones = PhoneParser(region: region)
        let timestamps = TimestampParser(timeZone: .fixed(offsetSeconds: 4 * 3_600))
        print("| text | ns | million a second | result |\n|---|---|---|---|")
        for text in [
            "0585949014", "585949014", "971585949014", "+971585949014", "00971585949014",
            "058 594-9014", "585949014.0", "5.85949014E+08",
        ] {
            time(text) { bytes in
                do throws(PhoneError) {
                    return try phones.parse(bytes).digits
                } catch {
                    preconditionFailure("\(text): \(error)")
                }
            }
        }
        for text in [
            "13-11-2023 14:00", "14-11-2023 12:00PM", "2023-11-13T09:34:56Z", "1699868096",
        ] {
            time(text) { bytes in
                do throws(TimestampError) {
                    return UInt64(try timestamps.parse(bytes).seconds)
                } catch {
                    preconditionFailure("\(text): \(error)")
                }
            }
        }
    }

    private static func time(_ text: String, _ read: (Span<UInt8>) -> UInt64) {
        let bytes = Array(text.utf8)
        var best = Double.infinity
        var sum: UInt64 = 0
        for _ in 0..<rounds {
            let start = processorSeconds()
            sum = 0
            for _ in 0..<repetitions { sum &+= read(bytes.span) }
            best = min(best, processorSeconds() - start)
        }
        let nanos = best / Double(repetitions) * 1e9
        print(
            "| `\(text)` | \(Int(nanos.rounded())) |"
                + " \((10_000 / nanos).rounded() / 10) | \(sum / UInt64(repetitions)) |")
    }

    private static func processorSeconds() -> Double {
        var time = timespec()
        let code = clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        precondition(code == 0, "a process has a processor clock")
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
