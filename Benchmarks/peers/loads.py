"""Bulk loads: the partners' four files, until what they say is durable and indexed.

All loaders read the same files, made by `cardstatus generate`, without the rows that only cardstatus
reads past: those with too many or too few fields, broken quotes or text that is not UTF-8. They have
all cores, and nothing else runs. What is measured is the time from start to end, the processor time
of all processes, and the most anonymous and shared memory that they had together.
"""

import csv
import glob
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import threading
import time
from statistics import median

import machine
import measure
from debian import Unavailable
from group import Goal, Group, by_lane, goal_rows

# Moments that PostgreSQL ends a whole load for.
IMPOSSIBLE = re.compile("31-02-2024|13:00 PM|14:60|2023-13-11")

# The files of half as many cards as look-ups have: ten million have about 11 million rows.
CARDS_PER_LOADED_CARD = 2


class LoadFiles:
    """The files, made once for each number of cards and kept."""

    def __init__(self, bench, cards):
        self.cards = max(cards.asked // CARDS_PER_LOADED_CARD, 1)
        self.folder = os.path.join(bench.work, f"files-{self.cards}")
        self._told = os.path.join(self.folder, "rows.json")
        if not os.path.exists(self._told):
            self._make(bench)
        with open(self._told) as file:
            self.rows = json.load(file)["rows"]

    def _make(self, bench):
        print(f"making files of {self.cards} cards in {self.folder}", flush=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        made = self.folder + ".made"
        subprocess.run([bench.program, "generate", "--force", "--cards", str(self.cards), "--seed",
                        "1", made], check=True, capture_output=True)
        os.makedirs(self.folder)
        rows = 0
        for path in glob.glob(os.path.join(glob.escape(made), "*.csv")):
            rows += self._clean(path, os.path.join(self.folder, os.path.basename(path)))
        shutil.rmtree(made)
        os.chmod(self.folder, 0o755)
        with open(self._told, "w") as file:
            json.dump({"rows": rows}, file)

    @staticmethod
    def _clean(source, target):
        """Copies the rows that every CSV reader takes, and counts them."""
        rows = -1
        with open(source, "rb") as lines, open(target, "wb") as out:
            fields = None
            for line in lines:
                try:
                    text = line.decode().lstrip("\ufeff").rstrip("\r\n")
                except UnicodeDecodeError:
                    continue
                if IMPOSSIBLE.search(text):
                    continue
                commas = text.count(",") + 1
                if '"' in text:
                    quoted = next(csv.reader([text]), [])
                    if text.count('"') % 2 or not text.isprintable() and "\t" not in text:
                        continue
                    commas = len(quoted)
                fields = fields or commas
                if commas == fields and len(line) < 4096:
                    out.write(text.encode() + b"\n")
                    rows += 1
        return rows


class Memory:
    """Anonymous and shared memory of a session's processes, looked at twenty times a second."""

    def __init__(self, session):
        self.most_mb, self._session, self._ended = 0.0, session, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self):
        while not self._ended.wait(0.05):
            anonymous, shared = 0, 0
            for process in machine.processes(self._session):
                told = dict(line.split(":", 1) for line in
                            machine.read(f"/proc/{process}/status").splitlines() if ":" in line)
                anonymous += int(told.get("RssAnon", "0 kB").split()[0])
                # Each process counts the pages of one shared segment that it has touched.
                shared = max(shared, int(told.get("RssShmem", "0 kB").split()[0]))
            self.most_mb = max(self.most_mb, (anonymous + shared) / 1024)

    def stop(self):
        self._ended.set()
        self._thread.join()
        return self.most_mb


class Loads:
    """Stands for a server, which loads have none of."""

    name = "loads"
    shares_store = False
    describes = ""

    def __init__(self, bench):
        self.folder = os.path.join(bench.work, "loading")

    def start(self, cards):
        os.makedirs(self.folder, exist_ok=True)

    def pause(self):
        pass

    resume = pause

    def stop(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class LoadLane:
    """One way to load the files."""

    unit = "row"
    server = Loads
    rounds_max = None

    def __init__(self, name, describes):
        self.name, self.describes = name, describes

    def check(self, server, cards):
        """What was loaded is looked at after each run."""

    def measure(self, bench, server, cards):
        files = LoadFiles(bench, cards)
        shutil.rmtree(server.folder, ignore_errors=True)
        os.makedirs(server.folder)
        os.chmod(server.folder, 0o755)
        self.begin(bench, server, files)
        begin = time.monotonic()
        used = os.times()
        child = subprocess.Popen(self.command(bench, server, files), start_new_session=True,
                                 stdin=self.input(files), stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True,
                                 env=bench.debian.environment())
        memory = Memory(self.session(child))
        try:
            told, _ = child.communicate()
        finally:
            child.kill()
            peak = memory.stop()
        seconds, now = time.monotonic() - begin, os.times()
        cpu = (now.children_user + now.children_system
               - used.children_user - used.children_system)
        try:
            if child.returncode != 0:
                raise measure.Failed(f"{self.name}: {told.strip()[-500:]}")
            cpu += self.more_cpu()
            found = self.loaded(bench, server)
            if not 0.99 < found / files.cards < 1.03:
                raise measure.Failed(f"{self.name}: {found} cards of {files.cards}")
        finally:
            self.end(server)
        return {"lane": self.name, "seconds": seconds, "cpu_seconds": cpu, "rows": files.rows,
                "cpu_us": cpu / files.rows * 1e6, "per_second": files.rows / seconds,
                "peak_mb": peak, "cards_found": found, "told": told.strip()[-800:]}

    def begin(self, bench, server, files):
        pass

    def command(self, bench, server, files):
        raise NotImplementedError

    def input(self, files):
        return subprocess.DEVNULL

    def session(self, child):
        """The session whose memory counts."""
        return child.pid

    def more_cpu(self):
        """Of processes that were not waited for."""
        return 0

    def loaded(self, bench, server):
        """How many cards are there."""
        raise NotImplementedError

    def end(self, server):
        pass


class OwnLoad(LoadLane):
    def command(self, bench, server, files):
        return [bench.program, "load", "--timings", "--data-dir", server.folder + "/store",
                files.folder]

    def loaded(self, bench, server):
        told = subprocess.run([bench.program, "check", "--data-dir", server.folder + "/store"],
                              capture_output=True, text=True)
        if told.returncode != 0:
            raise measure.Failed(f"{self.name}: {told.stdout}{told.stderr}")
        return int(told.stdout.split()[0])


class DuckDBLoad(LoadLane):
    def begin(self, bench, server, files):
        self._python = os.path.join(bench.work, "duckdb", "bin", "python")
        if os.path.exists(self._python):
            return
        print("fetching duckdb", flush=True)
        folder = os.path.join(bench.work, "duckdb")
        for command in ([sys.executable, "-m", "venv", folder],
                        [self._python, "-m", "pip", "install", "-q", "duckdb"]):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                shutil.rmtree(folder, ignore_errors=True)
                raise Unavailable(f"DuckDB cannot be had from PyPI: {done.stderr.strip()[-300:]}")

    def command(self, bench, server, files):
        loaders = os.path.join(bench.sources, "loaders")
        return [self._python, loaders + "/duckdb_load.py", server.folder + "/cards.duckdb",
                files.folder, loaders + "/duckdb.sql"]

    def loaded(self, bench, server):
        told = subprocess.run(
            [self._python, "-c", "import duckdb, sys; print(duckdb.__version__, duckdb.connect("
             "sys.argv[1]).execute('SELECT count(*) FROM cards').fetchone()[0])",
             server.folder + "/cards.duckdb"], check=True, capture_output=True, text=True)
        version, count = told.stdout.split()
        bench.debian.versions["duckdb"] = f"DuckDB {version}"
        return int(count)


class PostgreSQLLoad(LoadLane):
    """A cluster of its own on a Unix socket, durable, tuned for one large load."""

    rounds_max = 2
    settings = {
        "listen_addresses": "", "wal_level": "minimal", "max_wal_senders": "0",
        "max_wal_size": "8GB", "checkpoint_timeout": "1h", "shared_buffers": "512MB",
        "work_mem": "512MB", "maintenance_work_mem": "512MB", "timezone": "UTC",
        "max_parallel_workers_per_gather": "2", "jit": "off",
    }

    def begin(self, bench, server, files):
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        if not programs:
            raise Unavailable("PostgreSQL's server is not installed (package postgresql)")
        self._programs = programs[-1]
        self._folder = server.folder
        self._script = server.folder + "/load.sql"
        with open(os.path.join(bench.sources, "loaders", "postgresql.sql")) as file, \
                open(self._script, "w") as script:
            script.write(file.read().replace("FOLDER", files.folder))
        # The server refuses to be root.
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if self._user:
            os.chown(server.folder, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "-D", server.folder + "/data", "-U", "loader", "-A", "trust",
                  "--no-instructions")
        options = " ".join(f"-c {name}='{value}'" for name, value in self.settings.items())
        self._run("pg_ctl", "-D", server.folder + "/data", "-w", "-l", server.folder + "/log",
                  "-o", f"-k {server.folder} {options}", "start")
        with open(server.folder + "/data/postmaster.pid") as file:
            self._server = int(file.readline())
        version = subprocess.run([self._programs + "/postgres", "--version"], capture_output=True,
                                 text=True).stdout.strip()
        bench.debian.versions["postgres"] = version
        self._ticks = self._cpu()

    def _run(self, program, *arguments):
        done = subprocess.run([os.path.join(self._programs, program), *arguments],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              cwd=self._folder, user=self._user and self._user.pw_uid,
                              group=self._user and self._user.pw_gid, extra_groups=[]
                              if self._user else None, start_new_session=True)
        if done.returncode != 0:
            raise Unavailable(f"{program} failed: {done.stderr.strip()[-300:]}")

    def _cpu(self):
        """Of the server, and of its processes that have ended."""
        used = 0
        for process in machine.processes(os.getsid(self._server)):
            fields = machine.read(f"/proc/{process}/stat").rpartition(")")[2].split()
            ended = sum(map(int, fields[13:15])) if process == self._server else 0
            used += int(fields[11]) + int(fields[12]) + ended
        return used / machine.TICK

    def command(self, bench, server, files):
        return [self._programs + "/psql", "-q", "-X", "-h", server.folder, "-U", "loader", "-v",
                "ON_ERROR_STOP=1", "-d", "postgres", "-f", self._script]

    def session(self, child):
        return os.getsid(self._server)

    def more_cpu(self):
        return self._cpu() - self._ticks

    def loaded(self, bench, server):
        told = subprocess.run([self._programs + "/psql", "-X", "-A", "-t", "-h", server.folder, "-U",
                               "loader", "-d", "postgres", "-c", "SELECT count(*) FROM cards"],
                              check=True, capture_output=True, text=True)
        return int(told.stdout)

    def end(self, server):
        self._run("pg_ctl", "-D", server.folder + "/data", "-m", "immediate", "stop")


class RedisLoad(LoadLane):
    """Gets every card ready-made, in its protocol: it neither parses nor consolidates, and looks
    cards up by ID alone. SAVE makes it durable."""

    def begin(self, bench, server, files):
        self._records = files.folder + "/redis"
        if not os.path.exists(self._records):
            store = server.folder + "/store"
            subprocess.run([bench.program, "load", "--data-dir", store, files.folder], check=True,
                           capture_output=True)
            self._render(bench, store)
            shutil.rmtree(store)
        self._socket = server.folder + "/redis.sock"
        self._child = subprocess.Popen(
            [bench.debian.path("redis-server"), "--port", "0", "--unixsocket", self._socket,
             "--save", "", "--appendonly", "no", "--dir", server.folder], start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=bench.debian.environment())
        deadline = time.monotonic() + 30
        while not os.path.exists(self._socket) and time.monotonic() < deadline:
            time.sleep(0.02)
        self._used = machine.Usage([self._child.pid])
        self._client = bench.debian.path("redis-cli")

    def _render(self, bench, store):
        """SET of each card's last event as exported, about what a look-up answers; then SAVE."""
        export = subprocess.Popen([bench.program, "export", "--data-dir", store],
                                  stdout=subprocess.PIPE)
        with open(self._records + ".new", "wb") as out:
            def write(line):
                card = line[12:line.index(b'"', 12)]
                out.write(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n"
                          % (len(card), card, len(line), line))
            last = None
            for line in export.stdout:
                if not line.startswith(b'{"card_id"'):
                    continue
                line = line[:line.index(b',"feed"')] + b"}"
                if last and last[:line.index(b'"', 12)] != line[:line.index(b'"', 12)]:
                    write(last)
                last = line
            write(last)
            out.write(b"*1\r\n$4\r\nSAVE\r\n")
        if export.wait() != 0:
            raise SystemExit("cardstatus export failed")
        os.rename(self._records + ".new", self._records)

    def command(self, bench, server, files):
        return [self._client, "-s", self._socket, "--pipe", "--pipe-timeout", "300"]

    def input(self, files):
        return open(self._records, "rb")

    def session(self, child):
        return self._child.pid

    def more_cpu(self):
        return machine.Usage([self._child.pid]).seconds_since(self._used)

    def loaded(self, bench, server):
        told = subprocess.run([self._client, "-s", self._socket, "DBSIZE"], check=True,
                              capture_output=True, text=True, env=bench.debian.environment())
        return int(told.stdout.split()[-1])

    def end(self, server):
        self._child.terminate()
        self._child.wait()


class LoadGroup(Group):
    """Whose figures are those of whole loads."""

    needs_cards = False

    def tables(self, runs):
        rows = []
        of = by_lane(runs)
        for lane in self.lanes:
            of_lane = of.get(lane.name)
            if not of_lane:
                continue
            seconds = [run["seconds"] for run in of_lane]

            def middle(what):
                return median(run[what] for run in of_lane)
            rows.append([lane.name, f"{median(seconds):.2f}",
                         f"{min(seconds):.2f}-{max(seconds):.2f}", f"{middle('cpu_seconds'):.2f}",
                         f"{middle('peak_mb'):,.0f}", f"{middle('per_second'):,.0f}",
                         f"{len(of_lane)}"])
        told = ["lane, whole files", "s", "min-max", "CPU s", "peak MB", "rows/s", "runs"]
        found = [(told, rows), goal_rows(self.goals, runs)]
        return [table for table in found if table[1]]


LOADS = LoadGroup(
    "loads", "the partners' files into an empty store, durable, with all indexes",
    lanes=(
        OwnLoad("load", "cardstatus load: parse, normalise, merge, four databases, fsync"),
        DuckDBLoad("load-duckdb", "DuckDB: parse, normalise, latest state, two indexes, checkpoint"),
        PostgreSQLLoad("load-postgresql", "PostgreSQL: COPY, the same, two indexes, checkpoint"),
        RedisLoad("load-redis", "redis-cli --pipe of ready-made values, SAVE: cards by ID alone"),
    ),
    goals=(
        Goal("time: cardstatus / DuckDB (3 times as fast)", "load", "load-duckdb", 1 / 3,
             of="seconds"),
        Goal("peak memory: cardstatus / DuckDB", "load", "load-duckdb", 1.00, of="peak_mb"),
        Goal("time: cardstatus / PostgreSQL", "load", "load-postgresql", of="seconds"),
        Goal("time: cardstatus / redis-cli --pipe", "load", "load-redis", of="seconds"),
    ))
