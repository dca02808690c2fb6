internal import CardModel
internal import Yams

extension FeedProfile {
    /// Reads one entry of `feeds:`.
    init(_ node: Node, source: String) throws(ConfigurationError) {
        let settings = try YAMLMapping(
            node, source: source, called: "a feed",
            keys: [
                "id", "title", "files", "status", "region", "time_zone", "timestamps", "delimiter",
                "encoding", "columns", "placeholder_phones", "allow_card_numbers", "format",
                "records", "path", "scan", "settle", "after", "pull", "kind",
            ])
        let idText = try settings.requiredText("id")
        guard let id = FeedID(idText) else {
            throw settings.error("id", "must be 1 to 32 of a-z, 0-9 and '-', not '\(idText)'")
        }
        self.id = id
        title = try settings.text("title") ?? idText
        fileNames = (try settings.texts("files") ?? []).map(FileNamePattern.init)

        kind = try settings.choice("kind", Kind.self) ?? .cards
        cardStatus = kind == .cards ? try Self.status(settings) : nil

        let regionText = try settings.requiredText("region")
        guard let region = PhoneRegion(regionText) else {
            throw settings.error(
                "region", "must be the two letters of a country, such as AE, not '\(regionText)'")
        }
        self.region = region

        let zoneText = try settings.requiredText("time_zone")
        do {
            timeZone = try TimeZoneDirectory.rules(named: zoneText)
        } catch {
            throw settings.error("time_zone", "cannot be used: \(error)")
        }

        timestampFormats = try Self.formats(settings)
        delimiter = try Self.delimiter(settings)
        encoding = try Self.encoding(settings)
        columns = kind == .cards ? try Self.columns(settings, source: source) : [:]
        customerFields = kind == .customers ? try Self.customerFields(settings) : [:]
        placeholderPhones = try Self.placeholders(settings, region: region)
        allowsCardNumbers = try settings.boolean("allow_card_numbers") ?? false
        format = try settings.choice("format", Format.self) ?? (kind == .cards ? .csv : .json)
        records = try Self.records(settings, format)
        if format != .csv {
            let fields =
                columns.values.reduce(0) { $0 + $1.titles.count }
                + customerFields.values.reduce(0) { $0 + $1.count }
            guard fields <= RecordDocument.fieldsMax else {
                throw settings.error(
                    "columns", "has \(fields) paths, and \(RecordDocument.fieldsMax) is the limit")
            }
        }
        self.source = try FeedSource(settings, format, source: source)
        if kind == .customers { try checkCustomers(settings) }
    }

    private static func status(
        _ settings: YAMLMapping
    ) throws(ConfigurationError) -> CardStatus {
        let text = try settings.requiredText("status")
        guard let status = CardStatus(name: text) else {
            let names = CardStatus.allCases.map(\.description).joined(separator: ", ")
            throw settings.error("status", "must be one of \(names), not '\(text)'")
        }
        return status
    }

    /// Each field's places, by default its own name; one that is listed as nothing is not read.
    private static func customerFields(
        _ settings: YAMLMapping
    ) throws(ConfigurationError) -> [CustomerField: [String]] {
        let mapping = try settings.mapping(
            "columns", keys: CustomerField.allCases.map(\.rawValue))
        var fields: [CustomerField: [String]] = [:]
        for field in CustomerField.allCases {
            let isNowhere = mapping?.node(field.rawValue)?.sequence?.isEmpty == true
            let paths = isNowhere ? [] : try mapping?.texts(field.rawValue) ?? [field.rawValue]
            if let mapping, field == .customerID, paths.isEmpty {
                throw mapping.error(field.rawValue, "must name a place in the record")
            }
            fields[field] = paths
        }
        return fields
    }

    private func checkCustomers(_ settings: YAMLMapping) throws(ConfigurationError) {
        for key in ["status", "files", "delimiter", "encoding", "allow_card_numbers"]
        where settings.node(key) != nil {
            throw settings.error(key, "is for feeds of cards")
        }
        guard case .pull = source else {
            throw settings.error("pull", "is missing: a feed of customers is pulled")
        }
        guard format != .csv else {
            throw settings.error("format", "must be json or xml in a feed of customers")
        }
    }

    private static func records(
        _ settings: YAMLMapping, _ format: Format
    ) throws(ConfigurationError) -> String {
        let text = try settings.text("records")
        switch format {
        case .csv:
            guard text == nil else { throw settings.error("records", "is for JSON and XML") }
        case .xml:
            guard text != nil else {
                throw settings.error(
                    "records", "is missing: the path of a record's element, such as export/item")
            }
        case .json: break
        }
        return text ?? ""
    }

    private static func formats(
        _ settings: YAMLMapping
    ) throws(ConfigurationError) -> [TimestampFormat] {
        guard let texts = try settings.texts("timestamps") else {
            return TimestampFormat.allCases
        }
        var formats: [TimestampFormat] = []
        for text in texts {
            guard let format = TimestampFormat(rawValue: text) else {
                let known = TimestampFormat.allCases.map { "'\($0.rawValue)'" }
                throw settings.error(
                    "timestamps", "has '\(text)'; the formats are \(known.joined(separator: ", "))")
            }
            formats.append(format)
        }
        return formats
    }

    private static func delimiter(_ settings: YAMLMapping) throws(ConfigurationError) -> UInt8? {
        guard let text = try settings.text("delimiter") else { return nil }
        switch text {
        case "comma", ",": return UInt8(ascii: ",")
        case "semicolon", ";": return UInt8(ascii: ";")
        case "tab", "\t": return UInt8(ascii: "\t")
        case "pipe", "|": return UInt8(ascii: "|")
        default:
            throw settings.error("delimiter", "must be comma, semicolon, tab or pipe")
        }
    }

    private static func encoding(_ settings: YAMLMapping) throws(ConfigurationError) -> Encoding {
        guard let text = try settings.text("encoding") else { return .auto }
        guard let encoding = Encoding(rawValue: text) else {
            let names = Encoding.allCases.map(\.rawValue).joined(separator: ", ")
            throw settings.error("encoding", "must be one of \(names), not '\(text)'")
        }
        return encoding
    }

    private static func columns(
        _ settings: YAMLMapping, source: String
    ) throws(ConfigurationError) -> [Column: ColumnRule] {
        let names = Column.allCases.map(\.rawValue)
        guard let mapping = try settings.mapping("columns", keys: names) else {
            throw settings.error("columns", "is missing in a feed")
        }
        var columns: [Column: ColumnRule] = [:]
        for column in Column.allCases {
            let key = column.rawValue
            guard let node = mapping.node(key) else {
                if column.isEssential { throw mapping.error(key, "is missing in columns") }
                continue
            }
            var titles: [String]
            var isRequired = true
            if node.mapping != nil {
                let rule = try YAMLMapping(
                    node, source: source, called: key, keys: ["titles", "required"])
                guard let listed = try rule.texts("titles") else {
                    throw rule.error("titles", "is missing in \(key)")
                }
                titles = listed
                isRequired = try rule.boolean("required") ?? true
            } else {
                titles = try YAMLMapping.texts(node) { mapping.error(key, $0) }
            }
            if column.isEssential && !isRequired {
                throw mapping.error(key, "is always required")
            }
            // It would be found in every column that has no title.
            if titles.contains(where: { HeaderName($0).text.isEmpty }) {
                throw mapping.error(key, "has a title that is blank")
            }
            columns[column] = ColumnRule(titles: titles, isRequired: isRequired)
        }
        return columns
    }

    private static func placeholders(
        _ settings: YAMLMapping, region: PhoneRegion
    ) throws(ConfigurationError) -> Set<PhoneNumber> {
        var phones: Set<PhoneNumber> = []
        let parser = PhoneParser(region: region)
        for text in try settings.texts("placeholder_phones") ?? [] {
            do {
                phones.insert(try parser.parse(Array(text.utf8).span))
            } catch {
                throw settings.error("placeholder_phones", "has '\(text)': \(error)")
            }
        }
        return phones
    }
}
