"""A 32-bit MicroPython built from Debian's source package, where a compiler for 32-bit programs is at hand."""

import os
import shutil
import tempfile
from pathlib import Path

from host_tools.runtime.debian import PrivateApt, Say, keyring, mirrors, run
from host_tools.runtime.errors import FetchFailed

# TLS, FFI and btree need libraries that Debian's source package does not hold.
_OPTIONS = ("MICROPY_FORCE_32BIT=1", "MICROPY_PY_SSL=0", "MICROPY_PY_FFI=0", "MICROPY_PY_BTREE=0")
_MANIFEST = "FROZEN_MANIFEST=../../debian/config/manifest.py"


def fetch(folder: Path, say: Say) -> None:
    """Fills `folder` with a MicroPython built here, in about half a minute. Raises FetchFailed."""
    with tempfile.TemporaryDirectory(prefix="build-", dir=folder.parent) as temporary:
        home = Path(temporary)
        _require_compiler(home)
        for mirror in mirrors():
            say("Building 32-bit MicroPython from Debian's source (half a minute, once)")
            tree = _source(home / "apt", mirror)
            jobs = f"-j{os.cpu_count() or 1}"
            run("make", jobs, "-C", "mpy-cross", cwd=tree)
            run("make", jobs, "-C", "ports/unix", *_OPTIONS, _MANIFEST, cwd=tree)
            (tree / "ports/unix/build-standard/micropython").rename(folder / "micropython")
            return
    raise FetchFailed("this machine's apt names no Debian mirror")


def _require_compiler(home: Path) -> None:
    for tool in ("gcc", "make", "dpkg-source"):
        if not shutil.which(tool):
            raise FetchFailed(f"there is no {tool}")
    (home / "empty.c").write_text("int main(void) { return 0; }\n")
    try:
        run("gcc", "-m32", "-o", "empty", "empty.c", cwd=home)
    except FetchFailed as failure:
        raise FetchFailed("gcc makes no 32-bit programs here (gcc-multilib is missing)") from failure


def _source(home: Path, mirror: str) -> Path:
    """The unpacked source package of MicroPython, its checksums verified by apt."""
    home.mkdir()
    apt = PrivateApt(home, f"deb-src [signed-by={keyring()}] {mirror} sid main")
    apt("update")
    apt("source", "--download-only", "micropython")
    description = next(home.glob("*.dsc"))
    run("dpkg-source", "--no-check", "-x", description.name, "tree", cwd=home)
    return home / "tree"
