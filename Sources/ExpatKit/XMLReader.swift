internal import CExpat

/// Reads an XML document that comes in pieces, with expat, and tells of its elements and text.
///
/// Nothing is held but the names of open elements and one token. A document type is refused, and
/// with it every entity of its own: entities are how a small document becomes a large one ("billion
/// laughs") or reads files of the machine. One thread uses a reader.
public final class XMLReader {
    /// What the reader tells; each may throw, which ends the reading.
    public struct Handlers {
        /// Attributes in their order.
        public var start:
            (_ name: String, _ attributes: [(name: String, value: String)]) throws -> Void
        public var end: (_ name: String) throws -> Void
        /// Text comes in any number of pieces, of which each is UTF-8.
        public var text: (UnsafeRawBufferPointer) throws -> Void

        public init(
            start: @escaping (String, [(name: String, value: String)]) throws -> Void,
            end: @escaping (String) throws -> Void,
            text: @escaping (UnsafeRawBufferPointer) throws -> Void
        ) {
            self.start = start
            self.end = end
            self.text = text
        }
    }

    public static let depthMax = 64
    /// The longest tag, comment or instruction. expat holds one until it is complete.
    public static let tokenBytesMax = 1 << 20

    private let parser: XML_Parser
    private let handlers: Handlers
    private var failure: (any Error)?
    private var depth = 0
    private var bytesRead = 0

    /// The corresponding C function is `XML_ParserCreate`.
    public init(_ handlers: Handlers) {
        guard let parser = XML_ParserCreate(nil) else { preconditionFailure("no memory for expat") }
        self.parser = parser
        self.handlers = handlers
        // Unretained: the parser is freed with this object, and calls back only while it is read.
        XML_SetUserData(parser, Unmanaged.passUnretained(self).toOpaque())
        XML_SetElementHandler(parser, startElement, endElement)
        XML_SetCharacterDataHandler(parser, characterData)
        XML_SetStartDoctypeDeclHandler(parser, startDoctype)
    }

    deinit { XML_ParserFree(parser) }

    /// Reads the next piece. The corresponding C function is `XML_Parse`.
    ///
    /// - Throws: ``XMLProblem``, and what a handler throws.
    public func read(_ bytes: UnsafeRawBufferPointer) throws {
        // expat counts in `int`.
        precondition(bytes.count <= Int(CInt.max), "a piece is no larger than an int can count")
        bytesRead += bytes.count
        try parse(bytes.assumingMemoryBound(to: CChar.self).baseAddress, bytes.count, isLast: false)
        // Behind the last event is a token that is not complete.
        let place = Int(XML_GetCurrentByteIndex(parser))
        guard place < 0 || bytesRead - place <= Self.tokenBytesMax + bytes.count else {
            throw problem(
                "a tag, comment or instruction is longer than \(Self.tokenBytesMax) bytes")
        }
    }

    /// Ends the document.
    ///
    /// - Throws: ``XMLProblem`` when it is not complete.
    public func finish() throws {
        try parse(nil, 0, isLast: true)
    }

    private func parse(_ bytes: UnsafePointer<CChar>?, _ count: Int, isLast: Bool) throws {
        let status = XML_Parse(parser, bytes, CInt(count), isLast ? 1 : 0)
        if let failure { throw failure }
        guard status == XML_STATUS_OK else {
            let words = XML_ErrorString(XML_GetErrorCode(parser)).map { String(cString: $0) }
            throw problem(words ?? "it is not XML")
        }
    }

    /// A problem at the current place.
    public func problem(_ what: String) -> XMLProblem {
        XMLProblem(
            what: what, line: Int(XML_GetCurrentLineNumber(parser)),
            column: Int(XML_GetCurrentColumnNumber(parser)) + 1)
    }

    fileprivate func call(_ body: () throws -> Void) {
        guard failure == nil else { return }
        do {
            try body()
        } catch {
            stop(error)
        }
    }

    fileprivate func stop(_ error: any Error) {
        failure = failure ?? error
        // It fails only where parsing has ended already.
        _ = XML_StopParser(parser, XML_Bool(XML_FALSE))
    }

    fileprivate func start(
        _ name: UnsafePointer<CChar>?, _ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>?
    ) {
        depth += 1
        guard depth <= Self.depthMax else {
            return stop(problem("elements are nested deeper than \(Self.depthMax)"))
        }
        call {
            var list: [(name: String, value: String)] = []
            var next = attributes
            // Names and values by turns, and NULL behind.
            while let attribute = next, let name = attribute[0], let value = attribute[1] {
                list.append((String(cString: name), String(cString: value)))
                next = attribute + 2
            }
            try handlers.start(name.map { String(cString: $0) } ?? "", list)
        }
    }

    fileprivate func end(_ name: UnsafePointer<CChar>?) {
        depth -= 1
        call { try handlers.end(name.map { String(cString: $0) } ?? "") }
    }

    fileprivate func text(_ bytes: UnsafeRawBufferPointer) {
        call { try handlers.text(bytes) }
    }

    fileprivate func doctype() {
        stop(problem("it has a document type, which is not accepted"))
    }
}

/// What is wrong with an XML document, and where.
public struct XMLProblem: Error, Equatable, Sendable, CustomStringConvertible {
    public let what: String
    /// From 1.
    public let line: Int
    /// From 1.
    public let column: Int

    public var description: String { "in line \(line), column \(column): \(what)" }
}

private func reader(_ context: UnsafeMutableRawPointer?) -> XMLReader {
    guard let context else { preconditionFailure("a parser's handlers have its reader") }
    return Unmanaged<XMLReader>.fromOpaque(context).takeUnretainedValue()
}

private nonisolated func startElement(
    _ context: UnsafeMutableRawPointer?, _ name: UnsafePointer<CChar>?,
    _ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) {
    reader(context).start(name, attributes)
}

private nonisolated func endElement(
    _ context: UnsafeMutableRawPointer?, _ name: UnsafePointer<CChar>?
) {
    reader(context).end(name)
}

private nonisolated func characterData(
    _ context: UnsafeMutableRawPointer?, _ bytes: UnsafePointer<CChar>?, _ count: CInt
) {
    reader(context).text(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
}

private nonisolated func startDoctype(
    _ context: UnsafeMutableRawPointer?, _ name: UnsafePointer<CChar>?,
    _ systemID: UnsafePointer<CChar>?, _ publicID: UnsafePointer<CChar>?,
    _ hasInternalSubset: CInt
) {
    reader(context).doctype()
}
