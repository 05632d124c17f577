"""config.json, secrets.json and the certificate to trust, on a board: written so that a pulled cable leaves the old ones."""

import contextlib
import errno
import hashlib
import json
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from host_tools.boards import Board
from host_tools.config import Json, validate
from host_tools.device import Device, DeviceError
from host_tools.pins import numbered

_CONFIG = "/config.json"
_SECRETS = "/secrets.json"
_CA = "ca.der"
_SPOOL = "/spool"
_BESIDE = ".new"
_HIDDEN = "********"
_SHOWN = 4  # characters of a token, by which one finds it in `plotpost token list`


class ProvisionError(DeviceError):
    """The board cannot be given this configuration. One line: why, and what to do."""


@dataclass(frozen=True)
class Provisioned:
    """The files that differed and were written; none when the board had it all."""

    written: list[str]


def provision(device: Device, board: Board, config: Json, secrets: Json) -> Provisioned:
    """Checks a configuration, puts it onto the board, and reads it back. Raises ProvisionError, DeviceError.

    `ca` of the secrets is the absolute path of a certificate on this machine, PEM or DER, or the name of a file on the board.
    The board is told no secret that it does not need. What it has already is not written again.
    """
    files = _contents(device, board, config, secrets)
    written = [path for path, content in files.items() if not _has(device, path, content)]
    with _room():
        for path in written:
            device.write(path + _BESIDE, files[path])
    for path in written:
        _compare(device, path + _BESIDE, files[path])
    for path in written:  # the shortest time with a new file beside an old one
        device.rename(path + _BESIDE, path)
    for path in written:
        _compare(device, path, files[path])
    _remove(device, [path + _BESIDE for path in files if path not in written])  # of a cable that was pulled
    return Provisioned(written)


def read_back(device: Device) -> tuple[Json, Json] | None:
    """What the board has, None when it has no config.json that can be read. The secrets are whole: see `masked`."""
    config = _parsed(device, _CONFIG)
    return None if config is None else (config, _parsed(device, _SECRETS) or {})


def wipe(device: Device, unsent: bool = False) -> list[str]:
    """Removes configuration, secrets and certificate, and with `unsent` the readings that wait on flash too; gives what was there."""
    ca = (_parsed(device, _SECRETS) or {}).get("ca")
    paths = [_CONFIG, _SECRETS, f"/{ca.lstrip('/') if isinstance(ca, str) else _CA}"]
    paths += [path + _BESIDE for path in paths]
    return _remove(device, paths + (list(device.files(_SPOOL)) if unsent else []))


def unsent_bytes(device: Device) -> int:
    """How much flash the readings take that were not confirmed yet. They lie there together with the tokens that they go to."""
    return sum(device.files(_SPOOL).values())


def masked(secrets: Json) -> Json:
    """The secrets for people to see: which there are, and of long tokens the beginning."""

    def mask(key: str, value: object) -> object:
        match value:
            case dict():
                return {name: mask(key, each) for name, each in value.items()}
            case str() if key == "tokens" and len(value) >= 2 * _SHOWN:
                return value[:_SHOWN] + "*" * (len(value) - _SHOWN)
            case _:
                return _HIDDEN

    told = {"version": secrets.get("version"), "ca": secrets.get("ca")}
    return {key: told[key] if key in told else mask(key, value) for key, value in secrets.items()}


def _contents(device: Device, board: Board, config: Json, secrets: Json) -> dict[str, bytes]:
    """The files for the board by their paths, what they refer to first. Raises ProvisionError when the board would not take them."""
    if config.get("board") != board.name:
        named = config.get("board")
        raise ProvisionError(f"config.json: board: is {named!r}, but a {board.name} is attached: name that, or attach the other")
    authority = _authority(device, secrets)
    with _named_here(authority, secrets) as checked:
        if problems := validate(config, checked):
            raise ProvisionError("; ".join(problems))
    needed = _needed(config, secrets)
    files = {f"/{_CA}": authority} if authority is not None and "ca" in needed else {}
    return {**files, _SECRETS: _dumped(needed), _CONFIG: _dumped(numbered(config, board))}


def _needed(config: Json, secrets: Json) -> Json:
    """A board is not told what it does not use: one secrets.json can serve several."""
    streams = {channel["stream"] for entry in config["sensors"] for channel in entry["channels"].values()}
    needed = {
        "version": secrets["version"],
        "tokens": {name: token for name, token in secrets["tokens"].items() if name in streams},
    }
    if config.get("wifi"):
        needed["wifi"] = {name: secrets["wifi"][name] for name in config["wifi"]}
    if "plot" in config:
        needed["account"] = secrets["account"]
    if "ca" in secrets and config["endpoint"].startswith("https"):
        needed["ca"] = _CA
    return needed


def _authority(device: Device, secrets: Json) -> bytes | None:
    """The certificate to trust, None when there is none or it is not where it should be."""
    ca = secrets.get("ca")
    if not isinstance(ca, str):
        return None
    if Path(ca).is_absolute():
        return certificate(Path(ca))
    try:
        return device.read(f"/{ca}")
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _named_here(authority: bytes | None, secrets: Json) -> Iterator[Json]:
    """The secrets for a check on this machine, which reads the file that they name."""
    if authority is None:
        yield secrets
        return
    with tempfile.TemporaryDirectory(prefix="plotpost-ca-") as folder:
        file = Path(folder) / _CA
        file.write_bytes(authority)
        yield {**secrets, "ca": str(file)}


def certificate(path: Path) -> bytes:
    """A certificate's file as boards read it, DER. Raises ProvisionError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ProvisionError(f"secrets.json: ca: {path} cannot be read: {error.strerror}") from None
    if not content.startswith(b"-----BEGIN"):
        return content
    try:
        return ssl.PEM_cert_to_DER_cert(content.decode("ascii").strip())
    except ValueError:
        raise ProvisionError(f"secrets.json: ca: {path} holds no certificate: name ca.pem or ca.der of the endpoint") from None


def _dumped(content: Mapping[str, object]) -> bytes:
    return json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"


def _has(device: Device, path: str, content: bytes) -> bool:
    """Whether the board has this file, byte by byte, or in the case of JSON as it is read."""
    try:
        there = device.read(path)
    except FileNotFoundError:
        return False
    return there == content or (path.endswith(".json") and _loaded(there) == json.loads(content))


def _parsed(device: Device, path: str) -> Json | None:
    try:
        content = _loaded(device.read(path))
    except FileNotFoundError:
        return None
    return content if isinstance(content, dict) else None


def _loaded(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _compare(device: Device, path: str, content: bytes) -> None:
    if device.digest(path) != hashlib.sha256(content).hexdigest():
        raise ProvisionError(
            f"{path} on the board is not what was written: its flash may be worn out; try again, and if it stays, flash it anew"
        )


def _remove(device: Device, paths: list[str]) -> list[str]:
    removed = []
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            device.remove(path)
            removed.append(path)
    return removed


@contextlib.contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise ProvisionError("the board's flash is full: remove files of your own, or make spool.flash smaller") from None
