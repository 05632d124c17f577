"""MicroPython's source tree with the libraries that the rp2 port needs, put together from Debian's packages."""

import shutil
from pathlib import Path

from host_tools.runtime.debian import PrivateApt, keyring, mirrors, run
from host_tools.runtime.errors import FetchFailed
from tests.emulated.errors import Missing
from tests.emulated.firmware.progress import Progress

LIST = "sources.txt"
VERSION = "1.26.1+ds-1"

# sid moves on, and then only Debian's archive of all its packages has this MicroPython.
_SNAPSHOT = "http://snapshot.debian.org/archive/debian/20261030T080000Z"
_BINARY_PACKAGES = {"pico-sdk-source": "usr/src/pico-sdk", "tinyusb-source": "usr/src/tinyusb"}  # they hold source code
_SOURCE_PACKAGES = (f"micropython={VERSION}", "mbedtls/trixie", "lwip/trixie")
_LIBRARIES = {"pico-sdk-source": "pico-sdk", "tinyusb-source": "tinyusb", "mbedtls": "mbedtls", "lwip": "lwip"}
RECIPE = (tuple(_BINARY_PACKAGES), _SOURCE_PACKAGES)


def fetch(home: Path, progress: Progress) -> Path:
    """The tree, below `home`, with sources.txt in it. Raises Missing."""
    progress(f"Fetching the sources of MicroPython {VERSION} from Debian (about 40 MB)", None)
    try:
        packages = _download(home)
        return _assemble(home, packages)
    except FetchFailed as failure:
        raise Missing(f"Cannot fetch MicroPython {VERSION} from Debian: {failure}") from failure


def _download(home: Path) -> Path:
    """A folder with all packages, their signatures checked by apt."""
    reason = None
    for number, (mirror, options) in enumerate([*((mirror, "") for mirror in mirrors()), (_SNAPSHOT, " check-valid-until=no")]):
        signed = f"[signed-by={keyring()}{options}] {mirror}"
        apt_home = home / f"apt-{number}"
        apt_home.mkdir(parents=True)
        binary = signed.replace("[", "[arch=amd64 ", 1)  # the packages are for all architectures, and every mirror has this index
        apt = PrivateApt(apt_home, f"deb {binary} trixie main", f"deb-src {signed} trixie main", f"deb-src {signed} sid main")
        try:
            apt("update")
            apt("download", *_BINARY_PACKAGES)
            apt("source", "--download-only", *_SOURCE_PACKAGES)
            return apt_home
        except FetchFailed as failure:
            reason = reason or failure
    raise reason or FetchFailed("this machine's apt names no Debian mirror")


def _assemble(home: Path, packages: Path) -> Path:
    """Puts each library where MicroPython's own submodule would be."""
    tree = home / "micropython"
    _unpack(packages, "micropython", tree)
    for package, name in _LIBRARIES.items():
        library = tree / "lib" / name
        shutil.rmtree(library, ignore_errors=True)
        if inside := _BINARY_PACKAGES.get(package):
            run("dpkg", "-x", str(_only(packages, f"{package}_*.deb")), str(home / package))
            (home / package / inside).rename(library)
        else:
            _unpack(packages, package, library)
    # The build wants to see that this submodule is there; the boards' manifest takes nothing from it.
    (tree / "lib/micropython-lib").mkdir(exist_ok=True)
    (tree / "lib/micropython-lib/README.md").touch()
    names = sorted(path.name for pattern in ("*.deb", "*.dsc") for path in packages.glob(pattern))
    (tree / LIST).write_text("\n".join(names) + "\n")
    return tree


def _unpack(packages: Path, name: str, folder: Path) -> None:
    """The upstream part of a source package; Debian's patches concern its own build."""
    folder.mkdir(parents=True)
    run("tar", "-xf", str(_only(packages, f"{name}_*.orig.tar.*")), "-C", str(folder), "--strip-components=1")


def _only(folder: Path, pattern: str) -> Path:
    found = [path for path in sorted(folder.glob(pattern)) if path.suffix != ".asc"]
    if not found:
        raise FetchFailed(f"there is no {pattern} among the packages")
    return found[0]
