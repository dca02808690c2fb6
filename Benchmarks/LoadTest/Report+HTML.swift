import Foundation

extension Report {
    /// A page that needs nothing but itself: the latency curve as SVG, and the text report.
    var html: String { Self.html([self]) }

    /// One page for several runs, in the order given.
    static func html(_ reports: [Report]) -> String {
        ""
    }
}
