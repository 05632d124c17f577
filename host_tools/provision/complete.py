"""Makes what was given whole: with what the board has already, what can be made at the endpoint, and what only a person can say."""

import time
import urllib.error
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from plotpost import url

from host_tools.boards import Board
from host_tools.config import Json, validate
from host_tools.endpoint.store import FIRST_USER
from host_tools.endpoint.tls import CA_FOR_BOARDS
from host_tools.provision import nearby
from host_tools.provision.account import Account, Local, Remote, direct, draw, filename_of
from host_tools.provision.documents import Documents
from host_tools.provision.files import ProvisionError, certificate

_NOTICED_S = 5.0  # an endpoint sees within a second what was made in its data folder
_LOOK_S = 0.2
_ANSWER_S = 5.0


class Person(Protocol):
    """Somebody who can be asked."""

    def config(self, board: Board, device_id: str, known: Json) -> Json:
        """All of config.json; `known` is what the board has, or {}."""

    def password(self, network: str, kept: bool) -> str | None:
        """Of a WiFi network; None to keep the one that the board has."""

    def account(self, endpoint: str) -> tuple[str, str]:
        """User and API key at an endpoint."""


@dataclass(frozen=True)
class Source:
    """Where plot and tokens are made: in `data`, a data folder on this machine, or with an API key.

    With neither it is the usual data folder, when the endpoint is this machine. `user`: by default the first.
    """

    usual_data: Path
    data: Path | None = None
    user: str | None = None
    api_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Attached:
    """The board that it is for. `known`: the configuration and secrets that it has."""

    board: Board
    device_id: str
    known: tuple[Json, Json] | None


@dataclass(frozen=True)
class Complete:
    """What goes onto the board. `plot`: the URL of the plot, None where it is not known. `new_key`: of a user made on the way."""

    config: Json
    secrets: Json = field(repr=False)
    plot: str | None = None
    new_key: str | None = field(default=None, repr=False)


def complete(given: Documents, attached: Attached, source: Source, person: Person | None) -> Complete:
    """Configuration and secrets, with everything that is needed. Raises ProvisionError; nothing is made before they are checked."""
    config, secrets = _config(given, attached, person), {"version": 1, **given.secrets}
    known_config, known = attached.known or ({}, {})
    if isinstance(config.get("wifi"), list):
        ask = person if given.config is None else None
        secrets["wifi"] = _passwords(config["wifi"], _object(secrets, "wifi"), _object(known, "wifi"), ask, person)
    if known_config.get("endpoint") != config.get("endpoint"):  # another one knows neither tokens nor certificate
        known = {}
    secrets = _with_authority(config, secrets, known, source)
    return _with_tokens(config, secrets, known, _Accounts(config, secrets, source, person), attached.device_id)


def _config(given: Documents, attached: Attached, person: Person | None) -> Json:
    known = attached.known[0] if attached.known else {}
    if given.config is not None:
        config = given.config
    elif person is not None:
        config = person.config(attached.board, attached.device_id, known)
    else:
        config = known
    if not config:
        raise ProvisionError("the board has no configuration yet: give one with --config, or run this in a terminal to be asked")
    return {"board": attached.board.name, **config}


def _passwords(networks: list[str], given: Json, known: Json, ask: Person | None, person: Person | None) -> Json:
    """Given ones first, then those that the board has. `ask`: who is asked also whether they are still right."""
    passwords = {}
    for network in dict.fromkeys(map(str, networks)):
        password = given.get(network)
        if password is None and network in known:
            password = ask.password(network, kept=True) if ask else None
            password = known[network] if password is None else password
        elif password is None and person is not None:
            password = person.password(network, kept=False)
        if password is not None:
            passwords[network] = password
    return passwords


def _with_authority(config: Json, secrets: Json, known: Json, source: Source) -> Json:
    """The certificate to trust: that of an endpoint on this machine that made its own, or what the board has."""
    endpoint = str(config.get("endpoint"))
    if "ca" in secrets or not endpoint.startswith("https://"):
        return secrets
    own = (source.data or source.usual_data) / CA_FOR_BOARDS
    if own.exists() and (source.data is not None or nearby.is_here(endpoint)):
        return {**secrets, "ca": str(own)}
    return {**secrets, "ca": known["ca"]} if "ca" in known else secrets


class _Accounts:
    """The account at the endpoint with which plot and tokens are made: as given, found on this machine, or asked for."""

    def __init__(self, config: Json, secrets: Json, source: Source, person: Person | None) -> None:
        self._config, self._secrets, self._source, self._person = config, secrets, source, person

    def find(self) -> Account | None:
        source, endpoint = self._source, self._config["endpoint"]
        if source.data is not None:
            return Local(source.data, source.user)
        if "account" in self._secrets:
            return self._remote(self._secrets["account"]["user"], self._secrets["account"]["api_key"])
        if source.api_key is not None:
            return self._remote(source.user or FIRST_USER, source.api_key)
        return Local(source.usual_data, source.user) if nearby.is_here(endpoint) else None

    def ask(self) -> Account | None:
        return self._remote(*self._person.account(self._config["endpoint"])) if self._person else None

    def _remote(self, user: str, api_key: str) -> Remote:
        return Remote(self._config["endpoint"], user, api_key, authority_of(self._secrets))


def _with_tokens(config: Json, secrets: Json, known: Json, accounts: _Accounts, device_id: str) -> Complete:
    """A token for each stream, and a plot where none feeds one: it is drawn from here, so that the board needs no API key for it."""
    given = _object(secrets, "tokens")
    _check(config, secrets, given)
    streams = [settings["stream"] for entry in config["sensors"] for settings in entry["channels"].values()]
    if {"plot", "wifi"} <= config.keys() and "account" in secrets and set(streams) <= set(given):
        return Complete(config, secrets)  # the board makes its plot by itself; one at a bridge has nothing to ask with
    tokens = {**_kept(config, secrets, _object(known, "tokens")), **given}
    missing = [stream for stream in streams if stream not in tokens]
    account = accounts.find() or (accounts.ask() if missing else None)
    path = None
    if missing and account is not None:
        made = draw(account, config, missing, device_id)
        tokens, path = {**tokens, **made.tokens}, made.path
        if isinstance(account, Local):
            _check_served(config["endpoint"], path, account.data, secrets)
    elif isinstance(account, Local):
        path = next(filter(None, (account.plot_of(tokens[stream]) for stream in streams)), None)
    elif isinstance(account, Remote):
        path = account.plot_named(filename_of(config))
    config = {key: value for key, value in config.items() if key != "plot"}
    plot = None if path is None else config["endpoint"].rstrip("/") + path
    return Complete(config, {**secrets, "tokens": tokens}, plot, account.new_key if isinstance(account, Local) else None)


def _check(config: Json, secrets: Json, given: Json) -> None:
    """What can be said before there are tokens. Without https: what the board will not do by itself is done from here."""
    endpoint = config.get("endpoint")
    plain = "http" + endpoint.removeprefix("https") if isinstance(endpoint, str) and endpoint.startswith("https:") else endpoint
    drawn = {"account": {"user": "-", "api_key": "-"}} if "plot" in config else {}
    tokens = {**{stream: f"-{number}" for number, stream in enumerate(_named_streams(config))}, **given}
    settled = {**drawn, **secrets, "tokens": tokens if isinstance(secrets.get("tokens", {}), dict) else secrets["tokens"]}
    if problems := validate({**config, "endpoint": plain}, settled):
        raise ProvisionError("; ".join(problems))
    _, host, _, _ = url.parse(config["endpoint"])
    if "wifi" in config and (host == "localhost" or host.startswith("127.")):
        raise ProvisionError(
            f"config.json: endpoint: {host} means the board itself on a board with WiFi; name this machine's address in the network,"
            " which `plotpost serve --host 0.0.0.0` prints"
        )


def _named_streams(config: Json) -> list[str]:
    """Of a configuration that may be wrong anywhere."""
    sensors = config.get("sensors")
    entries = [entry.get("channels") for entry in sensors if isinstance(entry, dict)] if isinstance(sensors, list) else []
    channels = [settings for entry in entries if isinstance(entry, dict) for settings in entry.values()]
    return [settings["stream"] for settings in channels if isinstance(settings, dict) and isinstance(settings.get("stream"), str)]


def _kept(config: Json, secrets: Json, known: Json) -> Json:
    """The tokens that the board has, but for those that its endpoint says it takes no more."""
    endpoint, ca = config["endpoint"], authority_of(secrets)
    if not known or not nearby.is_plotpost(endpoint, ca):
        return known
    return {stream: token for stream, token in known.items() if not nearby.refuses(endpoint, token, ca)}


def authority_of(secrets: Json) -> bytes | None:
    """The certificate to trust, where this machine has it."""
    ca = secrets.get("ca")
    return certificate(Path(ca)) if isinstance(ca, str) and Path(ca).is_absolute() else None


def _check_served(endpoint: str, path: str, data: Path, secrets: Json) -> None:
    """Whether the endpoint shows what was made in the data folder; one that cannot be asked from here is trusted to."""
    authority = authority_of(secrets)
    if not nearby.is_plotpost(endpoint, authority):
        return
    deadline = time.monotonic() + _NOTICED_S
    while not _is_there(f"{endpoint.rstrip('/')}{path}.json", authority):
        if time.monotonic() > deadline:
            raise ProvisionError(f"{endpoint} does not keep its data in {data}: name its folder with --data, or give an API key")
        time.sleep(_LOOK_S)


def _is_there(address: str, authority: bytes | None) -> bool:
    try:
        with direct(authority).open(address, timeout=_ANSWER_S):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return error.code != 404
    except OSError:
        return True


def _object(content: Json, key: str) -> Json:
    value = content.get(key, {})
    return value if isinstance(value, dict) else {}
