"""Debian's 32-bit MicroPython, unpacked into a private folder: no root, nothing installed.

apt gets a configuration, lists and cache of its own. The mirror, and how to reach it, is the one that this machine's apt uses.
"""

import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from host_tools.runtime.errors import FetchFailed

Say = Callable[[str], None]

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SUITES = ("sid", "forky")  # trixie's i386 packages stop short of MicroPython
_SNAPSHOT = "http://snapshot.debian.org/archive/debian/20261030T080000Z"  # a day on which sid's package was tested
_LIBRARIES = Path("usr/lib/i386-linux-gnu")
_TIMEOUT_S = 300

_CONFIGURATION = """\
Dir::Etc::SourceList "{home}/sources.list";
Dir::Etc::SourceParts "{home}/empty";
Dir::Etc::Preferences "{home}/none";
Dir::Etc::PreferencesParts "{home}/empty";
Dir::State "{home}/state";
Dir::State::Lists "{home}/lists";
Dir::State::status "{home}/status";
Dir::Cache "{home}/cache";
#clear APT::Architectures;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
APT::Architecture "i386";
APT::Architectures {{ "i386"; }};
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "15";
Acquire::https::Timeout "15";
"""


class PrivateApt:
    """An apt whose every file lies in `home`, with the sources given as lines of sources.list."""

    def __init__(self, home: Path, *sources: str) -> None:
        for folder in ("empty", "state", "lists/partial", "cache/archives/partial"):
            (home / folder).mkdir(parents=True)
        (home / "status").touch()
        (home / "sources.list").write_text("\n".join(sources) + "\n")
        (home / "apt.conf").write_text(_CONFIGURATION.format(home=home))
        self.home = home

    def __call__(self, *arguments: str) -> None:
        """Runs apt-get. Raises FetchFailed with apt's own last error."""
        run("apt-get", "-c", str(self.home / "apt.conf"), "-qq", *arguments, cwd=self.home)


def fetch(folder: Path, say: Say) -> None:
    """Fills `folder` from the mirror of this machine's apt."""
    reason = ""
    for mirror in mirrors():
        for suite in _SUITES:
            say(f"Fetching 32-bit MicroPython from Debian {suite} (about 4 MB, once)")
            try:
                return _download(folder, f"deb [signed-by={keyring()}] {mirror} {suite} main")
            except FetchFailed as failure:
                reason = reason or str(failure)
    raise FetchFailed(reason or "this machine's apt names no Debian mirror")


def fetch_snapshot(folder: Path, say: Say) -> None:
    """Fills `folder` from Debian's archive of all its packages, on a day that is known to work."""
    say("Fetching 32-bit MicroPython from Debian's snapshot archive (about 4 MB, once)")
    _download(folder, f"deb [signed-by={keyring()} check-valid-until=no] {_SNAPSHOT} sid main")


def keyring() -> Path:
    if not shutil.which("apt-get") or not _KEYRING.exists():
        raise FetchFailed("this is not a Debian with apt and its archive keyring")
    return _KEYRING


def mirrors() -> list[str]:
    """The addresses from which this machine's apt takes its own release of Debian."""
    release = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    keyring()
    if release.get("ID") != "debian":
        raise FetchFailed("this is not Debian")
    listed = run("apt-get", "indextargets", "--no-release-info", "--format", "$(SITE) $(RELEASE)", "Component: main")
    names = (release.get("VERSION_CODENAME"), "stable", "testing", "unstable", "sid")
    pairs = [line.split() for line in listed.splitlines() if len(line.split()) == 2]
    return list(dict.fromkeys(site for site, name in pairs if name in names))


def _download(folder: Path, source: str) -> None:
    """Lets apt download MicroPython with its libraries and keeps what is needed to run it."""
    with tempfile.TemporaryDirectory(prefix="apt-", dir=folder.parent) as home:
        apt = PrivateApt(Path(home), source)
        apt("update")
        apt("install", "--download-only", "--yes", "--no-install-recommends", "micropython")
        root = apt.home / "root"
        for package in sorted((apt.home / "cache/archives").glob("*.deb")):
            run("dpkg", "-x", str(package), str(root))
        (root / "usr/bin/micropython").rename(folder / "micropython")
        (folder / "lib").mkdir()
        for library in (root / _LIBRARIES).glob("*.so*"):
            shutil.copy2(library, folder / "lib")


def run(*command: str, cwd: Path | None = None) -> str:
    """Runs a command and gives what it printed. Raises FetchFailed with its last line of complaint."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=_TIMEOUT_S, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchFailed(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        complaint = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit status {done.returncode}"]
        raise FetchFailed(f"{command[0]}: {complaint[-1].removeprefix('E: ')}")
    return done.stdout
