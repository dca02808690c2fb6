import CardFeeds
import CardTesting
import Foundation
import Testing

@testable import CardAPI

/// The calls about feeds and runs; every answer is held against the contract.
struct FeedRouteTests {
    private static func feeds(_ url: String = "http://127.0.0.1:1") throws -> FeedSet {
        let pulled = { (id: String, path: String) in
            """

              - id: \(id)
                status: returned
                region: AE
                time_zone: Asia/Dubai
                format: json
                columns: {card_id: [id], occurred_at: [at]}
                pull: {url: "\(url)\(path)", retries: 0}
            """
        }
        return try Configuration(
            yaml: Configuration.builtInYAML.replacing(
                "    time_zone", with: "    settle: 1ms\n    time_zone")
                + pulled("api-a", "/a") + pulled("api-b", "/b?key=secret"), source: "test"
        ).feeds
    }

    private static func ended(_ server: APIServer, _ location: String) throws -> JSON {
        let run = try wait {
            let run = try server.get(location).json()
            return ["done", "failed"].contains(run["state"]?.text) ? run : nil
        }
        return try #require(run)
    }

    /// All feeds, whatever their source; an address is shown without its query.
    @Test func feeds_areListed() throws {
        let server = try APIServer([], feeds: try Self.feeds())
        let feeds = try #require(try server.get("/api/feeds").json()["feeds"]?.elements)
        #expect(
            feeds.compactMap { $0["id"]?.text }
                == ["pickup", "delivery-exceptions", "delivered", "returned", "api-a", "api-b"])
        #expect(feeds.last?["source"]?.text == "http://127.0.0.1:1/b")
    }

    /// Each of the four calls refreshes its feed, and so does the feed's own.
    @Test(arguments: [
        ("/api/refresh-pickup/", "pickup"),
        ("/api/refresh-delivery-exceptions", "delivery-exceptions"),
        ("/api/refresh-delivered/", "delivered"), ("/api/refresh-returned", "returned"),
        ("/api/feeds/delivered/refresh", "delivered"),
    ])
    func refresh_isARun(target: String, feed: String) throws {
        let server = try APIServer([])
        let answer = try server.send("POST", target)
        #expect(answer.status == 202)
        let location = try #require(answer.headers["location"])
        let json = try answer.json()
        #expect(json["status"]?.text == "success")
        #expect(json["run_id"] == .number(1))
        #expect(location == "/api/runs/1")
        let run = try Self.ended(server, location)
        #expect(run["feed"]?.text == feed)
        #expect(run["state"]?.text == "done")
        #expect(try server.get("/api/runs?feed=\(feed)&limit=5").json()["runs"]?.elements == [run])
    }

    @Test func refresh_isRefused_ofWhatIsNoFeed() throws {
        let server = try APIServer([])
        for target in ["/api/feeds/nobody/refresh", "/api/feeds/nobody/files"] {
            let answer = try server.send("POST", target)
            #expect(answer.status == 404)
            #expect(try answer.json()["type"]?.text == "urn:cardstatus:problem:unknown-feed")
        }
        #expect(try server.get("/api/feeds/delivered/refresh").status == 405)
    }

    /// An upload is a run with its rejects, which come page by page.
    @Test func upload_isARun() throws {
        let server = try APIServer([])
        let csv =
            "ID,Card ID,User Mobile,Timestamp\n1,UP1,0585949014,13-11-2023 14:00\n2,,,x\n"
            + "3,UP3,9.7E+11,13-11-2023 14:00\n"
        let answer = try server.send(
            "POST", "/api/feeds/pickup/files?name=my%20file.csv", ["Content-Type: text/csv"],
            body: csv)
        #expect(answer.status == 202)
        let location = try #require(answer.headers["location"])
        let run = try Self.ended(server, location)
        #expect(run["source"]?.text == "my file.csv")
        #expect(run["kind"]?.text == "upload")
        #expect(run["totals"]?["accepted"] == .number(2))
        #expect(run["totals"]?["rejects_by_reason"]?["card_id_empty"] == .number(1))
        #expect(try server.get("/api/cards/UP1").status == 200)
        let rejects = try server.get(location + "/rejects")
        #expect(rejects.headers["content-type"] == "text/csv; charset=utf-8")
        #expect(rejects.text.hasSuffix("\"2,,,x\"\n"))
        #expect(rejects.headers["link"] == nil)
        let warnings = try server.get(location + "/rejects?kind=warnings")
        #expect(warnings.text.contains("phone_lost_digits"))
        #expect(try server.get(location + "/rejects?kind=x").status == 400)
        #expect(try server.get(location + "/rejects?cursor=7").status == 400)
        let empty = try server.send("POST", "/api/feeds/pickup/files")
        #expect(empty.status == 202)
        let nothing = try Self.ended(server, try #require(empty.headers["location"]))
        #expect(nothing["totals"]?["rows"] == .number(0))
        #expect(
            try server.get("/api/runs/2/rejects").text
                == "file,line,column,reason,message,feed,header,raw_row\n")
        let long = String(repeating: "x", count: 256)
        #expect(
            try server.send("POST", "/api/feeds/pickup/files?name=\(long)", body: "x").status == 400
        )
    }

    /// All that have an address are pulled, and what they read is added up.
    @Test func ingest_pullsAll() throws {
        let upstream = try OddUpstream { request in
            .json(
                request.path == "/a"
                    ? #"[{"id":"I1","at":1700000000},{"id":"I2","at":1700000000}]"#
                    : #"[{"id":"I1","at":1700000000}]"#)
        }
        let server = try APIServer([], feeds: try Self.feeds(upstream.url))
        let answer = try server.send("POST", "/api/ingest")
        #expect(answer.status == 200)
        #expect(try answer.json()["records_processed"] == .number(3))
        let metrics = try server.get("/metrics").text
        #expect(metrics.contains("cardstatus_feed_rows_total{feed=\"api-a\"} 2\n"))
        #expect(
            metrics.contains("cardstatus_feed_runs_total{feed=\"api-b\",outcome=\"done\"} 1\n"))
        #expect(metrics.contains("cardstatus_feed_last_success_timestamp_seconds{feed=\"api-a\"}"))
        #expect(!metrics.contains("secret"))
    }

    /// A feed that fails is named, without what its address has to hide.
    @Test func ingest_namesWhatFailed() throws {
        let upstream = try OddUpstream { request in
            request.path == "/a" ? .json("[]") : .answer(403)
        }
        let server = try APIServer([], feeds: try Self.feeds(upstream.url))
        let answer = try server.send("POST", "/api/ingest")
        #expect(answer.status == 502)
        let detail = try #require(try answer.json()["detail"]?.text)
        #expect(detail.contains("'api-b' (run "))
        #expect(!detail.contains("api-a"))
        #expect(!detail.contains("secret"))
        let metrics = try server.get("/metrics").text
        #expect(
            metrics.contains("cardstatus_feed_errors_total{feed=\"api-b\",kind=\"status\"} 1\n"))
    }

    /// Pages of runs, and what is asked for wrongly.
    @Test func runs_comeInPages() throws {
        let server = try APIServer([])
        for feed in ["pickup", "delivered", "pickup"] {
            let answer = try server.send("POST", "/api/feeds/\(feed)/refresh")
            _ = try Self.ended(server, try #require(answer.headers["location"]))
        }
        func ids(_ query: String) throws -> String {
            let page = try server.get("/api/runs" + query).json()
            let ids = (page["runs"]?.elements ?? []).compactMap { $0["id"]?.number }.map { Int($0) }
            return "\(ids) \(page["next"]?.text ?? "-")"
        }
        #expect(try ids("") == "[3, 2, 1] -")
        #expect(try ids("?limit=2") == "[3, 2] 2")
        #expect(try ids("?limit=2&cursor=2") == "[1] -")
        #expect(try ids("?feed=pickup&limit=1") == "[3] 3")
        #expect(try ids("?state=failed") == "[] -")
        for query in ["?state=x", "?limit=0", "?cursor=x", "?cursor=-1"] {
            #expect(try server.get("/api/runs" + query).status == 400, "\(query)")
        }
        for target in ["/api/runs/4", "/api/runs/x", "/api/runs/4/rejects"] {
            let answer = try server.get(target)
            #expect(answer.status == 404)
            #expect(try answer.json()["type"]?.text == "urn:cardstatus:problem:unknown-run")
        }
    }

    /// Whoever has no key gets nothing of it, and a body of theirs goes nowhere.
    @Test func calls_needAKey() throws {
        let server = try APIServer([], access: .keysOnly)
        for target in ["/api/ingest", "/api/refresh-pickup", "/api/feeds/pickup/files"] {
            #expect(try server.send("POST", target, body: "x").status == 401)
        }
        #expect(try server.get("/api/runs").status == 401)
        #expect(try server.engine.runs(limit: 1).runs.isEmpty)
    }
}
