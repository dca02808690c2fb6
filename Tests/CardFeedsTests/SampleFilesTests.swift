import CardFeeds
import CardModel
import Foundation
import Testing

@Suite struct SampleFilesTests {
    private static let directory = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Samples").path

    private static let states = [
        "ZYW7631|delivered|2023-11-14T12:34:56Z|+971545576586",
        "ZYW8827|delivered|2023-11-13T09:34:56Z|+971585949014",
        "ZYW8890|returned|2023-11-14T08:00:00Z|+971534534534",
    ]

    private static let contents = [
        "ZYW7631|2023-11-13T07:02:00Z|picked_up|pickup|878|+971545576586||",
        "ZYW7631|2023-11-13T12:00:00Z|delivery_exception|delivery-exceptions|A073|+971545576586|"
            + "User declined to accept package|",
        "ZYW7631|2023-11-14T12:34:56Z|delivered|delivered|A073|+971545576586|DELIVERED|",
        "ZYW8827|2023-11-12T19:59:00Z|picked_up|pickup|332|+971585949014||",
        "ZYW8827|2023-11-13T09:34:56Z|delivered|delivered|A883|+971585949014|DELIVERED|",
        "ZYW8890|2023-11-11T23:45:00Z|picked_up|pickup|465|+971534534534||",
        "ZYW8890|2023-11-13T10:00:00Z|delivery_exception|delivery-exceptions|A982|+971534534534|"
            + "User not available|",
        "ZYW8890|2023-11-14T08:00:00Z|returned|returned|A982|||",
    ]

    /// The four samples end in the same events in every order, and a second time adds nothing.
    @Test func load_givesTheSameCards_inEveryOrderAndAgain() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.directory).sorted()
        #expect(names.count == 4)
        for order in Self.permutations(of: names) {
            let loading = try LoadingStore()
            for isAgain in [false, true] {
                var warnings: [String: Int] = [:]
                var rows = 0
                var accepted = 0
                for name in order {
                    let report = try loading.loader().load(
                        Self.directory + "/" + name,
                        as: try FeedSet.samples.profile(forFileNamed: name))
                    rows += report.rows
                    accepted += report.counts.accepted
                    warnings.merge(report.warningsByReason, uniquingKeysWith: +)
                    #expect(report.rejects == 0, "\(order)")
                    #expect(report.unusedColumns == [], "\(order)")
                }
                #expect(warnings == ["phone_lost_digits": 1], "\(order)")
                #expect(rows == 8)
                #expect(accepted == (isAgain ? 0 : 8), "\(order)")
                #expect(try loading.states() == Self.states, "\(order)")
                #expect(try loading.contents() == Self.contents, "\(order)")
            }
        }
    }

    private static func permutations(of names: [String]) -> [[String]] {
        if names.count <= 1 { return [names] }
        return names.indices.flatMap { index in
            var rest = names
            let name = rest.remove(at: index)
            return permutations(of: rest).map { [name] + $0 }
        }
    }
}
