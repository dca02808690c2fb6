"""The cards that all servers are filled with, made once for each number and kept.

FOLDER/store        a cardstatus store with all of them, and an API key
FOLDER/values       the JSON that cardstatus answers for each card, a card a line, in the order of IDs
FOLDER/sample       up to a million of those lines, drawn at random, each with a last key "single":
                    whether its phone belongs to no other card
FOLDER/key          the API key
"""

import itertools
import json
import os
import random
import re
import shutil
import socket
import subprocess

SAMPLE = 1_000_000


class Cards:
    def __init__(self, work, program, count, seed=1):
        self.folder = os.path.join(work, f"cards-{count}")
        self.program, self.asked, self.seed = program, count, seed
        # As many as there are with a state, once they are made.
        self.count = count
        self.store = os.path.join(self.folder, "store")
        self.values = os.path.join(self.folder, "values")
        self.sample = os.path.join(self.folder, "sample")
        self._complete = os.path.join(self.folder, "complete.json")

    def make(self, start_server):
        """Fills the folder if it is not complete. `start_server` serves the store, for the values."""
        if os.path.exists(self._complete):
            with open(self._complete) as file:
                self.count = json.load(file)["cards"]
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        made = os.path.join(self.folder, "made")
        print(f"making {self.asked} cards in {self.folder}", flush=True)
        self._run("generate", "--cards", str(self.asked), "--seed", str(self.seed), made)
        with open(os.path.join(made, "manifest.json")) as file:
            self.count = json.load(file)["totals"]["cards"]
        self._run("load", "--data-dir", self.store, made)
        shutil.rmtree(made)
        key = self._run("key", "create", "--data-dir", self.store, "--name", "benchmarks")
        with open(os.open(os.path.join(self.folder, "key"), os.O_WRONLY | os.O_CREAT, 0o600),
                  "w") as file:
            file.write(key.split()[-1])
        server = start_server(self)
        try:
            self._fetch_values(server.port)
        finally:
            server.stop()
        self._draw()
        with open(self._complete, "w") as file:
            json.dump({"cards": self.count}, file)

    def key(self):
        with open(os.path.join(self.folder, "key")) as file:
            return file.read().strip()

    def first(self, count):
        """The first drawn cards, as parsed JSON with the whole value as `line`."""
        found = []
        with open(self.sample, "rb") as file:
            for line in itertools.islice(file, count):
                value = line[:line.rindex(b',"single"')] + b"}"
                found.append({**json.loads(line), "line": value})
        return found

    def median_line(self):
        """A value of the median length, which constant replies use. No quoting troubles any peer."""
        plain = re.compile(rb"[A-Za-z0-9 {}\[\]:,.\"_+/()-]*\Z")
        lines = [card["line"] for card in self.first(10_001)]
        length = sorted(len(line) for line in lines)[len(lines) // 2]
        return next(line for line in lines if len(line) == length and plain.match(line))

    def paths(self, name, path):
        """A file of paths, a line for each drawn card for which `path` (of the card) is not None."""
        file_name = os.path.join(self.folder, f"paths-{name}")
        if not os.path.exists(file_name):
            with open(self.sample, "rb") as sample, open(file_name + ".new", "w") as file:
                for line in sample:
                    if text := path(json.loads(line)):
                        file.write(text + "\n")
            os.rename(file_name + ".new", file_name)
        return file_name

    def lines(self, limit=None):
        """ID and JSON of each card, as bytes."""
        with open(self.values, "rb") as file:
            for number, line in enumerate(file):
                if number == limit:
                    return
                yield line[12:line.index(b'"', 12)], line.rstrip(b"\n")

    def _run(self, *arguments):
        done = subprocess.run([self.program, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"cardstatus {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout

    def _identifiers(self):
        """Each card ID once: the export has a card's events behind each other."""
        export = subprocess.Popen([self.program, "export", "--data-dir", self.store],
                                  stdout=subprocess.PIPE)
        last = None
        for line in export.stdout:
            card = line[12:line.index(b'"', 12)]
            if card != last:
                last = card
                yield card
        if export.wait() != 0:
            raise SystemExit("cardstatus export failed")

    def _fetch_values(self, port):
        """Asks the server for every card, pipelined, and keeps the bodies."""
        connection = socket.create_connection(("127.0.0.1", port))
        reader = connection.makefile("rb", 1 << 20)
        found, pending = 0, []

        def fetch(out):
            connection.sendall(b"".join(b"GET /api/cards/%s HTTP/1.1\r\nHost: x\r\n\r\n" % card
                                        for card in pending))
            answered = 0
            for card in pending:
                status, length = reader.readline(), 0
                while (line := reader.readline()) != b"\r\n":
                    if line.startswith(b"Content-Length:"):
                        length = int(line[15:])
                    elif not line:
                        raise SystemExit("cardstatus ended the connection")
                body = reader.read(length)
                # A card whose events are all void is unknown; the made ones have none, but a row
                # that is not of a card (404) would only be left out.
                if b" 200 " in status:
                    if not body.startswith(b'{"card_id":"%s"' % card):
                        raise SystemExit(f"cardstatus answered for {card!r}: {body!r}")
                    out.write(body + b"\n")
                    answered += 1
            return answered

        with open(self.values, "wb") as out:
            for card in self._identifiers():
                pending.append(card)
                if len(pending) == 64:
                    found += fetch(out)
                    pending.clear()
            if pending:
                found += fetch(out)
        connection.close()
        if found != self.count:
            raise SystemExit(f"the manifest has {self.count} cards, the server {found}")

    def _draw(self):
        """Draws the sample in one pass, then shuffles it: keys must not come in the store's order."""
        draw = random.Random(self.seed)
        chosen = set(draw.sample(range(self.count), min(SAMPLE, self.count)))
        with open(self.values, "rb") as file:
            lines = [line for number, line in enumerate(file) if number in chosen]
        draw.shuffle(lines)
        phone = re.compile(rb'"phone":"([^"]+)"')
        phones = [found and found[1] for found in map(phone.search, lines)]
        owners = dict.fromkeys(filter(None, phones), 0)
        with open(self.values, "rb") as file:
            for line in file:
                found = phone.search(line)
                if found and found[1] in owners:
                    owners[found[1]] += 1
        with open(self.sample, "wb") as file:
            for line, number in zip(lines, phones):
                single = b"true" if owners.get(number) == 1 else b"false"
                file.write(line[:-2] + b',"single":' + single + b"}\n")
