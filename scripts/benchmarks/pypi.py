"""Python projects: Packhouse beside pypiserver, devpi-server and pypiron, all of them from PyPI.

Each has one project of many files, with their metadata, and is asked for its page. Packhouse checks a
token each time; the others answer anybody."""

import io
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
import zipfile

from measure import Report, Server, Workspace, free_port, wait_for, wrk

TOKEN = "benchmark-administrator-token"
FILES = int(os.environ.get("BENCH_FILES", "2000"))
PEERS = ["pypiserver[cache]", "devpi-server", "pypiron"]
PASSWORD = "benchmark-password"
SIMPLE_JSON = "Accept: application/vnd.pypi.simple.v1+json"


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
    import base64
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
    server = Server(
        "packhouse",
        [binary, "serve", "--data", data, "--listen", f"127.0.0.1:{port}",
         "--log-level", "error"],
        f"http://127.0.0.1:{port}", {"PACKHOUSE_INITIAL_ADMIN_TOKEN": TOKEN},
        log=work.file("packhouse.log"))
    wait_for(server.url + "/readyz", server.process)
    post(server.url + "/api/v4/projects", {"name": "bench", "visibility": "private"},
         headers={"Private-Token": TOKEN})
    server.page = server.url + "/root/bench/-/pypi/simple/tool/"
    server.headers = [f"Private-Token: {TOKEN}"]
    fill(server, server.url + "/root/bench/-/pypi", wheels, {"Private-Token": TOKEN})
    return server


def start_pypiserver(work, binaries, wheels):
    port = free_port()
    folder = work.file("pypiserver")
    os.makedirs(folder)
    for name, _, content in wheels:
        with open(os.path.join(folder, name), "wb") as out:
            out.write(content)
    server = Server(
        "pypiserver",
        [os.path.join(binaries, "pypi-server"), "run", "-i", "127.0.0.1", "-p", str(port),
         "--disable-fallback", "--backend", "cached-dir", folder],
        f"http://127.0.0.1:{port}", log=work.file("pypiserver.log"))
    wait_for(server.url, server.process)
    server.page = server.url + "/simple/tool/"
    server.headers = []
    return server


def start_devpi(work, binaries, wheels):
    port = free_port()
    folder = work.file("devpi")
    subprocess.run(
        [os.path.join(binaries, "devpi-init"), "--serverdir", folder, "--no-root-pypi",
         "--root-passwd", PASSWORD], check=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    server = Server(
        "devpi-server",
        [os.path.join(binaries, "devpi-server"), "--serverdir", folder, "--host", "127.0.0.1",
         "--port", str(port)],
        f"http://127.0.0.1:{port}", log=work.file("devpi.log"))
    wait_for(server.url + "/+api", server.process)
    login = post(server.url + "/+login", {"user": "root", "password": PASSWORD})
    headers = {"X-Devpi-Auth": __import__("base64").b64encode(
        f"root:{login['result']['password']}".encode()).decode()}
    post(server.url + "/root/dev", {"bases": [], "volatile": True, "type": "stage"},
         method="PUT", headers=headers)
    fill(server, server.url + "/root/dev/", wheels, headers)
    server.page = server.url + "/root/dev/+simple/tool/"
    server.headers = []
    return server


def start_pypiron(work, binaries, wheels):
    port = free_port()
    server = Server(
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
    fill(server, server.url + "/legacy/", wheels, basic("bench", PASSWORD))
    return server


def fill(server, url, wheels, headers):
    start = time.monotonic()
    for name, version, content in wheels:
        upload(url, name, version, content, headers)
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
            if fetch(server)[1].count(b"</a>") >= FILES:
                return
        except urllib.error.HTTPError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"{server.name} does not list {FILES} files")


def latencies(server, headers, count=200):
    """Milliseconds of requests one after the other: the median and the 99th of 100."""
    times = []
    for _ in range(count):
        start = time.monotonic()
        fetch(server, *headers)
        times.append((time.monotonic() - start) * 1000)
    times.sort()
    return times[len(times) // 2], times[int(len(times) * 0.99)]


def cold_latencies(server, wheels, count=20):
    """The first answer after each change of the project."""
    times = []
    for name, version, content in wheels[:count]:
        upload(server.url + "/root/bench/-/pypi", name, version, content,
               {"Private-Token": TOKEN})
        start = time.monotonic()
        fetch(server, SIMPLE_JSON)
        times.append((time.monotonic() - start) * 1000)
    times.sort()
    return times[len(times) // 2], times[-1]


def main():
    binary = sys.argv[1]
    wheels = [wheel(number) for number in range(FILES)]
    later = [wheel(number) for number in range(FILES, FILES + 20)]
    with Workspace() as work:
        binaries = install_peers(work)
        servers = []
        try:
            ours = start_packhouse(work, binary, wheels)
            servers.append(ours)
            for start in (start_pypiserver, start_devpi, start_pypiron):
                servers.append(start(work, binaries, wheels))
            for server in servers:
                wait_until_listed(server)
            compare(ours, servers[1:])
            warm = latencies(ours, [SIMPLE_JSON])
            cold = cold_latencies(ours, later)
            print(f"\npage of {FILES} files, JSON, packhouse: warm p50 {warm[0]:.2f} ms, "
                  f"p99 {warm[1]:.2f} ms; after a change p50 {cold[0]:.1f} ms, "
                  f"worst {cold[1]:.1f} ms")
            for server in servers:
                print(f"peak memory: {server.name} {server.peak_mebibytes():.0f} MiB")
        finally:
            for server in servers:
                server.stop()


def compare(ours, peers):
    for peer in peers:
        report = Report(ours.name, peer.name)

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
