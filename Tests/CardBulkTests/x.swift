@testable import CardBulk
