"""What every benchmark needs: two servers in one run, measured in turn, compared as a ratio."""

import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url, process, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"{process.args[0]} ended with {process.returncode}")
        try:
            urllib.request.urlopen(url, timeout=1)
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"{url} does not answer")


def process_tree(pid):
    """The process and its children."""
    pids = [pid]
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as children:
            for child in children.read().split():
                pids += process_tree(int(child))
    return pids


class Server:
    """A server process under measurement."""

    def __init__(self, name, arguments, url, environment=None, log=None):
        self.name = name
        self.url = url
        self.log = open(log or os.devnull, "ab")
        self.process = subprocess.Popen(
            arguments, env={**os.environ, **(environment or {})},
            stdout=self.log, stderr=self.log)

    def cpu_seconds(self):
        ticks = 0
        for pid in process_tree(self.process.pid):
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def peak_mebibytes(self):
        total = 0
        for pid in process_tree(self.process.pid):
            with open(f"/proc/{pid}/status") as status:
                total += int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1))
        return total / 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def wrk(url, connections, headers=(), script=None):
    """Requests a second, as wrk counts them, and the answers that were no success."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s"]
    for header in headers:
        command += ["-H", header]
    if script:
        command += ["-s", script]
    output = subprocess.run(
        command + [url], capture_output=True, text=True, check=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1))
    failures = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    sockets = re.search(r"Socket errors: .*", output)
    if failures or sockets:
        raise SystemExit(f"{url}: {(failures or sockets).group(0)}")
    return rate


def seconds_of(command, **options):
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
    return time.monotonic() - start


class Report:
    """Rows of a comparison; each is measured in turn, A B A B …, and the median ratio counts."""

    def __init__(self, ours, theirs):
        self.ours = ours
        self.theirs = theirs
        print(f"\n{'':34} {ours:>14} {theirs:>14} {'ratio':>7}  aim", flush=True)

    def row(self, name, unit, measure_ours, measure_theirs, aim=None, lower_is_better=False):
        pairs = [(measure_ours(), measure_theirs()) for _ in range(ROUNDS)]
        ratios = [b / a if lower_is_better else a / b for a, b in pairs]
        ratio = statistics.median(ratios)
        a = statistics.median(pair[0] for pair in pairs)
        b = statistics.median(pair[1] for pair in pairs)
        print(
            f"{name:34} {a:>9.4g} {unit:<4} {b:>9.4g} {unit:<4} {ratio:>7.2f}  "
            f"{aim or '':5} ({min(ratios):.2f} to {max(ratios):.2f})", flush=True)
        return ratio


class Workspace:
    """A folder for one run, removed at its end."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(
            prefix="packhouse-bench-", dir=os.environ.get("BENCH_FOLDER"))
        os.chmod(self.path, 0o755)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def file(self, *names):
        return os.path.join(self.path, *names)

    def random_file(self, name, size):
        path = self.file(name)
        with open(path, "wb") as out:
            while size > 0:
                piece = os.urandom(min(size, 1 << 22))
                out.write(piece)
                size -= len(piece)
        return path
