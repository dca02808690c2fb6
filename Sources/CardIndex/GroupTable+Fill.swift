// A table that nobody reads yet is filled with plain stores: it is published whole, by a release
// store that comes after.

extension GroupTable {
    /// Places a record, as ``insert(_:_:)`` does, in a table that nobody reads yet and of which
    /// this thread has the groups from `home` up to `end` to itself.
    ///
    /// - Returns: false, with nothing changed, when all of them are full.
    @inline(__always)
    func place(_ record: UInt32, tag: UInt8, home: Int, before end: Int) -> Bool {
        for group in home..<end {
            let line = line(group)
            let low = GroupTable.zeroBytes(line.load(as: UInt64.self))
            var place = low.trailingZeroBitCount &>> 3
            if low == 0 {
                let high =
                    GroupTable.zeroBytes(line.load(fromByteOffset: 8, as: UInt64.self))
                    & GroupTable.highTags
                guard high != 0 else { continue }
                place = 8 &+ high.trailingZeroBitCount &>> 3
            }
            line.storeBytes(of: record, toByteOffset: 16 &+ place &* 4, as: UInt32.self)
            line.storeBytes(of: tag, toByteOffset: place, as: UInt8.self)
            for passed in home..<group { addOverflow(passed, 1) }
            return true
        }
        return false
    }
}
