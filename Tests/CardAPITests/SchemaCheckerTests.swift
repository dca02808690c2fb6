import Testing

struct SchemaCheckerTests {
    /// Each keyword lets pass what fits it and finds what does not.
    @Test(arguments: [
        (#"{"type": "string"}"#, #""a""#, #"1"#),
        (#"{"type": "integer"}"#, "1", "1.5"),
        (#"{"type": "integer"}"#, "0", "false"),
        (#"{"type": "boolean"}"#, "true", "1"),
        (#"{"type": ["string", "null"]}"#, "null", "[]"),
        (#"{"enum": ["a", 1]}"#, "1", #""b""#),
        (#"{"pattern": "^a+$"}"#, #""aa""#, #""ab""#),
        (#"{"minLength": 1}"#, #""é""#, #""""#),
        (#"{"maxLength": 1}"#, #""é""#, #""ab""#),
        (#"{"minimum": 1}"#, "1", "0"),
        (#"{"maximum": 1}"#, "1", "2"),
        (#"{"maxItems": 1}"#, "[1]", "[1, 2]"),
        (#"{"items": {"type": "null"}}"#, "[null]", "[null, 1]"),
        (#"{"required": ["a"]}"#, #"{"a": null}"#, "{}"),
        (#"{"properties": {"a": {"type": "null"}}}"#, #"{"a": null}"#, #"{"a": 1}"#),
        (#"{"properties": {"a": {"type": "null"}}}"#, "{}", #"{"b": null}"#),
        (#"{"oneOf": [{"minimum": 2}, {"maximum": 3}]}"#, "1", "2"),
        (##"{"$ref": "#/components/a"}"##, #""a""#, "1"),
    ])
    func findings_areWhatDoesNotFit(schema: String, good: String, bad: String) throws {
        let checker = SchemaChecker(
            document: try JSON(parsing: #"{"components": {"a": {"type": "string"}}}"#.utf8))
        let schema = try JSON(parsing: schema.utf8)
        #expect(try checker.findings(try JSON(parsing: good.utf8), schema) == [])
        #expect(try checker.findings(try JSON(parsing: bad.utf8), schema).count == 1)
    }

    /// A keyword that the checker does not know, and a reference to nothing, do not pass.
    @Test func findings_areNotEmpty_whenTheSchemaIsNotUnderstood() throws {
        let checker = SchemaChecker(document: .object([:]))
        #expect(try checker.findings(.null, .object(["multipleOf": .number(2)])).count == 1)
        #expect(throws: SchemaChecker.Missing.self) {
            try checker.findings(.null, .object(["$ref": .string("#/components/a")]))
        }
    }
}
