"""A board's plot and the tokens of its streams, made at the endpoint: over REST with an API key, or in its data folder on this machine."""

import base64
import contextlib
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from plotpost import plot, sensors

from host_tools import accounts
from host_tools.config import Json
from host_tools.endpoint.errors import EndpointError, Refusal
from host_tools.endpoint.store import Store, User
from host_tools.provision.files import ProvisionError

_TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Made:
    """`tokens` by the names of the streams; `path` of the plot that they feed, below the endpoint's URL: "/~me/1"."""

    tokens: dict[str, str]
    path: str


@dataclass(frozen=True)
class Registered:
    """A stream token that its owner's name for it finds again, and the path of the plot that it feeds."""

    token: str
    path: str | None


class Account(Protocol):
    """A user at an endpoint. Every method raises ProvisionError."""

    def tokens(self, names: Sequence[str]) -> list[Registered]:
        """The tokens of these names; those that are not there are made."""

    def append(self, filename: str, traces: list[Json], layout: Json) -> str:
        """Adds traces to the plot of that name, which is made if need be; gives its path."""


@dataclass(frozen=True)
class _Channel:
    name: str
    unit: str
    token: str


def draw(account: Account, config: Json, wanted: Collection[str], device_id: str) -> Made:
    """Tokens for the wanted streams of a configuration, and a plot that shows them. Raises ProvisionError.

    A board finds its own tokens again, also after it was wiped: `device_id` stands in their names. Several boards can share a plot.
    """
    filename, title = filename_of(config), config.get("plot", {}).get("title", config["name"])
    streams = list(_streams(config))
    registered = dict(zip(wanted, account.tokens([f"{filename}: {each} of {device_id}" for each in wanted]), strict=True))
    new = {stream: each.token for stream, each in registered.items() if each.path is None}
    path = next((each.path for each in registered.values() if each.path is not None), "")
    if new:
        traces, layout = plot.figure([_Channel(name, unit, new.get(stream, "")) for stream, name, unit in streams])
        added = [trace for trace, (stream, _, _) in zip(traces, streams, strict=True) if stream in new]
        path = account.append(filename, added, {**layout, "title": {"text": title}})
    return Made({stream: each.token for stream, each in registered.items()}, path)


def filename_of(config: Json) -> str:
    """What the plot of a checked configuration is called at the endpoint."""
    return str(config.get("plot", {}).get("filename", config["name"]))


def _streams(config: Json) -> Iterator[tuple[str, str, str]]:
    """Stream, name and unit of each channel of a checked configuration."""
    for entry in config["sensors"]:
        units = {channel: unit for channel, unit, _ in sensors.driver(entry["driver"]).CHANNELS}
        for channel, settings in entry["channels"].items():
            yield settings["stream"], channel, units[channel]


class Local:
    """A user in the data folder of an endpoint on this machine, by default the first; the folder is made if need be."""

    def __init__(self, data: Path, user: str | None = None) -> None:
        self.data, self._name = data, user
        self.new_key: str | None = None  # of a user that was made on the way

    def tokens(self, names: Sequence[str]) -> list[Registered]:
        from host_tools.endpoint.rest.tokens import register

        with self._opened() as (store, user), store.transaction():
            return [Registered(each["token"], each["plot"]) for each in register(store, user, list(names))]

    def plot_of(self, token: str) -> str | None:
        """The path of the plot that a token feeds, None where there is none, or no such folder yet."""
        if not self.data.exists():
            return None
        with self._opened() as (store, _):
            route = store.route(token)
            row = store.plot(route.plot_id) if route and route.plot_id is not None else None
            return f"/~{row.user}/{row.fid}" if row else None

    def append(self, filename: str, traces: list[Json], layout: Json) -> str:
        from host_tools.endpoint.plots import save_plot

        with self._opened() as (store, user), store.transaction():
            plot_id, _ = save_plot(store, user, traces, layout, filename, "append", "public")
            row = store.plot(plot_id)
        assert row is not None
        return f"/~{row.user}/{row.fid}"

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[Store, User]]:
        try:
            with accounts.opened(self.data) as store:
                user, key = accounts.owner(store, self._name)
                self.new_key = key or self.new_key
                yield store, user
        except (EndpointError, Refusal) as error:
            raise ProvisionError(getattr(error, "message", str(error))) from None


class Remote:
    """A user of any endpoint that can be reached, by name and API key. `ca`: the certificate to trust, PEM or DER, for https."""

    def __init__(self, endpoint: str, user: str, api_key: str, ca: bytes | None = None) -> None:
        self._endpoint, self._user, self._key = endpoint.rstrip("/"), user, api_key
        self._opener = direct(ca)

    def tokens(self, names: Sequence[str]) -> list[Registered]:
        told = self._ask("/v2/tokens", {"names": list(names)})
        try:
            return [Registered(str(each["token"]), each["plot"]) for each in told["tokens"]]
        except (KeyError, TypeError):
            raise self._stranger() from None

    def plot_named(self, filename: str) -> str | None:
        """The path of the user's plot of that name, None where there is none, or it is not told."""
        with contextlib.suppress(ProvisionError, KeyError):
            told = self._ask(f"/v2/plots/lookup?{urllib.parse.urlencode({'path': filename})}")
            return urllib.parse.urlsplit(str(told["web_url"])).path.rstrip("/")
        return None

    def append(self, filename: str, traces: list[Json], layout: Json) -> str:
        arguments = {"filename": filename, "fileopt": "append", "layout": layout, "world_readable": True}
        fields = {"un": self._user, "key": self._key, "origin": "plot", "platform": "plotpost"}
        fields |= {"args": json.dumps(traces), "kwargs": json.dumps(arguments)}
        told = self._ask("/clientresp", fields)
        if told.get("error") or not told.get("url"):
            raise ProvisionError(f"{self._endpoint} makes no plot: {told.get('error') or 'its answer names none'}")
        return urllib.parse.urlsplit(str(told["url"])).path

    def _ask(self, path: str, content: Mapping[str, Any] | None = None) -> Json:
        """GET, or with `content` POST: a form for REST v1, JSON for v2."""
        form = path == "/clientresp"
        body = None if content is None else (urllib.parse.urlencode(content) if form else json.dumps(content)).encode()
        credentials = base64.b64encode(f"{self._user}:{self._key}".encode()).decode()
        headers = {
            "content-type": "application/x-www-form-urlencoded" if form else "application/json",
            "authorization": f"Basic {credentials}",
        }
        request = urllib.request.Request(self._endpoint + path, body, headers)
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S) as answer:
                told = json.load(answer)
        except urllib.error.HTTPError as error:
            raise self._refused(error) from None
        except (OSError, ValueError) as error:
            raise self._unreachable(error) from None
        if not isinstance(told, dict):
            raise self._stranger()
        return told

    def _refused(self, error: urllib.error.HTTPError) -> ProvisionError:
        with error:
            body = error.read(4096)
        match error.code:
            case 401 | 403:
                return ProvisionError(
                    f"{self._endpoint} refuses the API key of {self._user!r}: look it up where `plotpost serve` printed it,"
                    " or make a new one there with `plotpost user rotate-key`"
                )
            case 404 | 405:
                return ProvisionError(
                    f"{self._endpoint} makes no tokens over HTTP: make them there with `plotpost plot new`,"
                    " and write them into secrets.json"
                )
        return ProvisionError(f"{self._endpoint} answers {error.code}: {_reason(body)}")

    def _unreachable(self, error: Exception) -> ProvisionError:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            return ProvisionError(
                f'the certificate of {self._endpoint} is not trusted ({reason.verify_message}): name its ca.pem under "ca"'
                " in secrets.json"
            )
        if isinstance(error, ValueError):
            return self._stranger()
        return ProvisionError(f"{self._endpoint} cannot be reached ({reason}): does `plotpost serve` run there?")

    def _stranger(self) -> ProvisionError:
        return ProvisionError(f"{self._endpoint} is no endpoint of plotpost: check its address")


def direct(ca: bytes | None) -> urllib.request.OpenerDirector:
    """Opens URLs as a board does: without the proxy that this machine may have, trusting the certificate `ca` too, PEM or DER.

    Raises ProvisionError.
    """
    context = ssl.create_default_context()
    if ca is not None:
        try:
            context.load_verify_locations(cadata=ca.decode("ascii") if ca.startswith(b"-----BEGIN") else ca)
        except (ValueError, ssl.SSLError):
            raise ProvisionError("secrets.json: ca: is no certificate: name ca.pem or ca.der of the endpoint") from None
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))


def _reason(body: bytes) -> str:
    """What REST v2 says in {"errors": [{"message": ..}]}, or the beginning of anything else."""
    try:
        return str(json.loads(body)["errors"][0]["message"])
    except (ValueError, KeyError, IndexError, TypeError):
        return body.decode(errors="replace")[:200].strip() or "no reason given"
