"""Generic files: Packhouse beside nginx, which serves with sendfile and receives by WebDAV PUT.

Packhouse checks a token, asks its database, hashes and syncs; nginx does none of that."""

import json
import os
import subprocess
import sys
import urllib.request

from measure import Report, Server, Workspace, free_port, seconds_of, wait_for, wrk

TOKEN = "benchmark-administrator-token"
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
LARGE = int(os.environ.get("BENCH_LARGE_BYTES", GIB))

NGINX = """
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
daemon off;
{user}
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
    client_max_body_size 0; client_body_temp_path {folder}/body;
    server {{ listen 127.0.0.1:{port}; root {folder}/files; dav_methods PUT; create_full_put_path on; }}
}}
"""

UPLOAD = """
local size = tonumber(os.getenv("BENCH_UPLOAD_BYTES"))
local folder = os.getenv("BENCH_UPLOAD_PATH")
local filler = string.rep("x", size)
local count = 0
request = function()
    count = count + 1
    local mark = string.format("%s/%d/", folder, count)
    local body = (mark .. filler):sub(1, size)
    return wrk.format("PUT", string.format("%s/%d", folder, count), wrk.headers, body)
end
"""


def api(base, path, fields):
    request = urllib.request.Request(
        base + path, data=json.dumps(fields).encode(),
        headers={"PRIVATE-TOKEN": TOKEN, "Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request))


def start_packhouse(work, binary):
    port = free_port()
    database = os.environ.get("BENCH_DATABASE_URL")
    server = Server(
        "packhouse",
        [binary, "serve", "--data", work.file("data"), "--listen", f"127.0.0.1:{port}",
         "--log-level", "error"]
        + (["--database-url", database] if database else []),
        f"http://127.0.0.1:{port}", {"PACKHOUSE_INITIAL_ADMIN_TOKEN": TOKEN},
        log=work.file("packhouse.log"))
    wait_for(server.url + "/readyz", server.process)
    api(server.url, "/api/v4/projects", {"name": "bench", "visibility": "private"})
    return server


def start_nginx(work):
    port = free_port()
    os.makedirs(work.file("files"))
    os.makedirs(work.file("body"))
    user = "user root;" if os.geteuid() == 0 else ""
    with open(work.file("nginx.conf"), "w") as conf:
        conf.write(NGINX.format(folder=work.path, port=port, user=user))
    server = Server(
        "nginx", ["nginx", "-p", work.path, "-c", work.file("nginx.conf")],
        f"http://127.0.0.1:{port}")
    wait_for(server.url, server.process)
    return server


def main():
    binary = sys.argv[1]
    with Workspace() as work:
        packhouse, nginx = start_packhouse(work, binary), start_nginx(work)
        try:
            compare(work, packhouse, nginx)
        finally:
            packhouse.stop()
            nginx.stop()


def compare(work, packhouse, nginx):
    ours = packhouse.url + "/root/bench/-/generic"
    theirs = nginx.url
    header = f"PRIVATE-TOKEN: {TOKEN}"
    sizes = {"1 KiB": KIB, "1 MiB": MIB, f"{LARGE // MIB} MiB": LARGE}
    files = {name: work.random_file(f"source{size}", size) for name, size in sizes.items()}
    for name, path in files.items():
        for base in (ours + "/files/1", theirs):
            subprocess.run(
                ["curl", "-sSf", "-o", os.devnull, "-H", header, "-T", path,
                 f"{base}/{sizes[name]}.bin"], check=True)
    report = Report("packhouse", "nginx")

    def address(base, size):
        return f"{base}{'/files/1' if base is ours else ''}/{size}.bin"

    def rate(base, size, connections, *more):
        headers = [header] if base is ours else []
        return lambda: wrk(address(base, size), connections, [*headers, *more])

    def look_up(base):
        # wrk waits for the body that the answer to a HEAD announces; a 304 asks the same of a server.
        request = urllib.request.Request(address(base, KIB), headers={"PRIVATE-TOKEN": TOKEN})
        tag = urllib.request.urlopen(request).headers["ETag"]
        return rate(base, KIB, 32, f"If-None-Match: {tag}")

    with open(work.file("upload.lua"), "w") as script:
        script.write(UPLOAD)

    report.row("GET 1 KiB", "/s", rate(ours, KIB, 32), rate(theirs, KIB, 32), "0.5")
    report.row("look-up (If-None-Match, 304)", "/s", look_up(ours), look_up(theirs))
    report.row("GET 1 MiB", "/s", rate(ours, MIB, 8), rate(theirs, MIB, 8))

    def download(base):
        command = ["curl", "-sSf", "-o", os.devnull, "-H", header, address(base, LARGE)]
        return lambda: LARGE / MIB / seconds_of(command)

    large = f"{LARGE // MIB} MiB"
    report.row(f"GET {large}", "MB/s", download(ours), download(theirs), "0.95")

    counter = iter(range(1_000_000))

    def uploads(base, size, connections):
        def measure():
            number = next(counter)
            path = f"/up{number}/1" if base is ours else f"/up{number}"
            os.environ["BENCH_UPLOAD_BYTES"] = str(size)
            os.environ["BENCH_UPLOAD_PATH"] = (
                f"/root/bench/-/generic{path}" if base is ours else path)
            headers = [header] if base is ours else []
            return wrk(packhouse.url if base is ours else theirs, connections, headers,
                       work.file("upload.lua"))
        return measure

    report.row("PUT 1 KiB, 8 clients", "/s", uploads(ours, KIB, 8), uploads(theirs, KIB, 8))
    report.row("PUT 1 MiB, 4 clients", "/s", uploads(ours, MIB, 4), uploads(theirs, MIB, 4))

    source = files[large]

    def upload(base):
        def measure():
            number = next(counter)
            # Other bytes each time: what is known already would not have to be kept.
            with open(source, "r+b") as out:
                out.write(f"{number:020}".encode())
            path = f"/large/{number}/file" if base is ours else f"/large/{number}"
            return LARGE / MIB / seconds_of(
                ["curl", "-sSf", "-o", os.devnull, "-H", header, "-T", source, base + path])
        return measure

    def hash_and_copy():
        copy = work.file("copy")
        seconds = seconds_of(["sha256sum", source]) + seconds_of(["cp", source, copy])
        os.unlink(copy)
        return LARGE / MIB / seconds

    report.row(f"PUT {large}", "MB/s", upload(ours), upload(theirs))
    print()
    Report("packhouse", "sha256sum+cp").row(
        f"PUT {large}", "MB/s", upload(ours), hash_and_copy, "0.8")
    print(f"\npeak memory: packhouse {packhouse.peak_mebibytes():.0f} MiB, "
          f"nginx {nginx.peak_mebibytes():.0f} MiB")
    print(f"CPU seconds: packhouse {packhouse.cpu_seconds():.1f}, nginx {nginx.cpu_seconds():.1f}")


main()
