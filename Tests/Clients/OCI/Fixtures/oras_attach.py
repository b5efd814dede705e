"""Pushes an artifact with a type of its own, attaches others to it, and finds them as referrers.

    oras_attach.py HOST REPOSITORY USER PASSWORD FOLDER
"""

import hashlib
import os
import sys

from oras.client import OrasClient
from oras.oci import NewManifest, Subject

TOOL = "application/vnd.acme.tool.v1+json"
SBOM = "application/vnd.acme.sbom.v1+json"
SIGNATURE = "application/vnd.acme.signature.v1"


def main():
    host, repository, user, password, folder = sys.argv[1:]
    # Basic at every request: with tokens this client pushes with the one that it was given for looking
    # whether a blob is there, which any registry refuses (oras-project/oras-py issue 187).
    client = OrasClient(hostname=host, insecure=True, auth_backend="basic")
    client.login(
        username=user, password=password, hostname=host, tls_verify=False,
        config_path=os.path.join(folder, "docker.json"))
    target = f"{host}/{repository}"

    def write(name, content):
        path = os.path.join(folder, name)
        with open(path, "wb") as out:
            out.write(content)
        return path

    def push(tag, name, content, kind, **more):
        response = client.push(
            target=f"{target}:{tag}", files=[write(name, content)],
            manifest_config=f"{write(name + '.config', b'{}')}:{kind}",
            disable_path_validation=True, **more)
        assert response.status_code == 201, response.text
        return response

    content = os.urandom(300_000)
    pushed = push("1.0", "tool.bin", content, TOOL, do_chunked=True, chunk_size=100_000)
    manifest = pushed.request.body
    manifest = manifest if isinstance(manifest, bytes) else manifest.encode()
    digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
    assert pushed.headers["Docker-Content-Digest"] == digest, pushed.headers

    subject = Subject("application/vnd.oci.image.manifest.v1+json", digest, len(manifest))
    attached = push("1.0-sbom", "sbom.json", b"{}", SBOM, subject=subject)
    assert attached.headers["OCI-Subject"] == digest, attached.headers

    # A type that the manifest itself says, and no blob but the empty one.
    signature = NewManifest()
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "size": 2,
             "digest": "sha256:" + hashlib.sha256(b"{}").hexdigest()}
    signature.update(
        artifactType=SIGNATURE, config=empty, layers=[empty],
        subject={"mediaType": subject.mediaType, "digest": digest, "size": len(manifest)},
        annotations={"org.example.signed-by": "test"})
    container = client.get_container(f"{target}:1.0-signature")
    response = client.upload_manifest(signature, container)
    assert response.status_code == 201, response.text

    def referrers(query=""):
        response = client.do_request(
            f"http://{host}/v2/{repository}/referrers/{digest}{query}", "GET")
        assert response.status_code == 200, response.text
        assert response.headers["Content-Type"] == "application/vnd.oci.image.index.v1+json"
        return response, response.json()["manifests"]

    _, found = referrers()
    assert sorted(entry["artifactType"] for entry in found) == [SBOM, SIGNATURE], found
    signed = next(entry for entry in found if entry["artifactType"] == SIGNATURE)
    assert signed["annotations"] == {"org.example.signed-by": "test"}, signed
    response, found = referrers(f"?artifactType={SBOM.replace('+', '%2B')}")
    assert [entry["artifactType"] for entry in found] == [SBOM], found
    assert "artifactType" in response.headers["OCI-Filters-Applied"], response.headers

    back = os.path.join(folder, "back")
    os.makedirs(back)
    files = client.pull(target=f"{target}@{found[0]['digest']}", outdir=back)
    assert len(files) == 1, files
    files = client.pull(target=f"{target}:1.0", outdir=back)
    with open(files[0], "rb") as source:
        assert source.read() == content
    tags = client.get_tags(target)
    assert tags == ["1.0", "1.0-sbom", "1.0-signature"], tags


main()
