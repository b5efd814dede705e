"""Images: Packhouse beside the CNCF distribution registry, as Debian's docker-registry has it.

Both check a signed token with every request. The peer keeps everything in files and has no database; its
tokens are signed here, with a key that it was told about, because it never asks who may do what. What is
read is in the page cache of both."""

import base64
import contextlib
import hashlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

from measure import ROUNDS, Report, Server, Workspace, free_port, seconds_of, wait_for, wrk

TOKEN = "benchmark-administrator-token"
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
LARGE = int(os.environ.get("BENCH_LARGE_BYTES", GIB))
TAGS = int(os.environ.get("BENCH_TAGS", "10000"))
REPOSITORIES = int(os.environ.get("BENCH_REPOSITORIES", "10000"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
# Tokens have to outlive the run.
LIFETIME_SECONDS = 86_400
FILLER_THREADS = 4
IMAGE_LAYERS, IMAGE_LAYER_BYTES = 10, 10 * MIB
REPOSITORY, MANY_TAGS, MANY_REPOSITORIES = "root/bench/app", "root/bench/tags", "root/bench/many"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MAKE_IMAGE = os.path.join(
    os.path.dirname(__file__), "..", "..", "Tests", "Clients", "OCI", "Fixtures", "make_image.py")

PEER = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {folder}/peer}}
  cache: {{blobdescriptor: inmemory}}
  delete: {{enabled: true}}
  maintenance: {{uploadpurging: {{enabled: false}}}}
http: {{addr: "127.0.0.1:{port}"}}
auth:
  token: {{realm: "http://127.0.0.1:{port}/none", service: bench, issuer: bench, rootcertbundle: {folder}/peer.crt}}
"""


# The registries


class Registry(Server):
    """A registry under measurement, with a token for each of what is asked of it."""

    def __init__(self, *arguments, sign, **more):
        super().__init__(*arguments, **more)
        self.port = int(self.url.rsplit(":", 1)[1])
        self.sign = sign
        self.tokens = {}

    def bearer(self, *scopes):
        """The token for `repository:NAME:ACTIONS`, …, as a header."""
        if scopes not in self.tokens:
            self.tokens[scopes] = self.sign(scopes)
        return f"Authorization: Bearer {self.tokens[scopes]}"

    def of(self, repository):
        return self.bearer(f"repository:{repository}:pull,push")

    def request(self, method, path, header, body=None, kind="application/octet-stream"):
        """One request on a connection of its own."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port)) as connection:
            return ask(connection, method, path, header, body, kind)

    def push_blob(self, repository, content):
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        header = self.of(repository)
        _, headers, _ = self.request("POST", f"/v2/{repository}/blobs/uploads/", header)
        target = urllib.parse.urlsplit(headers["Location"])
        query = f"{target.query}&digest={digest}" if target.query else f"digest={digest}"
        self.request("PUT", f"{target.path}?{query}", header, content)
        return {"mediaType": "application/octet-stream", "digest": digest, "size": len(content)}

    def push_manifest(self, repository, tag, layers):
        config = self.push_blob(repository, b"{}")
        manifest = json.dumps(
            {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
        ).encode()
        self.request(
            "PUT", f"/v2/{repository}/manifests/{tag}", self.of(repository), manifest, MANIFEST)
        return manifest


def ask(connection, method, path, header, body=None, kind="application/octet-stream"):
    name, value = header.split(": ", 1)
    headers = {name: value, "Content-Type": kind}
    if body is None and method != "GET":
        headers["Content-Length"] = "0"
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status >= 300:
        raise SystemExit(f"{method} {path}: {answer.status} {content[:500]}")
    return answer.status, answer.headers, content


def start_packhouse(work, binary):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    database = os.environ.get("BENCH_DATABASE_URL")

    def sign(scopes):
        query = urllib.parse.urlencode([("service", "bench")] + [("scope", s) for s in scopes])
        basic = base64.b64encode(f"root:{TOKEN}".encode()).decode()
        request = urllib.request.Request(
            f"{url}/jwt/auth?{query}", headers={"Authorization": f"Basic {basic}"})
        return json.load(urllib.request.urlopen(request))["token"]

    server = Registry(
        "packhouse",
        [binary, "serve", "--data", work.file("data"), "--listen", f"127.0.0.1:{port}",
         "--log-level", "error", "--registry-token-lifetime", str(LIFETIME_SECONDS)]
        + (["--database-url", database] if database else []),
        url, {"PACKHOUSE_INITIAL_ADMIN_TOKEN": TOKEN}, work.file("packhouse.log"), sign=sign)
    wait_for(url + "/readyz", server.process)
    request = urllib.request.Request(
        url + "/api/v4/projects", data=json.dumps({"name": "bench"}).encode(),
        headers={"PRIVATE-TOKEN": TOKEN, "Content-Type": "application/json"})
    urllib.request.urlopen(request).close()
    return server


def start_peer(work):
    port = free_port()
    key, certificate = work.file("peer.key"), work.file("peer.crt")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=bench"],
        check=True, capture_output=True)
    with open(work.file("peer.yml"), "w") as out:
        out.write(PEER.format(folder=work.path, port=port))
    server = Registry(
        "docker-registry", ["docker-registry", "serve", work.file("peer.yml")],
        f"http://127.0.0.1:{port}", None, work.file("peer.log"),
        sign=lambda scopes: sign_token(key, scopes))
    wait_for(server.url, server.process)
    return server


def sign_token(key, scopes):
    """A token as the distribution registry takes it, signed with ES256 by openssl."""
    public = subprocess.run(
        ["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"],
        check=True, capture_output=True).stdout
    # The name of a key is its hash in groups of four letters.
    letters = base64.b32encode(hashlib.sha256(public).digest()[:30]).decode()
    name = ":".join(letters[i:i + 4] for i in range(0, len(letters), 4))
    now = int(time.time())
    access = []
    for scope in scopes:
        kind, rest = scope.split(":", 1)
        resource, actions = rest.rsplit(":", 1)
        access.append({"type": kind, "name": resource, "actions": actions.split(",")})
    header = {"typ": "JWT", "alg": "ES256", "kid": name}
    claims = {"iss": "bench", "sub": "bench", "aud": "bench", "iat": now, "nbf": now - 10,
              "exp": now + LIFETIME_SECONDS, "jti": str(now), "access": access}

    def encode(content):
        return base64.urlsafe_b64encode(content).rstrip(b"=")

    signed = encode(json.dumps(header).encode()) + b"." + encode(json.dumps(claims).encode())
    der = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", key], input=signed, check=True,
        capture_output=True).stdout
    # SEQUENCE { INTEGER r, INTEGER s }; a token has both as 32 bytes each.
    r_end = 4 + der[3]
    numbers = der[4:r_end], der[r_end + 2:]
    return (signed + b"." + encode(
        b"".join(number.lstrip(b"\0").rjust(32, b"\0") for number in numbers))).decode()


# Filling


def in_parallel(port, items, work):
    """Calls `work(connection, item)` for each item, on a few connections at once."""
    pieces = [items[number::FILLER_THREADS] for number in range(FILLER_THREADS)]

    def run(piece):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
            for item in piece:
                work(connection, item)

    threads = [threading.Thread(target=run, args=(piece,)) for piece in pieces]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def fill_packhouse(server, manifest, config_digest):
    header = server.of(MANY_TAGS)
    names = [f"v{number:06}" for number in range(TAGS)]
    for start in range(0, TAGS, 100):
        query = "&".join(f"tag={name}" for name in names[start:start + 100])
        digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
        server.request(
            "PUT", f"/v2/{MANY_TAGS}/manifests/{digest}?{query}", header, manifest, MANIFEST)
    # Basic straight at /v2/: a token for each of so many repositories would be as many requests.
    basic = "Authorization: Basic " + base64.b64encode(f"root:{TOKEN}".encode()).decode()

    def push(connection, number):
        name = f"{MANY_REPOSITORIES}/r{number:06}"
        mount = urllib.parse.urlencode({"mount": config_digest, "from": MANY_TAGS})
        status, _, _ = ask(connection, "POST", f"/v2/{name}/blobs/uploads/?{mount}", basic)
        if status != 201:
            raise SystemExit(f"{name}: the blob was not mounted but answered with {status}")
        ask(connection, "PUT", f"/v2/{name}/manifests/latest", basic, manifest, MANIFEST)

    in_parallel(server.port, range(REPOSITORIES), push)


def fill_peer(work, manifest, config_digest):
    """Writes what the peer itself writes for a push."""
    root = work.file("peer", "docker", "registry", "v2", "repositories")
    digest = "sha256:" + hashlib.sha256(manifest).hexdigest()

    def link(*names, target):
        path = os.path.join(root, *names)
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, "link"), "w") as out:
            out.write(target)

    def tag(repository, name):
        folder = os.path.join(repository, "_manifests", "tags", name)
        link(folder, "current", target=digest)
        link(folder, "index", "sha256", digest[7:], target=digest)

    for number in range(TAGS):
        tag(MANY_TAGS, f"v{number:06}")
    for number in range(REPOSITORIES):
        name = f"{MANY_REPOSITORIES}/r{number:06}"
        link(name, "_layers", "sha256", config_digest[7:], target=config_digest)
        link(name, "_manifests", "revisions", "sha256", digest[7:], target=digest)
        os.makedirs(os.path.join(root, name, "_uploads"), exist_ok=True)
        tag(name, "latest")


# Measuring


class Costs:
    """CPU seconds that a server needs for each GiB that is moved."""

    def __init__(self):
        self.seconds = {}

    def counting(self, name, server, moved_bytes, measure):
        def run():
            before = server.cpu_seconds()
            result = measure()
            spent = (server.cpu_seconds() - before) * GIB / moved_bytes
            self.seconds.setdefault((name, server.name), []).append(spent)
            return result
        return run

    def show(self, ours, theirs):
        report = Report(ours.name, theirs.name)
        for name in dict.fromkeys(name for name, _ in self.seconds):
            values = [iter(self.seconds[name, server.name]) for server in (ours, theirs)]
            report.row(
                f"CPU per GiB: {name}", "s", *(values_of.__next__ for values_of in values),
                "1", lower_is_better=True)


def main():
    binary = sys.argv[1]
    with Workspace() as work:
        os.makedirs(work.file("peer"))
        packhouse, peer = start_packhouse(work, binary), start_peer(work)
        try:
            compare(work, packhouse, peer)
        finally:
            packhouse.stop()
            peer.stop()


def compare(work, ours, theirs):
    both, costs = (ours, theirs), Costs()
    report = Report(ours.name, theirs.name)
    sizes = {"1 KiB": KIB, "10 MiB": 10 * MIB, f"{LARGE // MIB} MiB": LARGE}
    large = list(sizes)[2]
    digests = {}
    for name, size in sizes.items():
        path = work.random_file(f"blob{size}", size)
        digests[name] = file_digest(path)
        for server in both:
            upload(server, path, digests[name])
    with open(work.file(f"blob{KIB}"), "rb") as source:
        content = source.read()
    for server in both:
        server.push_manifest(REPOSITORY, "1.0", [server.push_blob(REPOSITORY, content)])

    def get(server, path, connections):
        # The peer serves a manifest only to who says that he takes its type.
        headers = [server.of(REPOSITORY), f"Accept: {MANIFEST}"]
        return lambda: wrk(server.url + path, connections, headers)

    def rates(name, path, connections, aim):
        report.row(name, "/s", *(get(server, path, connections) for server in both), aim)

    blobs = f"/v2/{REPOSITORY}/blobs"
    rates("GET manifest by tag", f"/v2/{REPOSITORY}/manifests/1.0", 32, "20")
    rates("GET blob 1 KiB", f"{blobs}/{digests['1 KiB']}", 32, "20")
    rates("GET blob 10 MiB", f"{blobs}/{digests['10 MiB']}", 8, "1")

    def download(server):
        command = ["curl", "-sSf", "-o", os.devnull, "-H", server.of(REPOSITORY),
                   f"{server.url}{blobs}/{digests[large]}"]
        return costs.counting(
            f"GET {large}", server, LARGE, lambda: LARGE / MIB / seconds_of(command))

    report.row(f"GET blob {large}", "MB/s", *(download(server) for server in both), "1")
    pushes(work, both, report, costs, {"10 MiB": 8, large: 1}, sizes)
    images(work, both, report, costs)
    print_memory(both, "after transfers")
    lists(work, both, report)
    costs.show(ours, theirs)
    print()
    print_memory(both, "at the end")


def file_digest(path):
    with open(path, "rb") as source:
        return "sha256:" + hashlib.file_digest(source, "sha256").hexdigest()


def upload(server, path, digest):
    """POST and one PUT of a whole file; gives the seconds that both took."""
    header = server.of(REPOSITORY)
    start = time.monotonic()
    _, headers, _ = server.request("POST", f"/v2/{REPOSITORY}/blobs/uploads/", header)
    location = urllib.parse.urljoin(server.url, headers["Location"])
    location += ("&" if "?" in location else "?") + f"digest={digest}"
    subprocess.run(
        ["curl", "-sSf", "-o", os.devnull, "-H", header, "-H",
         "Content-Type: application/octet-stream", "-H", "Expect:", "-T", path, location],
        check=True)
    return time.monotonic() - start


def pushes(work, both, report, costs, counts, sizes):
    """Monolithic pushes of bytes that the registry has not seen."""
    mark = iter(range(1_000_000))

    def measure(server, name):
        path = work.file(f"blob{sizes[name]}")

        def run():
            seconds = 0
            for _ in range(counts[name]):
                with open(path, "r+b") as out:
                    out.write(f"{next(mark):020}".encode())
                seconds += upload(server, path, file_digest(path))
            return counts[name] * sizes[name] / MIB / seconds
        return costs.counting(f"push {name}", server, counts[name] * sizes[name], run)

    for name in counts:
        report.row(
            f"push blob {name}", "MB/s", *(measure(server, name) for server in both), "1.5")


def images(work, both, report, costs):
    """A whole image of several layers, by skopeo."""
    moved = IMAGE_LAYERS * IMAGE_LAYER_BYTES
    layouts = {}
    numbers = {server.name: iter(range(ROUNDS)) for server in both}
    for number in range(ROUNDS):
        layouts[number] = work.file(f"image{number}")
        subprocess.run(
            [sys.executable, MAKE_IMAGE, layouts[number], "--tag", "image", "--seed",
             str(number), "--layers", str(IMAGE_LAYERS), "--layer-bytes",
             str(IMAGE_LAYER_BYTES)], check=True, stdout=subprocess.DEVNULL)

    def token(server, side):
        return [f"--{side}-tls-verify=false", f"--{side}-registry-token",
                server.of(REPOSITORY).rsplit(" ", 1)[1]]

    def name(server, number):
        return f"docker://127.0.0.1:{server.port}/{REPOSITORY}:image{number}"

    def push(server):
        def run():
            number = next(numbers[server.name])
            return moved / MIB / seconds_of(
                ["skopeo", "copy", "-q", *token(server, "dest"),
                 f"oci:{layouts[number]}:image", name(server, number)])
        return costs.counting("skopeo push", server, moved, run)

    def pull(server):
        def run():
            back = work.file("back")
            seconds = seconds_of(
                ["skopeo", "copy", "-q", *token(server, "src"), name(server, 0),
                 f"oci:{back}:image"])
            shutil.rmtree(back)
            return moved / MIB / seconds
        return costs.counting("skopeo pull", server, moved, run)

    size = f"{IMAGE_LAYERS} x {IMAGE_LAYER_BYTES // MIB} MiB"
    report.row(f"skopeo push {size}", "MB/s", *(push(server) for server in both), "1.5")
    report.row(f"skopeo pull {size}", "MB/s", *(pull(server) for server in both), "1")


def lists(work, both, report):
    ours, theirs = both
    manifests = {}
    for server in both:
        manifests[server.name] = server.push_manifest(MANY_TAGS, "v000000", [])
    manifest = manifests[ours.name]
    config_digest = json.loads(manifest)["config"]["digest"]
    start = time.monotonic()
    fill_packhouse(ours, manifest, config_digest)
    print(f"filled {ours.name} by requests in {time.monotonic() - start:.0f} s", flush=True)
    start = time.monotonic()
    fill_peer(work, manifest, config_digest)
    print(f"filled {theirs.name} as files in {time.monotonic() - start:.0f} s", flush=True)

    def whole(server, path, header, member, count):
        """Reads the list page by page, as long as a rate is measured, at least once."""
        def run():
            with contextlib.closing(
                http.client.HTTPConnection("127.0.0.1", server.port)
            ) as connection:
                start, reads = time.monotonic(), 0
                while reads == 0 or time.monotonic() - start < SECONDS:
                    entries, target = 0, path
                    while target:
                        _, headers, body = ask(connection, "GET", target, header)
                        page = json.loads(body)[member]
                        entries += len(page)
                        link = headers.get("Link", "")
                        target = urllib.parse.urljoin(
                            path, link[1:link.index(">")]) if link else None
                    if entries < count:
                        raise SystemExit(f"{server.name} lists {entries}, not {count}: {path}")
                    reads += 1
                return reads / (time.monotonic() - start)
        return run

    def tags(server):
        """A registry that lists everything at once is asked by a client that costs nothing."""
        path, header = f"/v2/{MANY_TAGS}/tags/list", server.of(MANY_TAGS)
        _, headers, body = server.request("GET", path, header)
        if len(json.loads(body)["tags"]) >= TAGS and not headers.get("Link"):
            return lambda: wrk(server.url + path, 4, [header])
        return whole(server, path, header, "tags", TAGS)

    def catalogue(server, size):
        header = server.bearer("registry:catalog:*")
        return whole(server, f"/v2/_catalog?n={size}", header, "repositories", REPOSITORIES)

    report.row(f"list {TAGS:,} tags", "/s", *(tags(server) for server in both), "10")
    report.row(
        f"list {REPOSITORIES:,} repositories", "/s",
        *(catalogue(server, 1000) for server in both), "10")


def print_memory(both, moment):
    """What the servers' peaks are, and how they compare."""
    ours, theirs = (server.peak_mebibytes() for server in both)
    print(f"peak memory {moment}: {both[0].name} {ours:.0f} MiB, {both[1].name} {theirs:.0f} MiB, "
          f"ratio {theirs / ours:.2f}  aim 3", flush=True)


main()
