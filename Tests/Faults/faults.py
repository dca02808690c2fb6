"""What Scripts/fault-injection, power-cut and flip-bits share: the program, a small store whose
contents are known, and the library that makes calls fail."""

import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
STATUSES = ["picked_up", "delivery_exception", "delivered", "returned"]
FILES = {"picked_up": "pickup", "delivery_exception": "delivery exception",
         "delivered": "delivered", "returned": "returned"}


def build_program():
    """The release build, or what CARDSTATUS_PROGRAM names."""
    program = os.environ.get("CARDSTATUS_PROGRAM")
    if program:
        return program
    command = ["swift", "build", "-c", "release"]
    subprocess.check_call(command + ["--product", "cardstatus"], cwd=ROOT)
    folder = subprocess.check_output(command + ["--show-bin-path"], cwd=ROOT, text=True).strip()
    return folder + "/cardstatus"


def build_library(folder):
    library = folder + "/faults.so"
    subprocess.check_call(
        ["cc", "-O1", "-shared", "-fPIC", "-o", library, HERE + "/faults.c", "-ldl", "-lpthread"])
    return library


def environment(extra=None):
    """Without anybody's settings, and without Swift's own long report of a crash."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith("CARDSTATUS_")}
    variables["SWIFT_BACKTRACE"] = "enable=no"
    variables.update(extra or {})
    return variables


class Folder:
    """A folder that goes with everything in it; in memory, where nothing waits for a disk."""

    def __enter__(self):
        parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.path = tempfile.mkdtemp(prefix="cardstatus-", dir=parent)
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def make_rows(folder, name, first, count, seed):
    """Partners' files with `count` rows whose identities are all different. Returns their folder."""
    dice = random.Random(seed)
    path = os.path.join(folder, name)
    os.makedirs(path)
    files = {}
    for status in STATUSES:
        files[status] = open(os.path.join(path, "%s.csv" % FILES[status]), "w")
        files[status].write("ID,Card ID,User Mobile,Timestamp,Comment\n")
    for row in range(first, first + count):
        status = dice.choice(STATUSES)
        files[status].write("R%d,C%d,05%08d,%02d-11-2023 %02d:%02d,said %d\n" % (
            row, dice.randrange(first + count), dice.randrange(10 ** 4), 1 + dice.randrange(28),
            dice.randrange(24), dice.randrange(60), row))
    for file in files.values():
        file.close()
    return path


class Program:
    def __init__(self, path):
        self.path = path

    def run(self, *arguments, env=None, timeout=600):
        try:
            return subprocess.run(
                [self.path, *arguments], env=environment(env), capture_output=True, text=True,
                stdin=subprocess.DEVNULL, timeout=timeout, errors="replace")
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(arguments, -999, "", "did not end")

    def succeed(self, *arguments):
        result = self.run(*arguments)
        if result.returncode != 0:
            raise SystemExit("%s ended with %d: %s%s" % (
                " ".join(arguments), result.returncode, result.stdout[-2000:],
                result.stderr[-2000:]))
        return result.stdout

    def has_store(self, data):
        if not os.path.exists(data + "/data.mdb"):
            return False
        return "no store" not in self.run("get", "--data-dir", data, "X").stderr

    def export(self, data):
        """The events of an export, as its lines; None when it fails."""
        result = self.run("export", "--data-dir", data)
        if result.returncode != 0:
            return None
        return set(result.stdout.splitlines()[1:-1])


class Server:
    """`serve` on a free port of 127.0.0.1."""

    def __init__(self, program, data, *arguments, env=None, seconds=20):
        self.log = tempfile.TemporaryFile("w+", errors="replace")
        self.process = subprocess.Popen(
            [program.path, "serve", "--data-dir", data, "--listen", "127.0.0.1:0",
             "--idle-grace", "0", *arguments],
            env=environment(env), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.url = None
        deadline = time.time() + seconds
        while time.time() < deadline and self.process.poll() is None:
            marker = "url=http://127.0.0.1:"
            text = self.text()
            place = text.find(marker)
            if place >= 0 and "\n" in text[place:]:
                self.url = text[place + len("url="):].split()[0].strip("\"',")
                break
            time.sleep(0.005)

    def text(self):
        self.log.seek(0)
        return self.log.read()

    def get(self, target, body=None, headers=None, timeout=10):
        """Status and text; (0, reason) when there is no answer."""
        request = urllib.request.Request(
            self.url + target, data=body, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode("utf-8", "replace")
        except (OSError, ValueError) as error:
            return 0, str(error)
        except Exception as error:  # an answer that is none
            return 0, repr(error)

    def card(self, card):
        """What is said of a card: a dictionary, None when it is unknown, or the status."""
        status, text = self.get("/api/cards/" + card)
        if status == 200:
            return json.loads(text)
        return None if status == 404 else status

    def wait_for_memory(self, seconds=10):
        deadline = time.time() + seconds
        while time.time() < deadline and self.process.poll() is None:
            status, text = self.get("/api/ready")
            if status == 503 or (status == 200 and "memory" in text):
                return status
            time.sleep(0.01)
        return 0

    def stop(self, seconds=30):
        """The exit status; negative is a signal, None is a server that had to be killed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                return None
        return self.process.returncode
