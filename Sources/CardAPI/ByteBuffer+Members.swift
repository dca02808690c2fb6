internal import HTTPFront

/// Objects with many members, which are rare and need not be fast.
extension ByteBuffer {
    /// `"name":`, behind a comma where something stands in front in the same object.
    mutating func name(_ name: StaticString) {
        if bytes.last != UInt8(ascii: "{") { raw(",") }
        raw("\"")
        raw(name)
        raw("\":")
    }

    mutating func member(_ name: StaticString, _ value: Int?) {
        self.name(name)
        if let value { integer(value) } else { raw("null") }
    }

    mutating func member(_ name: StaticString, _ value: String?) {
        self.name(name)
        if let value { string(value) } else { raw("null") }
    }

    mutating func member(_ name: StaticString, _ value: Bool) {
        self.name(name)
        boolean(value)
    }

    /// With one digit behind the point.
    mutating func member(_ name: StaticString, tenthsOf value: Double?) {
        self.name(name)
        guard let value, value.isFinite, value.magnitude < 1e15 else { return raw("null") }
        let tenths = Int((value * 10).rounded())
        if tenths < 0 { raw("-") }
        integer(tenths.magnitude / 10)
        raw(".")
        integer(tenths.magnitude % 10)
    }

    mutating func object(_ name: StaticString, _ body: (inout ByteBuffer) -> Void) {
        self.name(name)
        object(body)
    }

    mutating func object(_ body: (inout ByteBuffer) -> Void) {
        raw("{")
        body(&self)
        raw("}")
    }

    /// An array of objects.
    mutating func array<Element>(
        _ name: StaticString, of elements: [Element],
        _ body: (Element, inout ByteBuffer) -> Void
    ) {
        self.name(name)
        raw("[")
        for (place, element) in elements.enumerated() {
            if place > 0 { raw(",") }
            object { body(element, &$0) }
        }
        raw("]")
    }
}
