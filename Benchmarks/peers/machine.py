"""What the machine is, and what processes and cores have used."""

import datetime
import glob
import os
import platform

TICK = os.sysconf("SC_CLK_TCK")


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def describe():
    """The machine and its settings, as far as they are readable, for the record."""
    model = next((line.split(":", 1)[1].strip() for line in read("/proc/cpuinfo").splitlines()
                  if line.startswith("model name")), platform.machine())
    memory = int((read("/proc/meminfo").split() or [0, 0])[1]) // 1024
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_mb": memory,
        "kernel": platform.release(),
        "system": next((line.split("=", 1)[1].strip('"')
                        for line in read("/etc/os-release").splitlines()
                        if line.startswith("PRETTY_NAME=")), "unknown"),
        "governor": read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip()
        or "not told (a virtual machine)",
        "transparent_huge_pages": read("/sys/kernel/mm/transparent_hugepage/enabled").strip(),
        "load_average": read("/proc/loadavg").strip(),
    }


def runs_folder(benchmarks):
    """Where today's results on this machine are kept."""
    words = describe()["cpu"].lower().replace("(r)", "").split()
    name = next((word for word in words if word in ("epyc", "ryzen", "xeon", "core")), words[0])
    day = datetime.date.today().isoformat()
    return os.path.join(benchmarks, "runs", f"{day}-{name}-{os.cpu_count()}core")


def processes(session):
    """The processes of a session, which is how a peer's master and workers are counted together."""
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        fields = read(path).rpartition(")")[2].split()
        if len(fields) > 3 and fields[3] == str(session):
            found.append(int(path.split("/")[2]))
    return found


class Usage:
    """Processor time of processes, to the nanosecond where the kernel tells it.

    /proc/PID/task/TID/schedstat counts a thread exactly but forgets it when it ends;
    /proc/PID/stat keeps ended threads but counts in ticks. The difference of two usages takes the
    first when the threads are the same at both, and else the second.
    """

    def __init__(self, sessions):
        self.threads, self.ticks = {}, 0
        for session in sessions:
            for process in processes(session):
                fields = read(f"/proc/{process}/stat").rpartition(")")[2].split()
                if len(fields) > 12:
                    self.ticks += int(fields[11]) + int(fields[12])
                for path in glob.glob(f"/proc/{process}/task/*/schedstat"):
                    numbers = read(path).split()
                    if numbers:
                        self.threads[path] = int(numbers[0])

    def seconds_since(self, earlier):
        if earlier.threads and earlier.threads.keys() <= self.threads.keys():
            return sum(time - earlier.threads.get(path, 0)
                       for path, time in self.threads.items()) / 1e9
        return (self.ticks - earlier.ticks) / TICK


class Cores:
    """What some cores did: seconds busy, and seconds that the hypervisor took away."""

    def __init__(self, cores):
        self.busy = self.stolen = 0.0
        for line in read("/proc/stat").splitlines():
            name, *fields = line.split()
            if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in cores:
                user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
                self.busy += (user + nice + system + irq + softirq) / TICK
                self.stolen += steal / TICK
