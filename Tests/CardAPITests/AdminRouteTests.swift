import CardModel
import CardService
import CardStore
import Foundation
import Testing

@testable import CardAPI

/// The calls for who runs the server.
struct AdminRouteTests {
    /// A reload says what each step did and how long it took.
    @Test func reload_reportsItsSteps() throws {
        let server = try APIServer(try Samples.facts())
        let answer = try server.send("POST", "/api/admin/reload")
        #expect(answer.status == 200)
        let steps = try answer.json()["steps"]?.elements ?? []
        #expect(
            steps.compactMap { $0["name"]?.text } == [
                "keys", "index_fill", "index_catch_up", "index_swap", "index_release",
            ])
        #expect(steps[1]["cards"] == .number(3))
        #expect(try server.get("/api/cards/ZYW8827").text == Samples.zyw8827)
        let keys = try server.send("POST", "/api/admin/reload?scope=keys")
        #expect(try keys.json()["steps"]?.elements.count == 1)
        let metrics = try server.get("/metrics").text
        #expect(metrics.contains("cardstatus_reloads_total{outcome=\"done\"} 2\n"))
        #expect(metrics.contains("cardstatus_fill_running 0\n"))
        #expect(metrics.contains("cardstatus_last_fill_seconds 0."))
    }

    /// What the server does not have cannot be loaded, and what nobody knows is malformed.
    @Test(arguments: [("certs", 422), ("config", 422), ("all of it", 400), ("CERTS", 400)])
    func reload_isRefused(scope: String, status: Int) throws {
        let server = try APIServer([])
        let query = scope.replacing(" ", with: "%20")
        let answer = try server.send("POST", "/api/admin/reload?scope=\(query)")
        #expect(answer.status == status)
        if scope == "certs" { #expect(answer.text.contains("the server has no certificates")) }
    }

    /// Settings that are not valid are 422, and nothing is changed.
    @Test func reload_isInvalid_whenASettingIs() throws {
        struct Invalid: Error, CustomStringConvertible {
            var description: String { "c.yaml:3:1: no such thing" }
        }
        let server = try APIServer([], hooks: ReloadHooks(config: { throw Invalid() }))
        let answer = try server.send("POST", "/api/admin/reload")
        #expect(answer.status == 422)
        #expect(answer.text.contains("c.yaml:3:1: no such thing"))
        #expect(try server.get("/metrics").text.contains("{outcome=\"invalid\"} 1\n"))
    }

    /// One reload at a time.
    @Test func reload_isAConflict_whenOneIsUnderWay() throws {
        let gate = DispatchSemaphore(value: 0)
        let server = try APIServer(
            [],
            hooks: ReloadHooks(config: {
                gate.wait()
                return PreparedSetting { "did nothing" }
            }))
        let isDone = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            do {
                #expect(try server.send("POST", "/api/admin/reload?scope=config").status == 200)
            } catch {
                Issue.record("\(error)")
            }
            isDone.signal()
        }
        #expect(try wait { server.service.isReloading ? true : nil } == true)
        let second = try server.send("POST", "/api/admin/reload?scope=keys")
        #expect(second.status == 409)
        #expect(try second.json()["type"] == .string("urn:cardstatus:problem:conflict"))
        // Look-ups go on meanwhile.
        #expect(try server.get("/api/health").status == 200)
        gate.signal()
        #expect(isDone.wait(timeout: .now() + 20) == .success)
    }

    /// A backup is a store that can be opened, checked, and holds what the server holds.
    @Test func backup_isAStore() throws {
        let server = try APIServer(try Samples.facts(), hasBackups: true)
        let answer = try server.send("POST", "/api/admin/backup?name=monday-1")
        #expect(answer.status == 201)
        let json = try answer.json()
        #expect(json["name"] == .string("monday-1"))
        #expect(json["verified"] == .boolean(true))
        let path = try #require(json["path"]?.text)
        #expect(json["bytes"]?.number ?? 0 > 0)
        let copy = try CardStore(
            directory: String(path.dropLast("/data.mdb".count)), create: false)
        #expect(try copy.statistics().cards == 3)

        let again = try server.send("POST", "/api/admin/backup?name=monday-1&verify=false")
        #expect(again.status == 409)
        let other = try server.send("POST", "/api/admin/backup?name=monday-2&verify=false")
        #expect(try other.json()["verified"] == .boolean(false))
    }

    /// A name leads nowhere else.
    @Test(arguments: [
        "", "name=", "name=..", "name=.x", "name=a%2Fb", "name=..%2Fx", "name=%2Ftmp%2Fx",
        "name=-x", "name=x.mdb", "name=a%00b", "name=a%20b", "name=x&verify=maybe",
        "name=" + String(repeating: "a", count: 65),
    ])
    func backup_isMalformed(query: String) throws {
        let server = try APIServer([], hasBackups: true)
        #expect(try server.send("POST", "/api/admin/backup?\(query)").status == 400)
    }

    @Test func backup_isRefused_whenThereIsNoDirectory() throws {
        let server = try APIServer([])
        let answer = try server.send("POST", "/api/admin/backup?name=x")
        #expect(answer.status == 422)
        #expect(answer.text.contains("--backup-dir"))
    }

    /// The numbers are those of the store, and the index is there or is not.
    @Test(arguments: [APIServer.Source.store, .memory])
    func stats_areThoseOfTheStore(source: APIServer.Source) throws {
        let server = try APIServer(try Samples.facts(), from: source)
        let json = try server.get("/api/admin/stats").json()
        #expect(json["store"]?["cards"] == .number(3))
        #expect(json["store"]?["last_sequence"] == .number(3))
        #expect((json["index"] == .null) == (source == .store))
        #expect(json["writer"]?["failure"] == .null)
    }

    /// The log's level is told and set; what is no level changes nothing.
    @Test func logLevel_isSet() throws {
        let server = try APIServer([], from: .store)
        #expect(try server.get("/api/admin/log-level").json()["level"] == .string("info"))
        let set = try server.send("POST", "/api/admin/log-level?level=debug")
        #expect(try set.status == 200 && set.json()["level"] == .string("debug"))
        #expect(server.records.logLevel?.name == "debug")
        for query in ["", "?level=", "?level=DEBUG", "?level=verbose", "?level=info&level=info"] {
            #expect(try server.send("POST", "/api/admin/log-level\(query)").status == 400)
        }
        #expect(try server.get("/api/admin/log-level").json()["level"] == .string("debug"))
        #expect(try server.send("PUT", "/api/admin/log-level?level=info").status == 405)
    }

    /// Where keys are needed, they are needed here.
    @Test func key_isNeeded() throws {
        let server = try APIServer([], from: .store, access: .keysOnly)
        #expect(try server.send("POST", "/api/admin/reload").status == 401)
        #expect(try server.send("POST", "/api/admin/backup?name=x").status == 401)
        #expect(try server.get("/api/admin/stats").status == 401)
        #expect(try server.get("/api/changes").status == 401)
    }
}
