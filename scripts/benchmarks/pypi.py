"""Python projects: Packhouse beside pypiserver, devpi-server and pypiron, all of them from PyPI.

Each has one project of many files, with their metadata, and is asked for its page. Packhouse checks a
token each time; the others answer anybody."""

import base64
import hashlib
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
import zipfile

from measure import Report, Server, Workspace, free_port, seconds_of, wait_for, wrk

TOKEN = "benchmark-administrator-token"
FILES = int(os.environ.get("BENCH_FILES", "2000"))
PROJECTS = int(os.environ.get("BENCH_PROJECTS", "200000"))
LARGE_BYTES = int(os.environ.get("BENCH_LARGE_BYTES", str(256 << 20)))
# An upload to devpi-server takes ever longer the more releases a project has: 2,000 take a quarter of
# an hour. What it shows of fewer files is the better for it.
DEVPI_FILES = min(FILES, int(os.environ.get("BENCH_DEVPI_FILES", "300")))
CHANGES = 20
PEERS = ["pypiserver[cache]", "devpi-server", "pypiron"]
PASSWORD = "benchmark-password"
SIMPLE_JSON = "Accept: application/vnd.pypi.simple.v1+json"


class Index(Server):
    """A server with what is in it; stopped at the end, however far it came."""

    started = []

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.started.append(self)
        self.count = FILES


def wheel(number):
    version = f"1.{number}"
    info = f"tool-{version}.dist-info"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tool.py", f"NUMBER = {number}\n")
        archive.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: tool\nVersion: {version}\nRequires-Python: >=3.8\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr(f"{info}/RECORD", "")
    return f"tool-{version}-py3-none-any.whl", version, content.getvalue()


def upload(url, name, version, content, headers):
    boundary = "benchmark-boundary-0123456789"
    fields = {
        ":action": "file_upload", "protocol_version": "1", "name": "tool", "version": version,
        "filetype": "bdist_wheel", "pyversion": "py3", "metadata_version": "2.1",
        "requires_python": ">=3.8",
    }
    body = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items())
    body += (f'--{boundary}\r\nContent-Disposition: form-data; name="content"; '
             f'filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n').encode()
    body += content + f"\r\n--{boundary}--\r\n".encode()
    request = urllib.request.Request(
        url, data=body,
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}", **headers})
    try:
        urllib.request.urlopen(request).read()
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{url}: {error.code} {error.read()[:500]}")


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(
        f"{user}:{password}".encode()).decode()}


def install_peers(work):
    folder = os.environ.get("BENCH_PEERS", work.file("peers"))
    if not os.path.exists(os.path.join(folder, "bin", "pypiron")):
        venv.create(folder, with_pip=True)
        subprocess.run(
            [os.path.join(folder, "bin", "pip"), "install", "-q", *PEERS], check=True)
    return os.path.join(folder, "bin")


def post(url, fields, method="POST", headers=None):
    request = urllib.request.Request(
        url, data=json.dumps(fields).encode(), method=method,
        headers={"Content-Type": "application/json", "Accept": "application/json",
                 **(headers or {})})
    return json.load(urllib.request.urlopen(request))


def start_packhouse(work, binary, wheels):
    data = work.file("data")
    subprocess.run([binary, "migrate", "--data", data], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([binary, "features", "set", "pypi", "on", "--data", data], check=True,
                   stdout=subprocess.DEVNULL)
    port = free_port()
    server = Index(
        "packhouse",
        [binary, "serve", "--data", data, "--listen", f"127.0.0.1:{port}",
         "--log-level", "error"],
        f"http://127.0.0.1:{port}", {"PACKHOUSE_INITIAL_ADMIN_TOKEN": TOKEN},
        log=work.file("packhouse.log"))
    wait_for(server.url + "/readyz", server.process)
    post(server.url + "/api/v4/projects", {"name": "bench", "visibility": "private"},
         headers={"Private-Token": TOKEN})
    server.database = os.path.join(data, "packhouse.sqlite3")
    server.index = server.url + "/root/bench/-/pypi/simple/"
    server.page = server.index + "tool/"
    server.headers = [f"Private-Token: {TOKEN}"]
    take_uploads(server, server.url + "/root/bench/-/pypi", {"Private-Token": TOKEN})
    fill(server, wheels)
    return server


def start_pypiserver(work, binaries, wheels):
    port = free_port()
    folder = work.file("pypiserver")
    os.makedirs(folder)
    for name, _, content in wheels:
        with open(os.path.join(folder, name), "wb") as out:
            out.write(content)
    server = Index(
        "pypiserver",
        [os.path.join(binaries, "pypi-server"), "run", "-i", "127.0.0.1", "-p", str(port),
         "--disable-fallback", "--backend", "cached-dir", folder],
        f"http://127.0.0.1:{port}", log=work.file("pypiserver.log"))
    wait_for(server.url, server.process)
    server.page = server.url + "/simple/tool/"
    server.headers = []

    def add(name, _, content):
        # A file appears all at once, as it does when it is uploaded.
        with open(work.file("part"), "wb") as out:
            out.write(content)
        os.rename(work.file("part"), os.path.join(folder, name))

    server.add = add
    return server


def start_devpi(work, binaries, wheels):
    port = free_port()
    folder = work.file("devpi")
    subprocess.run(
        [os.path.join(binaries, "devpi-init"), "--serverdir", folder, "--no-root-pypi",
         "--root-passwd", PASSWORD], check=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    server = Index(
        "devpi-server",
        [os.path.join(binaries, "devpi-server"), "--serverdir", folder, "--host", "127.0.0.1",
         "--port", str(port)],
        f"http://127.0.0.1:{port}", log=work.file("devpi.log"))
    wait_for(server.url + "/+api", server.process)
    login = post(server.url + "/+login", {"user": "root", "password": PASSWORD})
    headers = {"X-Devpi-Auth": base64.b64encode(
        f"root:{login['result']['password']}".encode()).decode()}
    post(server.url + "/root/dev", {"bases": [], "volatile": True, "type": "stage"},
         method="PUT", headers=headers)
    take_uploads(server, server.url + "/root/dev/", headers)
    fill(server, wheels[:DEVPI_FILES])
    server.count = DEVPI_FILES
    server.page = server.url + "/root/dev/+simple/tool/"
    server.headers = []
    return server


def start_pypiron(work, binaries, wheels):
    port = free_port()
    server = Index(
        "pypiron",
        [os.path.join(binaries, "pypiron"), "serve"],
        f"http://127.0.0.1:{port}",
        {"PYPIRON_DATA_DIR": work.file("pypiron"),
         "PYPIRON_BIND_ADDR": f"127.0.0.1:{port}", "PYPIRON_UPLOADER_USER": "bench",
         "PYPIRON_UPLOADER_PASS": PASSWORD, "PYPIRON_ADMIN_USER": "admin",
         "PYPIRON_ADMIN_PASS": PASSWORD + "-of-admin"},
        log=work.file("pypiron.log"))
    wait_for(server.url + "/health", server.process)
    server.page = server.url + "/simple/tool/"
    server.headers = []
    take_uploads(server, server.url + "/legacy/", basic("bench", PASSWORD))
    fill(server, wheels)
    return server


def take_uploads(server, url, headers):
    server.upload_url = url
    server.upload_headers = headers
    server.add = lambda *wheel: upload(url, *wheel, headers)


def fill(server, wheels):
    start = time.monotonic()
    for each in wheels:
        server.add(*each)
    seconds = time.monotonic() - start
    server.upload_rate = len(wheels) / seconds
    print(f"{server.name}: {len(wheels)} uploads in {seconds:.1f} s", flush=True)


def fetch(server, *headers):
    request = urllib.request.Request(server.page)
    for header in [*server.headers, *headers]:
        name, value = header.split(": ", 1)
        request.add_header(name, value)
    answer = urllib.request.urlopen(request)
    return answer.headers, answer.read()


def wait_until_listed(server):
    """Some write their pages a moment after an upload."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if fetch(server)[1].count(b"</a>") >= server.count:
                return
        except urllib.error.HTTPError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"{server.name} does not list {server.count} files")


def warm_latencies(server, *headers):
    """Milliseconds of requests one after the other: the median and the 99th of 100."""
    command = ["wrk", "-t1", "-c1", "-d3s", "--latency"]
    for header in [*server.headers, *headers]:
        command += ["-H", header]
    output = subprocess.run(
        command + [server.page], capture_output=True, text=True, check=True).stdout
    units = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    return [
        float(value) * units[unit]
        for percent in (50, 99)
        for value, unit in re.findall(rf"{percent}%\s+([\d.]+)(us|ms|s)", output)]


def cold_latencies(server, wheels, *headers):
    """Milliseconds from the answer to an upload to the end of the first page that lists its file:
    the median and the worst."""
    times = []
    for name, version, content in wheels:
        server.add(name, version, content)
        start = time.monotonic()
        while name.encode() not in fetch(server, *headers)[1]:
            if time.monotonic() - start > 60:
                raise SystemExit(f"{server.name} does not list {name}")
        times.append((time.monotonic() - start) * 1000)
    times.sort()
    return times[len(times) // 2], times[-1]


def compare_latencies(servers, later):
    print(f"\n{'page, milliseconds':34} {'warm p50':>10} {'warm p99':>10} {'cold p50':>10} "
          f"{'worst':>10} {'bytes':>10}", flush=True)
    for server in servers:
        for form, header in (("HTML", "Accept: text/html"), ("JSON", SIMPLE_JSON)):
            answer, body = fetch(server, header)
            if form == "JSON" and "json" not in answer.get_content_type():
                continue
            warm = warm_latencies(server, header)
            cold = cold_latencies(server, [next(later) for _ in range(CHANGES)], header)
            print(f"{server.name + ', ' + form:34} {warm[0]:>10.2f} {warm[1]:>10.2f} "
                  f"{cold[0]:>10.1f} {cold[1]:>10.1f} {len(body):>10}", flush=True)


def list_projects(server):
    """The list of very many projects, which are put into the database past the server."""
    database = sqlite3.connect(server.database, timeout=60)
    with database:
        database.execute(
            """
            WITH RECURSIVE numbers (n) AS (
                SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?),
            named (name) AS (SELECT 'many-' || substr(1000000 + n, 2) FROM numbers)
            INSERT INTO packages (project_id, format, name, name_key, revision, created_at,
                updated_at, address)
            SELECT p.id, 'pypi', named.name, named.name, 1, 0, 0,
                p.path || '/' || named.name
            FROM named, namespaces p WHERE p.path = 'root/bench'
            """, (PROJECTS,))
        database.execute(
            """
            INSERT INTO versions (package_id, name, status, attributes, creator, created_at)
            SELECT id, '1.0', 'default', '{}', 'bench', 0 FROM packages
            WHERE format = 'pypi' AND name LIKE 'many-%'
            """)
    database.close()
    before = server.peak_mebibytes()
    times = []
    for header in (SIMPLE_JSON, "Accept: text/html") * 3:
        request = urllib.request.Request(server.index)
        for line in (*server.headers, header):
            request.add_header(*line.split(": ", 1))
        start = time.monotonic()
        body = urllib.request.urlopen(request).read()
        times.append(time.monotonic() - start)
        if body.count(b"many-") < PROJECTS:
            raise SystemExit(f"{server.name} lists too few projects")
    print(f"\nlist of {PROJECTS} projects: JSON {min(times[::2]):.2f} s, HTML "
          f"{min(times[1::2]):.2f} s; peak memory grew by "
          f"{server.peak_mebibytes() - before:.1f} MiB", flush=True)


def large_wheel(work, number):
    """A wheel of random bytes that are not compressed, with the digests that twine sends."""
    name = f"large-1.{number}-py3-none-any.whl"
    path = work.file(name)
    info = f"large-1.{number}.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.write(work.random_file("random", LARGE_BYTES), "large.bin")
        archive.writestr(f"{info}/METADATA",
                         f"Metadata-Version: 2.1\nName: large\nVersion: 1.{number}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr(f"{info}/RECORD", "")
    digests = {"md5_digest": hashlib.md5(), "sha256_digest": hashlib.sha256(),
               "blake2_256_digest": hashlib.blake2b(digest_size=32)}
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            for digest in digests.values():
                digest.update(piece)
    fields = {
        ":action": "file_upload", "protocol_version": "1", "name": "large",
        "version": f"1.{number}", "filetype": "bdist_wheel", "pyversion": "py3",
        "metadata_version": "2.1", **{key: value.hexdigest() for key, value in digests.items()}}
    return path, fields


def compare_large_uploads(ours, peers, work):
    numbers = iter(range(1_000_000))

    def rate(server):
        def measure():
            path, fields = large_wheel(work, next(numbers))
            command = ["curl", "--silent", "--show-error", "--fail", "--output", os.devnull,
                       "--header", "Expect:"]
            for name, value in server.upload_headers.items():
                command += ["--header", f"{name}: {value}"]
            for name, value in fields.items():
                command += ["--form-string", f"{name}={value}"]
            command += ["--form", f"content=@{path};type=application/octet-stream"]
            seconds = seconds_of(command + [server.upload_url])
            os.remove(path)
            return LARGE_BYTES / seconds / 1e6
        return measure

    for peer in peers:
        if hasattr(peer, "upload_url"):
            report = Report(ours.name, peer.name)
            report.row(f"upload of {LARGE_BYTES >> 20} MiB", "MB/s", rate(ours), rate(peer))


def main():
    binary = sys.argv[1]
    wheels = [wheel(number) for number in range(FILES)]
    later = (wheel(FILES + number) for number in range(1_000_000))
    with Workspace() as work:
        binaries = install_peers(work)
        try:
            ours = start_packhouse(work, binary, wheels)
            for start in (start_pypiserver, start_devpi, start_pypiron):
                start(work, binaries, wheels)
            servers = Index.started
            for server in servers:
                wait_until_listed(server)
            compare(ours, servers[1:])
            compare_latencies(servers, later)
            compare_large_uploads(ours, servers[1:], work)
            print()
            for server in servers:
                print(f"peak memory: {server.name} {server.peak_mebibytes():.0f} MiB")
            list_projects(ours)
        finally:
            for server in Index.started:
                server.stop()


def compare(ours, peers):
    for peer in peers:
        report = Report(ours.name, peer.name)
        if peer.count < FILES:
            print(f"(the page of {peer.name} has {peer.count} files)")

        def rate(server, *headers):
            return lambda: wrk(server.page, 16, [*server.headers, *headers])

        aim = "1" if peer.name == "pypiron" else "10"
        report.row(f"page of {FILES} files, HTML", "/s", rate(ours), rate(peer), aim)
        report.row("the same in gzip", "/s", rate(ours, "Accept-Encoding: gzip"),
                   rate(peer, "Accept-Encoding: gzip"))
        if fetch(peer, SIMPLE_JSON)[0].get_content_type().endswith("+json"):
            report.row("the same in JSON", "/s", rate(ours, SIMPLE_JSON),
                       rate(peer, SIMPLE_JSON), aim)
        tags = [fetch(server)[0]["ETag"] for server in (ours, peer)]
        if all(tags):
            report.row("unchanged (304)", "/s", rate(ours, f"If-None-Match: {tags[0]}"),
                       rate(peer, f"If-None-Match: {tags[1]}"))
        if hasattr(peer, "upload_rate"):
            print(f"{'uploads, one after the other':34} {ours.upload_rate:>9.4g} /s   "
                  f"{peer.upload_rate:>9.4g} /s   {ours.upload_rate / peer.upload_rate:>7.2f}")


main()
