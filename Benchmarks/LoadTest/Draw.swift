import Foundation

/// How the next key is chosen.
enum Draw: Sendable {
    case uniform
    case zipf(ZipfDraw)

    /// A place from 0 to `count` - 1, the count that a zipf draw was made for.
    @inline(__always)
    func next(_ count: Int, _ random: inout Random) -> Int {
        switch self {
        case .uniform: random.below(count)
        case .zipf(let draw): draw.next(&random)
        }
    }
}

/// Places whose frequency falls with the power `exponent` of their rank.
///
/// Rejection-inversion (Hörmann and Derflinger, "Rejection-inversion to generate variates from
/// monotone discrete distributions", ACM TOMACS 6(3), 1996): no table, and 1.1 tries or so for any
/// count. `hIntegral` is the integral of x^-s, written with expm1 and log1p so that s near 1
/// loses no digits.
struct ZipfDraw: Sendable {
    static let exponentRange: ClosedRange<Double> = 0.01...10

    private let count: Double
    private let exponent: Double
    private let low: Double
    private let high: Double
    private let threshold: Double

    init(count: Int, exponent: Double) {
        precondition(count > 0, "nothing to draw from")
        self.count = Double(count)
        self.exponent = exponent
        low = Self.hIntegral(1.5, exponent) - 1
        high = Self.hIntegral(Double(count) + 0.5, exponent)
        threshold =
            2
            - Self.hIntegralInverse(
                Self.hIntegral(2.5, exponent) - Self.h(2, exponent), exponent)
    }

    /// A place from 0, the most frequent, to count - 1.
    func next(_ random: inout Random) -> Int {
        while true {
            let lot = high + random.unit() * (low - high)
            let x = Self.hIntegralInverse(lot, exponent)
            let rank = min(max((x + 0.5).rounded(.down), 1), count)
            if rank - x <= threshold
                || lot >= Self.hIntegral(rank + 0.5, exponent) - Self.h(rank, exponent)
            {
                return Int(rank) - 1
            }
        }
    }

    private static func h(_ x: Double, _ exponent: Double) -> Double {
        exp(-exponent * log(x))
    }

    private static func hIntegral(_ x: Double, _ exponent: Double) -> Double {
        let logX = log(x)
        let power = (1 - exponent) * logX
        // (e^p - 1) / p, and its limit by Taylor.
        let factor =
            abs(power) > 1e-8 ? expm1(power) / power : 1 + power / 2 * (1 + power / 3)
        return factor * logX
    }

    private static func hIntegralInverse(_ y: Double, _ exponent: Double) -> Double {
        // Rounding could bring it below -1, where there is no logarithm.
        let power = max(y * (1 - exponent), -1)
        let factor =
            abs(power) > 1e-8 ? log1p(power) / power : 1 - power * (0.5 - power / 3)
        return exp(factor * y)
    }
}
