/// The API's contract. A test holds it against the routes, and the answers against it.
enum OpenAPI {
    static let document: StaticString = "{}"
}
