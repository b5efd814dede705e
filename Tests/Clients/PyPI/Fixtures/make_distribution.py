"""Writes a project of Python with its wheel and its source distribution, byte for byte the same each time.

usage: make_distribution.py FOLDER NAME VERSION [TEXT]
"""
import base64
import gzip
import hashlib
import io
import pathlib
import sys
import tarfile
import zipfile

folder, name, version = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
text = sys.argv[4] if len(sys.argv) > 4 else "1"
module = name.lower().replace("-", "_").replace(".", "_")
stem = f"{module}-{version}"
source = f'"""A module of the tests."""\n__version__ = "{version}"\nVALUE = "{text}"\n'
project = f"""[build-system]
requires = ["flit_core>=3.2,<4"]
build-backend = "flit_core.buildapi"

[project]
name = "{name}"
version = "{version}"
description = "A project of the tests"
requires-python = ">=3.8"

[tool.flit.module]
name = "{module}"
"""
metadata = (
    f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n"
    "Summary: A project of the tests\nRequires-Python: >=3.8\n\nRead me.\n"
)
(folder / "dist").mkdir(parents=True)
(folder / "pyproject.toml").write_text(project)
(folder / f"{module}.py").write_text(source)

info = f"{stem}.dist-info"
files = {
    f"{module}.py": source,
    f"{info}/METADATA": metadata,
    f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\n"
    "Tag: py3-none-any\n",
}
record = ""
for path, content in files.items():
    digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest())
    record += f"{path},sha256={digest.decode().rstrip('=')},{len(content)}\n"
files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
with zipfile.ZipFile(
    folder / "dist" / f"{stem}-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED
) as wheel:
    for path, content in files.items():
        wheel.writestr(zipfile.ZipInfo(path, (2024, 1, 2, 3, 4, 6)), content)

tape = io.BytesIO()
with tarfile.open(fileobj=tape, mode="w") as archive:
    for path, content in {
        "pyproject.toml": project, f"{module}.py": source, "PKG-INFO": metadata,
    }.items():
        entry = tarfile.TarInfo(f"{stem}/{path}")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content.encode()))
(folder / "dist" / f"{stem}.tar.gz").write_bytes(gzip.compress(tape.getvalue(), mtime=0))
