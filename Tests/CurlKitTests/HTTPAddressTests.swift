import CurlKit
import Testing

/// Addresses taken apart, and parameters set.
struct HTTPAddressTests {
    /// What a person is shown has nothing in it that is secret.
    @Test(arguments: [
        ("http://example.test", "http://example.test/"),
        ("HTTPS://Example.TEST:443/a/b?key=1#x", "https://example.test/a/b"),
        ("http://user:word@example.test:8080/a", "http://example.test:8080/a"),
        ("https://[::1]:9/x y", "https://[::1]:9/x y"),
    ])
    func shown_hidesSecrets(text: String, shown: String) throws {
        guard let address = HTTPAddress(text) else {
            // libcurl refuses a space.
            #expect(text.contains(" "))
            return
        }
        #expect(address.shown == shown)
    }

    @Test(arguments: [
        "", "x", "/a", "ftp://example.test", "file:///etc/passwd", "http://", "http:",
    ])
    func init_refuses(text: String) {
        #expect(HTTPAddress(text) == nil)
    }

    @Test func hasCredentials_tells() {
        #expect(HTTPAddress("http://a@b.test")?.hasCredentials == true)
        #expect(HTTPAddress("http://:a@b.test")?.hasCredentials == true)
        #expect(HTTPAddress("http://b.test/@")?.hasCredentials == false)
    }

    @Test(arguments: [
        ("http://a.test", "http://A.test:80/x", true),
        ("http://a.test", "https://a.test", false),
        ("http://a.test", "http://a.test:81", false),
        ("http://a.test", "http://b.test", false),
        ("http://a.test", "http://a.test.b.test", false),
        ("http://a.test", "http://a.test@b.test", false),
    ])
    func hasSameOrigin_tells(a: String, b: String, isSame: Bool) throws {
        let first = try #require(HTTPAddress(a))
        #expect(first.hasSameOrigin(as: try #require(HTTPAddress(b))) == isSame)
    }

    @Test(arguments: [
        ("/b?c", "http://a.test/b?c"), ("?x=1", "http://a.test/d/e?x=1"),
        ("f", "http://a.test/d/f"), ("//b.test/", "http://b.test/"),
        ("https://c.test/", "https://c.test/"),
    ])
    func init_resolves(text: String, expected: String) throws {
        let base = try #require(HTTPAddress("http://a.test/d/e?q"))
        #expect(HTTPAddress(text, relativeTo: base)?.text == expected)
    }

    @Test func setting_replacesAParameter() throws {
        let address = try #require(HTTPAddress("http://a.test/d?x=1&page=2&y"))
        #expect(address.setting("page", "3")?.text == "http://a.test/d?x=1&y&page=3")
        #expect(
            address.setting("c", "a b&é=")?.text
                == "http://a.test/d?x=1&page=2&y&c=a%20b%26%C3%A9%3D")
        #expect(
            HTTPAddress("http://a.test/d")?.setting("q", "1")?.text == "http://a.test/d?q=1")
    }
}
