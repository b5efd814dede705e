"""The collector: what it reclaims, and what requests notice of it.

Garbage is put into an empty registry, files and rows, as uploads that nobody came to name leave it. Clients
push and pull small files with pauses between, in turns of the same run: while the collector is paused, and
while it works. At last the rest is collected as fast as it goes, while nobody else asks for anything."""

import glob
import hashlib
import json
import os
import pwd
import re
import sqlite3
import statistics
import subprocess
import sys
import time
import urllib.request

from measure import ROUNDS, Server, Workspace, free_port, wait_for

TOKEN = "benchmark-administrator-token"
COUNT = int(os.environ.get("BENCH_GARBAGE", "200000"))
BLOB_BYTES = int(os.environ.get("BENCH_GARBAGE_BYTES", "1024"))
RATE = os.environ.get("BENCH_GC_RATE", "2200")
SECONDS = int(os.environ.get("BENCH_SECONDS", "10"))
DELAY = int(os.environ.get("BENCH_DELAY_MS", "30"))
CLIENTS = 32

LOAD = """
local folder = "%s"
local size, mean, count = 1024, %d, 0
local filler = string.rep("x", size)
function delay() return math.random(0, 2 * mean) end
function init(args) math.randomseed(os.time()) end
function request()
    if folder == "" then return wrk.format("GET") end
    count = count + 1
    local body = (string.format("%%s/%%d/", folder, count) .. filler):sub(1, size)
    return wrk.format("PUT", string.format("%%s/%%d", folder, count), wrk.headers, body)
end
"""


def ask(server, method, path, fields=None):
    request = urllib.request.Request(
        server.url + path, method=method,
        data=None if fields is None else json.dumps(fields).encode(),
        headers={"PRIVATE-TOKEN": TOKEN, "Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


# Garbage

def garbage_blob(number):
    """The bytes, the digest and the storage key of one piece of garbage."""
    body = f"garbage {number} ".encode().ljust(BLOB_BYTES, b"x")
    name = hashlib.sha256(body).hexdigest()
    return body, name, f"sha256/{name[:2]}/{name[2:4]}/{name}-{number:016x}"


def write_files(root):
    for number in range(COUNT):
        body, _, key = garbage_blob(number)
        path = os.path.join(root, "blobs", key)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(descriptor, body)
        os.close(descriptor)
    os.sync()


def rows():
    for number in range(COUNT):
        _, name, key = garbage_blob(number)
        yield f"sha256:{name}", key, 1_000_000 + number


class SQLite:
    """The database of a data folder."""

    name = "SQLite"

    def __init__(self, work):
        self.path = work.file("data", "packhouse.sqlite3")
        self.arguments = []

    def fill(self):
        database = sqlite3.connect(self.path)
        with database:
            database.executemany(
                "INSERT INTO blobs (digest, size, storage_key, created_at, last_seen_at) "
                f"VALUES (?, {BLOB_BYTES}, ?, 1, 1)", ((d, k) for d, k, _ in rows()))
            database.executemany(
                "INSERT INTO reviews (subject_kind, subject, event, review_after, attempts) "
                "VALUES ('blob', ?, 'blob.uploaded', ?, 0)", ((d, due) for d, _, due in rows()))
        database.close()

    def stop(self):
        pass


class Postgres:
    """A database that BENCH_DATABASE_URL names, or one of a server that runs for the benchmark."""

    name = "PostgreSQL"

    def __init__(self, work):
        self.work = work
        self.folder = None
        self.url = os.environ.get("BENCH_DATABASE_URL")
        if not self.url:
            self.start()
        self.arguments = ["--database-url", self.url]

    def start(self):
        found = sorted(
            glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
        if not found:
            raise SystemExit("PostgreSQL is missing; install it with: apt-get install postgresql")
        self.programs = found[-1]
        self.folder = self.work.file("postgres")
        os.makedirs(self.folder)
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            account = pwd.getpwnam(self.user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self.run("initdb", "-D", f"{self.folder}/data", "-U", "packhouse", "-A", "trust")
        options = f"-k {self.folder} -c listen_addresses='' -c max_connections=100"
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-w",
                 "-o", options, "start")
        self.run("createdb", "-h", self.folder, "-U", "packhouse", "bench")
        self.url = f"postgres://packhouse@/bench?host={self.folder}"

    def run(self, program, *arguments):
        subprocess.run(
            [os.path.join(self.programs, program), *arguments], check=True, user=self.user,
            cwd="/tmp", stdout=subprocess.DEVNULL)

    def fill(self):
        psql = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", self.url]
        for statement, line in [
            ("COPY blobs (digest, size, storage_key, created_at, last_seen_at) FROM STDIN",
             lambda digest, key, _: f"{digest}\t{BLOB_BYTES}\t{key}\t1\t1\n"),
            ("COPY reviews (subject_kind, subject, event, review_after, attempts) FROM STDIN",
             lambda digest, _, due: f"blob\t{digest}\tblob.uploaded\t{due}\t0\n"),
            ("ANALYZE", None),
        ]:
            process = subprocess.Popen(
                [*psql, "-c", statement], stdin=subprocess.PIPE, text=True)
            if line:
                process.stdin.writelines(line(*row) for row in rows())
            process.stdin.close()
            if process.wait() != 0:
                raise SystemExit(f"psql ended with {process.returncode}: {statement}")

    def stop(self):
        if self.folder:
            self.run("pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "stop")


# Load

def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]


class Load:
    """Half of the clients, all of one kind, for a while."""

    number = 0

    def __init__(self, work, url, folder=""):
        Load.number += 1
        script = work.file(f"load{Load.number}.lua")
        with open(script, "w") as out:
            out.write(LOAD % (folder, DELAY))
        self.process = subprocess.Popen(
            ["wrk", "-t1", f"-c{CLIENTS // 2}", f"-d{SECONDS}s", "--latency", "-s", script,
             "-H", f"PRIVATE-TOKEN: {TOKEN}", url],
            stdout=subprocess.PIPE, text=True)

    def end(self):
        """Requests a second, and the latencies that half and all but 1 % of them kept."""
        output = self.process.communicate()[0]
        failed = re.search(r"Non-2xx or 3xx responses: \d+|Socket errors: .*", output)
        if self.process.returncode != 0 or failed:
            raise SystemExit(f"the load failed: {output}")
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1))
        p50 = milliseconds(re.search(r"\s50%\s+(\S+)", output).group(1))
        p99 = milliseconds(re.search(r"\s99%\s+(\S+)", output).group(1))
        return rate, p50, p99


def turn(work, server, number):
    """What pushes and pulls came to, for a while."""
    base = "/root/bench/-/generic"
    push = Load(work, server.url, f"{base}/push{number}/1")
    pull = Load(work, server.url + f"{base}/files/1/one")
    return push.end(), pull.end()


def reclaimed_blobs(server):
    return ask(server, "GET", "/api/v4/admin/gc")["reclaimed_bytes"] / BLOB_BYTES


# The run

def measure(binary, make_database):
    with Workspace() as work:
        database = make_database(work)
        try:
            measure_in(work, binary, database)
        finally:
            database.stop()


def measure_in(work, binary, database):
    store = ["--data", work.file("data"), *database.arguments]
    subprocess.run([binary, "migrate", *store], check=True, stdout=subprocess.DEVNULL)
    start = time.monotonic()
    write_files(work.file("data"))
    database.fill()
    print(f"\n{database.name}: {COUNT:,} blobs of {BLOB_BYTES} bytes made in "
          f"{time.monotonic() - start:.0f} s", flush=True)
    subprocess.run([binary, "gc", "pause", *store], check=True, stdout=subprocess.DEVNULL)
    port = free_port()
    server = Server(
        "packhouse",
        [binary, "serve", *store, "--listen", f"127.0.0.1:{port}", "--log-level", "error",
         "--collector-rate", RATE],
        f"http://127.0.0.1:{port}", {"PACKHOUSE_INITIAL_ADMIN_TOKEN": TOKEN},
        log=work.file("packhouse.log"))
    try:
        wait_for(server.url + "/readyz", server.process)
        ask(server, "POST", "/api/v4/projects", {"name": "bench", "visibility": "private"})
        put = urllib.request.Request(
            server.url + "/root/bench/-/generic/files/1/one", method="PUT", data=b"x" * 1024,
            headers={"PRIVATE-TOKEN": TOKEN})
        urllib.request.urlopen(put).close()
        compare(work, server)
    finally:
        server.stop()
    drain(binary, store)


def compare(work, server):
    """Turns without and with the collector, and the medians of both."""
    without, during, rates = [], [], []
    turn(work, server, "warm")
    for number in range(ROUNDS):
        without.append(turn(work, server, f"a{number}"))
        known = reclaimed_blobs(server)
        ask(server, "POST", "/api/v4/admin/gc/resume", {})
        # It may be asleep for up to six seconds while it is paused.
        deadline = time.monotonic() + 30
        while reclaimed_blobs(server) == known:
            if time.monotonic() > deadline:
                raise SystemExit(f"nothing is collected: {ask(server, 'GET', '/api/v4/admin/gc')}")
            time.sleep(0.05)
        known, start = reclaimed_blobs(server), time.monotonic()
        during.append(turn(work, server, f"b{number}"))
        left = ask(server, "GET", "/api/v4/admin/gc")["due_count"]
        rates.append((reclaimed_blobs(server) - known) / (time.monotonic() - start))
        ask(server, "POST", "/api/v4/admin/gc/pause", {})
        if left == 0:
            print("the garbage ended before the turn did: give more with BENCH_GARBAGE")
            break
    print(f"{'':24} {'without':>10} {'with':>10} {'ratio':>7}  aim")
    for index, name in enumerate(["push", "pull"]):
        for part, label, aim in [(0, "/s", ""), (1, "p50, ms", ""), (2, "p99, ms", "1.2")]:
            a = [run[index][part] for run in without[:len(during)]]
            b = [run[index][part] for run in during]
            ratios = [y / x for x, y in zip(a, b)]
            print(f"{name + ' ' + label:24} {statistics.median(a):>10.4g} "
                  f"{statistics.median(b):>10.4g} {statistics.median(ratios):>7.2f}  {aim:4} "
                  f"({min(ratios):.2f} to {max(ratios):.2f})", flush=True)
    print(f"{'reclaimed under load':24} {'':10} {statistics.median(rates):>8.0f}/s {'':7}  "
          f"2000 ({min(rates):.0f} to {max(rates):.0f}; --collector-rate {RATE})", flush=True)


def drain(binary, store):
    subprocess.run([binary, "gc", "resume", *store], check=True, stdout=subprocess.DEVNULL)
    start = time.monotonic()
    run = subprocess.run(
        [binary, "gc", "run", "--json", *store], check=True, capture_output=True, text=True)
    seconds = time.monotonic() - start
    done = json.loads(run.stdout)
    rate = done["removed_file_count"] / seconds
    print(f"{'gc run, without load':24} {'':10} {rate:>8.0f}/s {'':7}  "
          f"2000 ({done['removed_file_count']:,} in {seconds:.1f} s, "
          f"{done['failed_count']} failed)", flush=True)


def main():
    databases = {"sqlite": SQLite, "postgres": Postgres}
    chosen = os.environ.get("BENCH_ENGINES", "sqlite,postgres").split(",")
    for name in chosen:
        measure(sys.argv[1], databases[name])


main()
