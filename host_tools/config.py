"""config.json and secrets.json of a board: read, and checked before anything starts.

The schema says what the files look like; what depends on the board and on the drivers is checked here, against boards/*.json and
the firmware's own registry. Whatever passes here, the board accepts.
"""

import difflib
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from plotpost import sensors, units
from plotpost.config import ConfigError, parse

from host_tools import pins
from host_tools.boards import AGENT_HEAP_KIB, Board, load_all

__all__ = ["CONFIG", "SECRETS", "ConfigError", "Json", "load", "parsed", "read", "read_secrets", "validate"]

CONFIG, SECRETS = "config.json", "secrets.json"  # as the board has them

Json = dict[str, Any]

_LOG = logging.getLogger(__name__)
_SENSOR_KEYS = ("driver", "every", "channels")
_TYPES = {"string": "a text in quotes", "integer": "a whole number", "object": "an object in {}", "array": "a list in []"}


def load(config: Path, secrets: Path | None = None) -> tuple[Json, Json]:
    """The content of config.json and of secrets.json, by default the one beside it. Raises ConfigError."""
    return read(config), read_secrets(secrets or config.with_name(SECRETS))


def read(path: Path) -> Json:
    """The object in a JSON file. Raises ConfigError."""
    try:
        return parsed(path.read_bytes(), str(path))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def read_secrets(path: Path) -> Json:
    """The same of a file with secrets, whose file `ca` is meant beside it. Warns when others on this machine can read it."""
    content = read(path)
    if isinstance(ca := content.get("ca"), str):
        content["ca"] = str(path.with_name(ca).absolute())
    if os.name == "posix" and path.stat().st_mode & 0o077:
        _LOG.warning("%s: others on this machine may read it; run: chmod 600 %s", path, path)
    return content


def parsed(text: bytes, source: str) -> Json:
    """The object in a JSON text that came from `source`; in UTF-8, whatever this machine's locale is. Raises ConfigError."""
    try:
        content = json.loads(text.decode("utf-8-sig"), object_pairs_hook=_without_repeats)  # some editors put a mark before it
    except json.JSONDecodeError as error:
        raise ConfigError(f"{source}: line {error.lineno}, column {error.colno}: {error.msg}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{source}: is not UTF-8 text") from None
    except RecursionError:
        raise ConfigError(f"{source}: its brackets are nested too deeply") from None
    except ValueError as error:
        raise ConfigError(f"{source}: {error}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{source}: must be an object in {{}}")
    return content


def validate(config: Json, secrets: Json, *, boards: Mapping[str, Board] | None = None) -> list[str]:
    """What is wrong with the two files, one line each with file, key and what is allowed; never the value of a secret.

    `boards`: those that may be named, by default all that there are.
    """
    wrong = [*_against_schema(CONFIG, "config", config), *_against_schema(SECRETS, "secrets", secrets)]
    wrong = wrong or list(_Check(config, secrets, load_all() if boards is None else boards).problems())
    wrong = wrong or _board_says(config, secrets)
    return list(dict.fromkeys(wrong))


def _without_repeats(pairs: list[tuple[str, Any]]) -> Json:
    content: Json = {}
    for key, value in pairs:
        if key in content:
            raise ValueError(f"the key {key!r} stands twice in the same object")
        content[key] = value
    return content


@cache
def _validator(part: str) -> Draft202012Validator:
    schema = json.loads(Path(__file__).with_name("config.schema.json").read_text(encoding="utf-8"))
    return Draft202012Validator({**schema, "$ref": f"#/$defs/{part}"})


def _against_schema(file: str, part: str, content: Json) -> Iterator[str]:
    for error in sorted(_validator(part).iter_errors(content), key=lambda error: error.json_path):
        place = file + _path(error.absolute_path)
        yield from _SENTENCES.get(str(error.validator), _must_be)(place, error)


def _path(keys: Iterable[str | int]) -> str:
    """`: sensors[0].every`"""
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return f": {path.removeprefix('.')}" if path else ""


def _below(place: str, key: str) -> str:
    return f"{place}.{key}" if ": " in place else f"{place}: {key}"


def _missing(place: str, error: Any) -> Iterator[str]:
    for key in error.validator_value:
        if key not in error.instance:
            yield f"{_below(place, key)}: is missing"


def _unknown_keys(place: str, error: Any) -> Iterator[str]:
    known = error.schema["properties"]
    for key in error.instance:
        if key not in known:
            yield f"{_below(place, key)}: {_unknown(key, known)}"


def _wrong_type(place: str, error: Any) -> Iterator[str]:
    yield f"{place}: must be {_TYPES[error.validator_value]}"


def _empty(place: str, error: Any) -> Iterator[str]:
    yield f"{place}: must not be empty"


def _must_be(place: str, error: Any) -> Iterator[str]:
    yield f"{place}: must be {error.schema['description']}"


_SENTENCES: dict[str, Callable[[str, Any], Iterator[str]]] = {
    "required": _missing,
    "additionalProperties": _unknown_keys,
    "type": _wrong_type,
    "minLength": _empty,
    "minItems": _empty,
    "minProperties": _empty,
}


def _unknown(name: str, known: Iterable[str], where: str = "here") -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 1)
    told = f"known {where}: {', '.join(names)}" if names else f"nothing is known {where}"
    return f"is unknown; {told}" + (f"; did you mean {near[0]!r}?" if near else "")


class _Check:
    """What the schema cannot say, of two files that keep to it."""

    def __init__(self, config: Json, secrets: Json, boards: Mapping[str, Board]) -> None:
        self._config = config
        self._secrets = secrets
        self._boards = boards
        self._board = boards.get(config["board"])

    def problems(self) -> Iterator[str]:
        yield from self._check_board()
        for i, entry in enumerate(self._config["sensors"]):
            yield from self._check_sensor(f"{CONFIG}: sensors[{i}]", entry)
        if self._board is not None:
            yield from (f"{CONFIG}: {problem}" for problem in pins.problems(self._config, self._board))
        yield from self._check_spool(self._config.get("spool", {}))
        yield from _refused(units.milliseconds, f"{CONFIG}: checkpoint.every", self._config.get("checkpoint", {}).get("every"))
        yield from self._check_streams()
        yield from self._check_tokens()
        if "plot" in self._config and "account" not in self._secrets:
            yield f'{SECRETS}: account: is missing; to create the plot it must be {{"user": "..", "api_key": ".."}}'

    def _check_board(self) -> Iterator[str]:
        name = self._config["board"]
        if self._board is None:
            yield f"{CONFIG}: board: {name!r} {_unknown(name, self._boards)}"
        elif "wifi" in self._config and not self._board.wifi:
            yield f"{CONFIG}: wifi: {name} has no WiFi of its own to join; take this key out"

    def _check_sensor(self, place: str, entry: Json) -> Iterator[str]:
        name = entry["driver"]
        known = self._board.drivers if self._board else sensors.DRIVERS
        if name not in known:
            where = f"on {self._board.name}" if self._board else "here"
            yield f"{place}.driver: {name!r} {_unknown(name, known, where)}"
            return
        driver = sensors.driver(name)
        yield from self._check_options(place, entry, driver)
        too_often = f'{entry["every"]!r} is too often for {name}, at most "{driver.MIN_EVERY_MS}ms"'
        yield from _refused(units.milliseconds, f"{place}.every", entry["every"], driver.MIN_EVERY_MS, too_often)
        channels = [channel for channel, _, _ in driver.CHANNELS]
        for channel in entry["channels"]:
            if channel not in channels:
                yield f"{place}.channels.{channel}: {_unknown(channel, channels)}"

    def _check_options(self, place: str, entry: Json, driver: Any) -> Iterator[str]:
        for key in entry:
            if key not in _SENSOR_KEYS + driver.OPTIONS:
                yield f"{place}.{key}: {_unknown(key, _SENSOR_KEYS + driver.OPTIONS)}"
        if hasattr(driver, "check"):
            try:
                driver.check(entry)
            except sensors.Absent as why:
                yield f"{place}: {why}"

    def _check_spool(self, spool: Json) -> Iterator[str]:
        place = f"{CONFIG}: spool.ram"
        yield from _refused(units.size, place, spool.get("ram"))
        room_kib = self._board.heap_kib - AGENT_HEAP_KIB if self._board else 0
        if self._board and "ram" in spool and _number(units.size, spool["ram"]) > room_kib * 1024:
            yield f"{place}: {spool['ram']!r} is more than {self._board.name} has beside the agent, {room_kib} KiB"

    def _check_streams(self) -> Iterator[str]:
        """Each channel needs a stream of its own, and each stream a token."""
        fed: dict[str, str] = {}
        for i, entry in enumerate(self._config["sensors"]):
            for channel, settings in entry["channels"].items():
                place, stream = f"sensors[{i}].channels.{channel}", settings["stream"]
                if stream in fed:
                    yield f"{CONFIG}: {place}.stream: {fed[stream]} streams to {stream!r} already; name another stream"
                elif stream not in self._secrets["tokens"]:
                    yield f"{SECRETS}: tokens.{stream}: is missing; {place} in {CONFIG} streams to it"
                fed.setdefault(stream, place)

    def _check_tokens(self) -> Iterator[str]:
        streams: dict[str, str] = {}
        for stream, token in self._secrets["tokens"].items():
            if token in streams:
                yield f"{SECRETS}: tokens.{stream}: is the same token as tokens.{streams[token]}; each stream needs its own"
            streams.setdefault(token, stream)


def _number(parse: Callable[[str], int], text: str) -> int:
    try:
        return parse(text)
    except ValueError:
        return 0


def _refused(parse: Callable[[str], int], place: str, text: str | None, least: int = 0, too_little: str = "") -> Iterator[str]:
    """Why `parse` does not take `text`, if there is one; or `too_little` when it makes less than `least` of it."""
    if text is None:
        return
    try:
        if parse(text) < least:
            yield f"{place}: {too_little}"
    except ValueError as error:
        yield f"{place}: {error}"


def _board_says(config: Json, secrets: Json) -> list[str]:
    """The board's own check, so that nothing passes here that it would refuse."""
    try:
        parse(config, secrets)
    except ConfigError as error:
        return [str(error)]
    return []
