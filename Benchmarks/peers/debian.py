"""The peers' programs, from Debian's archive.

What is on the PATH is used. What is missing is downloaded with `apt-get download` and unpacked in the
work folder: nothing is installed, no service is started, and no root is needed.
"""

import glob
import os
import re
import shutil
import subprocess

# Program, package, and how it tells its version.
PROGRAMS = {
    "wrk": ("wrk", ["-v"]),
    "nginx": ("nginx", ["-v"]),
    "memcached": ("memcached", ["-V"]),
    "redis-server": ("redis-server", ["--version"]),
    "redis-cli": ("redis-tools", ["--version"]),
    "webdis": ("webdis", None),
    "haproxy": ("haproxy", ["-v"]),
}


class Unavailable(Exception):
    """A program that cannot be had here, and what to do about it."""


class Debian:
    def __init__(self, folder):
        self.archives = os.path.join(folder, "archives")
        self.root = os.path.join(folder, "root")
        self.versions = {}

    def path(self, program):
        """Where the program is; it is fetched first if it is not there. Raises Unavailable."""
        found = self._find(program)
        if not found:
            self._fetch(PROGRAMS[program][0])
            found = self._find(program)
        if not found:
            raise Unavailable(f"package {PROGRAMS[program][0]} has no program {program}")
        self.versions.setdefault(program, self._version(program, found))
        return found

    def environment(self):
        """The environment to start programs in: unpacked libraries are found."""
        libraries = glob.glob(os.path.join(self.root, "usr/lib/*-linux-*"))
        environment = dict(os.environ)
        if libraries:
            old = environment.get("LD_LIBRARY_PATH")
            environment["LD_LIBRARY_PATH"] = ":".join(libraries + ([old] if old else []))
        return environment

    def _find(self, program):
        for folder in ("usr/sbin", "usr/bin"):
            unpacked = os.path.join(self.root, folder, program)
            if os.path.exists(unpacked):
                return unpacked
        return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")

    def _fetch(self, package):
        if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
            raise Unavailable(f"{package} is not installed, and there is no apt-get to fetch it: "
                              "install it, or leave its peers out with --only")
        plan = subprocess.run(
            ["apt-get", "install", "--simulate", "--no-install-recommends", package],
            capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
        # "Inst NAME (VERSION …" is new; "Inst NAME [OLD] (NEW …" is an upgrade, which is not needed.
        names = re.findall(r"^Inst (\S+) \(", plan.stdout, re.MULTILINE)
        if plan.returncode != 0 or not names:
            reason = (plan.stderr.strip().splitlines() or ["no such package"])[-1]
            raise Unavailable(f"apt-get cannot find {package} ({reason}): "
                              "run 'apt-get update' as root, or install it yourself")
        print(f"fetching {' '.join(names)}", flush=True)
        os.makedirs(self.archives, exist_ok=True)
        fetched = subprocess.run(["apt-get", "download", "-q", *names], cwd=self.archives,
                                 capture_output=True, text=True)
        if fetched.returncode != 0:
            raise Unavailable(f"apt-get cannot download {package}: {fetched.stderr.strip()}")
        for name in names:
            for archive in glob.glob(os.path.join(self.archives, f"{name}_*.deb")):
                subprocess.run(["dpkg-deb", "-x", archive, self.root], check=True)

    def _version(self, program, path):
        arguments = PROGRAMS[program][1]
        if arguments:
            told = subprocess.run([path, *arguments], capture_output=True, text=True,
                                  env=self.environment())
            lines = (told.stdout + told.stderr).strip().splitlines()
            return lines[0] if lines else "unknown"
        package = PROGRAMS[program][0]
        archives = glob.glob(os.path.join(self.archives, f"{package}_*.deb"))
        query = (["dpkg-deb", "-f", archives[0], "Version"] if archives
                 else ["dpkg-query", "-W", "-f", "${Version}", package])
        told = subprocess.run(query, capture_output=True, text=True)
        return f"{program} {told.stdout.strip() or 'unknown'}"
