"""Packuments of packages with many versions: Packhouse beside nginx, which sends the very same bytes from a
file: what a document costs that need not be derived at all."""

import base64
import gzip
import hashlib
import http.client
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import time
import urllib.parse
import urllib.request

from measure import Report, Server, Workspace, free_port, wait_for, wrk

TOKEN = "benchmark-administrator-token"
VERSIONS = int(os.environ.get("BENCH_VERSIONS", "5000"))
COLD = int(os.environ.get("BENCH_COLD", "100"))
WARM = int(os.environ.get("BENCH_WARM", "1000"))
INSTALL = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*"

NGINX = """
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
daemon off;
{user}
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
    server {{ listen 127.0.0.1:{port}; root {folder}/files; }}
}}
"""


def manifest(version):
    """About what a package in use has: 1.5 KB."""
    return {
        "name": "big", "version": version, "description": "A package with many versions",
        "keywords": ["benchmark", "packument"], "license": "MIT", "main": "index.js",
        "author": {"name": "Zoe", "email": "zoe@example.com"},
        "repository": {"type": "git", "url": "git+https://git.example/acme/big.git"},
        "homepage": "https://git.example/acme/big#readme", "gitHead": "0" * 40,
        "scripts": {"test": "node test.js", "build": "tsc -p .", "lint": "eslint ."},
        "dependencies": {f"dependency-{n}": f"^{n}.0.0" for n in range(8)},
        "devDependencies": {f"tool-{n}": f"~{n}.1.0" for n in range(12)},
        "engines": {"node": ">=18"}, "bin": {"big": "cli.js"},
        "_nodeVersion": "20.20.2", "_npmVersion": "10.8.2",
    }


def publish_body(version):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz", compresslevel=1) as tar:
        content = json.dumps({"name": "big", "version": version}).encode()
        entry = tarfile.TarInfo("package/package.json")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    tarball = data.getvalue()
    described = manifest(version)
    described["dist"] = {"shasum": hashlib.sha1(tarball).hexdigest()}
    return json.dumps({
        "_id": "big", "name": "big", "dist-tags": {"latest": version},
        "versions": {version: described},
        "_attachments": {f"big-{version}.tgz": {
            "data": base64.b64encode(tarball).decode(), "length": len(tarball)}},
    })


class Client:
    """A connection that stays open, as npm keeps its own."""

    def __init__(self, base):
        parts = urllib.parse.urlsplit(base)
        self.path = parts.path
        self.connection = http.client.HTTPConnection(parts.netloc)

    def send(self, method, path, body=None, headers=None):
        self.connection.request(
            method, self.path + path, body,
            {"Authorization": f"Bearer {TOKEN}", **(headers or {})})
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path}: {answer.status} {content[:300]}")
        return answer, content


def publish_all(base):
    numbers = iter(range(VERSIONS))
    lock = threading.Lock()

    def work():
        client = Client(base)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            client.send("PUT", "/big", publish_body(f"{number // 100}.{number % 100}.0"))

    start = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"published {VERSIONS} versions: {VERSIONS / (time.monotonic() - start):.0f} /s")


def percentiles(name, seconds):
    ordered = sorted(seconds)

    def at(share):
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000

    print(f"{name:34} p50 {at(0.5):8.2f} ms   p99 {at(0.99):8.2f} ms   ({len(ordered)})", flush=True)


def time_documents(base, accept, name):
    client = Client(base)
    headers = {"Accept": accept, "Accept-Encoding": "gzip"}
    cold, warm = [], []
    for number in range(COLD):
        # Any change of the package makes every document of it a new one.
        client.send(
            "PUT", "/-/package/big/dist-tags/turn", json.dumps(f"{number % 40}.0.0"))
        start = time.monotonic()
        client.send("GET", "/big", headers=headers)
        cold.append(time.monotonic() - start)
    for _ in range(WARM):
        start = time.monotonic()
        client.send("GET", "/big", headers=headers)
        warm.append(time.monotonic() - start)
    percentiles(f"{name}, cold", cold)
    percentiles(f"{name}, warm", warm)


def start_packhouse(work, binary):
    port = free_port()
    database = os.environ.get("BENCH_DATABASE_URL")
    store = ["--data", work.file("data")] + (["--database-url", database] if database else [])
    for command in (["migrate"], ["features", "set", "npm", "on"]):
        subprocess.run([binary, *command, *store], check=True, stdout=subprocess.DEVNULL)
    server = Server(
        "packhouse",
        [binary, "serve", *store, "--listen", f"127.0.0.1:{port}", "--log-level", "error"],
        f"http://127.0.0.1:{port}", {"PACKHOUSE_INITIAL_ADMIN_TOKEN": TOKEN},
        log=work.file("packhouse.log"))
    wait_for(server.url + "/readyz", server.process)
    urllib.request.urlopen(urllib.request.Request(
        server.url + "/api/v4/projects", json.dumps({"name": "bench"}).encode(),
        {"PRIVATE-TOKEN": TOKEN, "Content-Type": "application/json"}))
    return server


def start_nginx(work, documents):
    port = free_port()
    os.makedirs(work.file("files"))
    for name, content in documents.items():
        with open(work.file("files", name), "wb") as out:
            out.write(content)
    user = "user root;" if os.geteuid() == 0 else ""
    with open(work.file("nginx.conf"), "w") as conf:
        conf.write(NGINX.format(folder=work.path, port=port, user=user))
    server = Server(
        "nginx", ["nginx", "-p", work.path, "-c", work.file("nginx.conf")],
        f"http://127.0.0.1:{port}")
    wait_for(server.url, server.process)
    return server


def main():
    with Workspace() as work:
        packhouse = start_packhouse(work, sys.argv[1])
        nginx = None
        try:
            base = packhouse.url + "/root/bench/-/npm"
            publish_all(base)
            time_documents(base, INSTALL, "abbreviated packument")
            time_documents(base, "application/json", "full packument")
            client, documents, tags = Client(base), {}, {}
            for name, accept in (("install", INSTALL), ("full", "application/json")):
                answer, content = client.send(
                    "GET", "/big", headers={"Accept": accept, "Accept-Encoding": "gzip"})
                documents[name], tags[name] = content, answer.headers["ETag"]
                plain = len(gzip.decompress(content))
                print(f"{name}: {plain >> 10} KiB, {len(content) >> 10} KiB in gzip")
            nginx = start_nginx(work, documents)
            report = Report("packhouse", "nginx")
            token = f"Authorization: Bearer {TOKEN}"
            for name, accept in (("install", INSTALL), ("full", "application/json")):
                headers = [token, f"Accept: {accept}", "Accept-Encoding: gzip"]
                report.row(
                    f"GET {name} packument, 8 connections", "/s",
                    lambda: wrk(base + "/big", 8, headers),
                    lambda: wrk(f"{nginx.url}/{name}", 8), aim="1")
            headers = [token, f"Accept: {INSTALL}", "Accept-Encoding: gzip",
                       f"If-None-Match: {tags['install']}"]
            tag = urllib.request.urlopen(nginx.url + "/install").headers["ETag"]
            report.row(
                "look-up (304), 32 connections", "/s",
                lambda: wrk(base + "/big", 32, headers),
                lambda: wrk(nginx.url + "/install", 32, [f"If-None-Match: {tag}"]))
            print(f"\npeak memory: {packhouse.peak_mebibytes():.0f} MiB, nginx "
                  f"{nginx.peak_mebibytes():.0f} MiB")
        finally:
            for server in (packhouse, nginx):
                if server:
                    server.stop()


main()
