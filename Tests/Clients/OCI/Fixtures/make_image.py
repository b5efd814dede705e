#!/usr/bin/env python3
"""Writes images as an OCI layout, without a network and without a container engine.

    make_image.py FOLDER --tag NAME [--layers N] [--layer-bytes B] [--platforms P,P] [--busybox FILE]

The same seed gives the same bytes. Layers are tar files of random bytes, in gzip's framing but not made
smaller, so that a registry has every byte to move. With several platforms NAME is an index whose images
share all layers but one. With --busybox the first layer is a root file system that can be run.

Prints one line of JSON: the digest of what NAME names and the bytes of all blobs.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import random
import tarfile

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
APPLETS = ["sh", "echo", "cat", "ls", "true"]


class Layout:
    """A folder of blobs by digest, and the list of what in it has a name."""

    def __init__(self, folder):
        self.folder = folder
        self.bytes = 0
        os.makedirs(os.path.join(folder, "blobs", "sha256"), exist_ok=True)
        with open(os.path.join(folder, "oci-layout"), "w") as out:
            json.dump({"imageLayoutVersion": "1.0.0"}, out)

    def add(self, media_type, content, **more):
        name = hashlib.sha256(content).hexdigest()
        path = os.path.join(self.folder, "blobs", "sha256", name)
        if not os.path.exists(path):
            self.bytes += len(content)
            with open(path, "wb") as out:
                out.write(content)
        return {"mediaType": media_type, "digest": "sha256:" + name, "size": len(content), **more}

    def add_json(self, media_type, value, **more):
        return self.add(media_type, json.dumps(value, indent=2).encode(), **more)

    def name(self, tag, descriptor):
        path = os.path.join(self.folder, "index.json")
        known = []
        if os.path.exists(path):
            with open(path) as source:
                known = json.load(source)["manifests"]
        named = {**descriptor, "annotations": {"org.opencontainers.image.ref.name": tag}}
        with open(path, "w") as out:
            json.dump({"schemaVersion": 2, "manifests": known + [named]}, out)


def tar_of(entries):
    """A tar file of (name, mode, bytes), (name, target) for a link and (name,) for a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for entry in entries:
            member = tarfile.TarInfo(entry[0])
            if len(entry) == 1:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(member)
            elif len(entry) == 2:
                member.type, member.linkname = tarfile.SYMTYPE, entry[1]
                tar.addfile(member)
            else:
                member.mode, member.size = entry[1], len(entry[2])
                tar.addfile(member, io.BytesIO(entry[2]))
    return buffer.getvalue()


def busybox_tar(path):
    with open(path, "rb") as source:
        program = source.read()
    return tar_of(
        [("bin",), ("etc",), ("tmp",), ("bin/busybox", 0o755, program)]
        + [("bin/" + name, "busybox") for name in APPLETS]
        + [("etc/passwd", 0o644, b"root:x:0:0:root:/:/bin/sh\n")])


def add_image(layout, tars, platform):
    system, architecture = platform.split("/")
    layers = [layout.add(LAYER, gzip.compress(tar, compresslevel=0, mtime=0)) for tar in tars]
    config = layout.add_json(CONFIG, {
        "architecture": architecture, "os": system,
        "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"]},
        "rootfs": {
            "type": "layers",
            "diff_ids": ["sha256:" + hashlib.sha256(tar).hexdigest() for tar in tars]},
        "history": [{"created_by": "make_image.py"} for _ in tars],
    })
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
    return layout.add_json(
        MANIFEST, manifest, platform={"os": system, "architecture": architecture})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--tag", default="latest")
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--layer-bytes", type=int, default=100_000)
    parser.add_argument("--platforms", default="linux/amd64")
    parser.add_argument("--busybox")
    parser.add_argument("--seed", default="0")
    options = parser.parse_args()

    generator = random.Random(options.seed)
    layout = Layout(options.folder)

    def random_tar(number):
        content = generator.randbytes(options.layer_bytes)
        return tar_of([("data",), (f"data/{number}.bin", 0o644, content)])

    base = [busybox_tar(options.busybox)] if options.busybox else []
    platforms = options.platforms.split(",")
    own = 1 if len(platforms) > 1 else 0
    base += [random_tar(number) for number in range(options.layers - own)]
    images = [
        add_image(layout, base + [random_tar(platform)] * own, platform)
        for platform in platforms]
    if len(images) == 1:
        named = {key: images[0][key] for key in ("mediaType", "digest", "size")}
    else:
        named = layout.add_json(
            INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": images})
    layout.name(options.tag, named)
    print(json.dumps({"digest": named["digest"], "bytes": layout.bytes}))


main()
