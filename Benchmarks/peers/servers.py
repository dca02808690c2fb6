"""cardstatus and its peers: how each is configured, started, filled and stopped.

A server is a session of its own (setsid), so that all its processes are counted and ended together.
Sockets between a peer's programs are Unix sockets, the cheapest they have. Access logs are off and
connections are not ended after a number of requests, which is the peers' best case.
"""

import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request

DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
TYPE = "application/json"
CACHING = "private, no-cache"
TAG = '"0123456789abcdef"'  # as long as cardstatus's
HAPROXY_CARDS = 1_000_000


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One peer. Subclasses say how to start and fill it."""

    name = None
    describes = ""
    programs = ()
    shares_store = False  # Only one server at a time can have the cards' store open.

    def __init__(self, bench):
        self.bench, self.children, self.port = bench, [], None
        self.folder = os.path.join(bench.scratch, self.name)

    def start(self, cards):
        os.makedirs(self.folder, exist_ok=True)
        self.port = free_port()
        try:
            self.launch(cards)
            self.fill(cards)
        except BaseException:
            self.stop()
            raise

    def launch(self, cards):
        raise NotImplementedError

    def fill(self, cards):
        pass

    def sessions(self):
        return [child.pid for child in self.children]

    def pause(self):
        """Stops the processes' clock while another server is measured."""
        self._signal(signal.SIGSTOP)

    def resume(self):
        self._signal(signal.SIGCONT)

    def stop(self):
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        for child in self.children:
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        self.children = []

    def spawn(self, *command, **options):
        """Starts a program on the servers' cores; it does not outlive this one."""
        parent = os.getpid()

        def prepare():
            ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)
            os.sched_setaffinity(0, self.bench.server_cores)

        options.setdefault("stderr", self.log())
        child = subprocess.Popen(command, start_new_session=True, preexec_fn=prepare,
                                 stdin=subprocess.DEVNULL, stdout=self.log(),
                                 env=self.bench.debian.environment(), **options)
        self.children.append(child)
        return child

    def log(self):
        return open(os.path.join(self.folder, "log"), "ab")

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def await_port(self):
        self.await_socket(socket.AF_INET, ("127.0.0.1", self.port))

    def await_socket(self, family, address):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            for child in self.children:
                if child.poll() is not None:
                    raise SystemExit(f"{self.name} ended at its start; see {self.folder}/log")
            with socket.socket(family) as probe:
                if probe.connect_ex(address) == 0:
                    return
            time.sleep(0.02)
        raise SystemExit(f"{self.name} does not listen; see {self.folder}/log")

    def _signal(self, number):
        for child in self.children:
            try:
                os.killpg(child.pid, number)
            except ProcessLookupError:
                pass


class CardStatus(Server):
    """`serve` with its defaults. It is insecure: the store has a key, which this one does not ask."""

    name = "cardstatus"
    describes = "cardstatus serve, metrics on"
    shares_store = True
    arguments = ["--insecure"]
    store = None

    def launch(self, cards):
        self.store = self.store or cards.store
        # All cores fill the index before anybody asks; nothing else differs.
        self.serve_store("memory")
        self.await_memory()

    def serve_store(self, ready_when):
        # The log also holds earlier starts; what matters is written from now on.
        self._logged = os.path.getsize(os.path.join(self.folder, "log")) \
            if os.path.exists(os.path.join(self.folder, "log")) else 0
        self.spawn(self.bench.program, "serve", "--data-dir", self.store, "--listen",
                   f"127.0.0.1:{self.port}", "--ready-when", ready_when, *self.arguments)
        self.await_port()

    def answers_from_memory(self):
        with open(os.path.join(self.folder, "log"), "rb") as file:
            file.seek(self._logged)
            return b"from memory" in file.read()

    def await_memory(self):
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline and self.children[0].poll() is None:
            if self.answers_from_memory():
                return
            time.sleep(0.05)
        raise SystemExit(f"cardstatus does not answer from memory; see {self.folder}/log")


class CardStatusWithKey(CardStatus):
    name = "cardstatus-key"
    describes = "cardstatus serve, an API key checked"
    arguments = []


class CardStatusForRates(CardStatus):
    """On a store of its own, since `load` changes it."""

    name = "cardstatus-rates"
    describes = "cardstatus serve, on a copy of the store"
    shares_store = False
    loader = None

    def launch(self, cards):
        copy = os.path.join(self.folder, "store")
        if not os.path.exists(copy):
            subprocess.run(["cp", "-r", "--reflink=auto", cards.store, copy], check=True)
        self.store = copy
        super().launch(cards)

    def launch_unfilled(self):
        """Starts it anew, and returns when it answers."""
        self.serve_store("store")

    def begin_load(self, cards):
        """Starts loading as many new cards as there are, in a session of its own."""
        made = os.path.join(self.folder, "made")
        if not os.path.exists(made):
            subprocess.run([self.bench.program, "generate", "--cards", str(cards.asked),
                            "--seed", str(cards.seed + 1), made], check=True, capture_output=True)
        self.spawn(self.bench.program, "load", "--data-dir", self.store, made)
        self.loader = self.children.pop()

    def end_load(self):
        if self.loader:
            self.loader.terminate()
            self.loader.wait()
            self.loader = None

    def stop(self):
        self.end_load()
        super().stop()

    def cards_in_memory(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
            found = re.search(rb"^cardstatus_index_cards (\d+)", answer.read(), re.MULTILINE)
        return int(found[1]) if found else None


class CardStatusTwoWorkers(CardStatus):
    name = "cardstatus-2-workers"
    describes = "cardstatus serve --workers 2"
    arguments = ["--insecure", "--workers", "2"]


class BareEpoll(Server):
    name = "bare-epoll"
    describes = "C, one epoll loop, a constant reply"

    def launch(self, cards):
        body = cards.median_line()
        head = (f"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: {TYPE}\r\n"
                f"ETag: {TAG}\r\nCache-Control: {CACHING}\r\nContent-Length: {len(body)}\r\n\r\n")
        self.spawn(self.bench.compiled("bare-epoll"), str(self.port),
                   self.file("reply", head.encode() + body))
        self.await_port()


class BareMicroHTTPD(Server):
    name = "bare-microhttpd"
    describes = "C, libmicrohttpd, a constant reply made for each request"
    mode = "created"

    def launch(self, cards):
        self.spawn(self.bench.compiled("bare-microhttpd", "-lmicrohttpd"), str(self.port),
                   self.file("body", cards.median_line()), self.mode)
        self.await_port()


class BareMicroHTTPDCached(BareMicroHTTPD):
    name = "bare-microhttpd-cached"
    describes = "C, libmicrohttpd, one reply for all requests"
    mode = "cached"


class Nginx(Server):
    name = "nginx-return"
    describes = "nginx, return 200 with a constant body"
    programs = ("nginx",)

    def launch(self, cards):
        body = cards.median_line().decode()
        self.serve(f"location / {{ return 200 '{body}'; }}")

    def serve(self, location, upstream=""):
        # Only a master that is root may choose its workers' user, and else it is its own.
        user = "user root;" if os.geteuid() == 0 else ""
        configuration = self.file("nginx.conf", f"""\
{user}
daemon off;
worker_processes 1;
pid {self.folder}/pid;
error_log {self.folder}/log error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {self.folder}/temp-body;
    proxy_temp_path {self.folder}/temp-proxy;
    fastcgi_temp_path {self.folder}/temp-fastcgi;
    uwsgi_temp_path {self.folder}/temp-uwsgi;
    scgi_temp_path {self.folder}/temp-scgi;
    default_type {TYPE};
    {upstream}
    server {{
        listen 127.0.0.1:{self.port};
        add_header ETag '{TAG}';
        add_header Cache-Control "{CACHING}";
        {location}
    }}
}}
""")
        self.spawn(self.bench.debian.path("nginx"), "-p", self.folder, "-c", configuration,
                   "-e", os.path.join(self.folder, "log"))
        self.await_port()


class NginxMemcached(Nginx):
    name = "nginx-memcached"
    describes = "nginx, memcached_pass with kept connections"
    programs = ("nginx", "memcached")

    def launch(self, cards):
        path = os.path.join(self.folder, "memcached.sock")
        megabytes = max(64, cards.count * 400 >> 20)
        user = ["-u", "root"] if os.geteuid() == 0 else []
        self.spawn(self.bench.debian.path("memcached"), "-s", path, "-m", str(megabytes), "-t", "1",
                   "-U", "0", *user)
        self.await_socket(socket.AF_UNIX, path)
        self.memcached = path
        self.serve("location ~ ^/api/cards/(.+)$ {\n"
                   "            set $memcached_key $1;\n            memcached_pass cards;\n        }",
                   f"upstream cards {{ server unix:{path}; keepalive 64; }}")

    def fill(self, cards):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self.memcached)
        part = []
        for card, value in cards.lines():
            part.append(b"set %s 0 0 %d noreply\r\n%s\r\n" % (card, len(value), value))
            if len(part) == 1000:
                connection.sendall(b"".join(part))
                part.clear()
        connection.sendall(b"".join(part) + b"stats\r\n")
        answer = b""
        while not answer.endswith(b"END\r\n"):
            answer += connection.recv(65536)
        connection.close()
        told = dict(re.findall(r"STAT (\w+) (\S+)", answer.decode()))
        if int(told["curr_items"]) != cards.count:
            raise SystemExit(f"memcached keeps {told['curr_items']} of {cards.count} cards")


class Redis(Server):
    name = "redis"
    describes = "redis-server, nothing written to disk"
    programs = ("redis-server", "redis-cli")

    def launch(self, cards):
        self.start_redis(self.port)

    def start_redis(self, port):
        self.redis = os.path.join(self.folder, "redis.sock")
        self.spawn(self.bench.debian.path("redis-server"), "--bind", "127.0.0.1", "--port",
                   str(port), "--unixsocket", self.redis, "--save", "", "--appendonly", "no",
                   "--dir", self.folder)
        self.await_socket(socket.AF_UNIX, self.redis)

    def fill(self, cards):
        pipe = subprocess.Popen([self.bench.debian.path("redis-cli"), "-s", self.redis, "--pipe"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                env=self.bench.debian.environment())
        part = []
        for card, value in cards.lines():
            part.append(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n"
                        % (len(card), card, len(value), value))
            if len(part) == 1000:
                pipe.stdin.write(b"".join(part))
                part.clear()
        pipe.stdin.write(b"".join(part))
        told, _ = pipe.communicate()
        if pipe.returncode != 0 or f"errors: 0, replies: {cards.count}".encode() not in told:
            raise SystemExit(f"redis-cli --pipe: {told.decode()}")


class Webdis(Redis):
    name = "webdis-redis"
    describes = "webdis, one thread, with Redis behind a Unix socket"
    programs = ("webdis", "redis-server", "redis-cli")

    def launch(self, cards):
        self.start_redis(0)
        configuration = {
            "redis_host": self.redis, "http_host": "127.0.0.1", "http_port": self.port,
            "threads": 1, "pool_size": 20, "daemonize": False, "websockets": False, "database": 0,
            "verbosity": 1, "logfile": os.path.join(self.folder, "log"),
        }
        self.spawn(self.bench.debian.path("webdis"),
                   self.file("webdis.json", json.dumps(configuration, indent=4)))
        self.await_port()


class HAProxy(Server):
    name = "haproxy-map"
    describes = f"HAProxy, a map file of the first {HAPROXY_CARDS:,} cards at most"
    programs = ("haproxy",)

    def launch(self, cards):
        map_file = os.path.join(cards.folder, "haproxy.map")
        if not os.path.exists(map_file):
            with open(map_file + ".new", "wb") as file:
                for card, value in cards.lines(HAPROXY_CARDS):
                    file.write(card + b" " + value + b"\n")
            os.rename(map_file + ".new", map_file)
        configuration = self.file("haproxy.cfg", f"""\
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout client 1h
    timeout server 1h
    timeout connect 1s
    timeout http-keep-alive 1h
frontend cards
    bind 127.0.0.1:{self.port}
    http-request return status 200 content-type {TYPE} lf-string \
%[path,field(4,/),map({map_file})] hdr ETag {TAG.replace('"', chr(92) + '"')} \
hdr Cache-Control "{CACHING}"
""")
        self.spawn(self.bench.debian.path("haproxy"), "-db", "-f", configuration)
        self.await_port()


SERVERS = (CardStatus, CardStatusWithKey, CardStatusTwoWorkers, CardStatusForRates, BareMicroHTTPD,
           BareMicroHTTPDCached, BareEpoll, Nginx, Webdis, NginxMemcached, HAProxy, Redis)
