"""The endpoint: its name, the way to it, its clock, the tokens."""

import calendar
import secrets
import time
from collections.abc import Iterator

from plotpost import url
from plotpost.answer import Answer

from host_tools import firewall
from host_tools.doctor import probes
from host_tools.doctor.findings import Failed, Finding, failed, ok, warning
from host_tools.doctor.patient import Patient
from host_tools.doctor.route import Exchange, FromBoard, FromHere, Request, Route
from host_tools.endpoint.proxies import UNTRUSTED
from host_tools.provision import nearby

_NOBODYS_TOKEN = "plotpost-doctor"
_HEAD = (
    "POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    "plotly-streamtoken: {token}\r\nplotpost-records: {stream_id}/0\r\n\r\n"
)
_WHO = (
    "GET {path}/v2/users/current HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\nAuthorization: Basic {account}\r\n\r\n"
)
_HEARTBEAT = "1\r\n\n\r\n"
_LAST_CHUNK = "0\r\n\r\n"
_HOLD_MS = 3000  # a server that hears the board answers sooner
_APART_S = 10.0
_LOOPBACK = "127.0.0.1"
_REFUSED = ("ECONNREFUSED", "ECONNRESET")  # lwIP says the latter, on a Pico W and on an ESP32
_PROVISION = "correct it: plotpost provision"


def name(patient: Patient) -> Iterator[Finding]:
    """DNS."""
    _, host, port, _ = _parts(patient)
    route = _route(patient)
    if route.place == FromBoard.place and host in ("localhost", _LOOPBACK):
        raise Failed(
            f"{host} is the board itself", "name the machine's address in the LAN, which `plotpost serve --host 0.0.0.0` says"
        )
    address = route.resolve(host, port)
    if address is None:
        known = "does the access point pass multicast on" if host.endswith(".local") else "does the network's DNS know it"
        raise Failed(
            f"{route.place} finds no host of the name {host}",
            f"is it spelt right, and {known}? Else name its address: plotpost provision",
        )
    patient.address = address
    yield ok("the endpoint is named by its address" if address[0] == host else f"{host} is {address[0]}")


def endpoint(patient: Patient) -> Iterator[Finding]:
    """A request with a token that nobody has: an endpoint that hears it while it runs refuses it at once, and nothing changes."""
    head = _head(patient, _NOBODYS_TOKEN) + _HEARTBEAT
    exchange, answer = _exchange(patient, Request(head, (), _LAST_CHUNK.encode(), _HOLD_MS))
    patient.heard_ms = time.time_ns() // 1_000_000
    patient.told_ms = answer.time
    patient.proxied = f"\n{UNTRUSTED}:".encode() in exchange.answer.lower()
    where = patient.config["endpoint"]
    if exchange.stage != "done":
        raise _unreached(patient, exchange)
    if answer.status <= 0:
        raise Failed(
            f"{where} takes the connection, and answers {_nothing_or(answer)}", "is `plotpost serve` running at this port?"
        )
    if answer.html or answer.status not in (403, 404, 406, 423):
        raise Failed(
            f"{where} is no endpoint for streams: it answers {answer.status} {answer.text.strip()[:60]}",
            f"does another server, or a login page of the network, stand there? {_PROVISION}",
        )
    yield from _kind(patient, exchange, answer)


def _kind(patient: Patient, exchange: Exchange, answer: Answer) -> Iterator[Finding]:
    place = _route(patient).place
    if answer.next is None:
        yield warning(
            f"{place} reaches an endpoint that confirms nothing: after a broken connection readings may come twice",
            "`plotpost serve` confirms each reading; a proxy before it must let its headers through: docs/nginx.conf",
        )
    elif not exchange.early:
        yield warning(
            f"{place} reaches plotpost through a proxy that holds requests back: readings come in bursts",
            "let the proxy pass them on at once: docs/nginx.conf",
        )
    else:
        yield ok(f"{place} reaches plotpost, which hears it while it streams")


def proxy(patient: Patient) -> Iterator[Finding]:
    """Only what the endpoint itself says: that it was asked by way of a proxy which nobody has named to it."""
    if patient.proxied:
        yield warning(
            "a proxy on the endpoint's machine passes requests on, and is not believed for whom: everybody behind it counts as one",
            "if it is yours, start the endpoint with --trusted-proxy 127.0.0.1: docs/nginx.conf",
        )


def clock(patient: Patient) -> Iterator[Finding]:
    own = calendar.timegm((*probes.ask(patient.device, probes.CLOCK), 0, 0, 0))
    if patient.told_ms is None:
        yield warning(
            "the endpoint tells no time: readings wait until it does",
            "does a proxy take away its headers plotpost-time and Date?",
        )
        return
    apart_s = (patient.told_ms - patient.heard_ms) / 1000
    if abs(apart_s) > _APART_S:
        yield warning(
            f"the endpoint's clock, from which the board takes the time, is {span(apart_s)} of this machine's",
            "set the one that is wrong (timedatectl shows it on Linux)",
        )
    else:
        yield ok(
            f"the board takes it from the endpoint, which agrees with this machine; its own clock is {span(own - time.time())}"
        )


def tokens(patient: Patient) -> Iterator[Finding]:
    """A stream without a reading for each token; and who the board says that it is, when it is to make its plot."""
    if "plot" in patient.config:
        yield from _account(patient)
    accepted = []
    for stream in _streams(patient):
        exchange, answer = _exchange(patient, Request(_head(patient, "{secret}") + _LAST_CHUNK, ("tokens", stream)))
        if exchange.stage != "done":
            raise _unreached(patient, exchange)
        if answer.status == 200:
            accepted.append(stream)
        else:
            yield _refused(patient, stream, answer)
    if accepted:
        yield ok(f"accepted: {', '.join(accepted)}")


def _account(patient: Patient) -> Iterator[Finding]:
    _, host, port, path = _parts(patient)
    head = _WHO.format(path=path.rstrip("/"), host=host, port=port, account="{secret}")
    exchange, answer = _exchange(patient, Request(head, ("account",)))
    if exchange.stage != "done":
        raise _unreached(patient, exchange)
    if answer.status in (401, 403):
        yield failed(
            "the endpoint knows no such user, or another API key: the board cannot make its plot",
            "plotpost user rotate-key gives a new key; then plotpost provision",
        )


def _refused(patient: Patient, stream: str, answer: Answer) -> Finding:
    what = f"the token of the stream {stream} is refused: {answer.status}, {answer.text.partition(':')[0].strip()}"
    if answer.status == 403 and "plot" in patient.config:
        return warning(what, "the board makes its plot, as `plot` in config.json asks, when it starts; look again then")
    if answer.status == 404:
        return failed(what, "make one with `plotpost token new`, and give it to the board: plotpost provision")
    if answer.status == 403:
        return failed(what, "make a plot for it with `plotpost plot new`, and give its tokens to the board: plotpost provision")
    return failed(what, "run `plotpost doctor` again in a while")


def _streams(patient: Patient) -> list[str]:
    return [channel["stream"] for sensor in patient.config["sensors"] for channel in sensor["channels"].values()]


def _parts(patient: Patient) -> tuple[str, str, int, str]:
    """Scheme, host, port and path."""
    scheme, host, port, path = url.parse(patient.config["endpoint"])
    return scheme, host, port, path


def _route(patient: Patient) -> Route:
    assert patient.route is not None
    return patient.route


def _head(patient: Patient, token: str) -> str:
    _, host, port, path = _parts(patient)
    return _HEAD.format(path=path, host=host, port=port, token=token, stream_id=secrets.token_hex(8))


def _exchange(patient: Patient, request: Request) -> tuple[Exchange, Answer]:
    """With what the agent would understand of the answer."""
    assert patient.address is not None
    exchange = _route(patient).exchange(patient.address, _parts(patient)[1], request)
    answer = Answer()
    answer.feed(exchange.answer, len(exchange.answer))
    return exchange, answer


def _nothing_or(answer: Answer) -> str:
    return "nothing" if answer.status == 0 else "in no HTTP"


def _unreached(patient: Patient, exchange: Exchange) -> Failed:
    where, place = patient.config["endpoint"], _route(patient).place
    if exchange.error == "ENOMEM":
        return Failed(
            f"{place} has too little memory to talk to {where}",
            "name fewer sensors, make spool.ram smaller, or stream over http: plotpost provision",
        )
    if exchange.stage == "secure":
        return Failed(
            f"the certificate of {where} is not trusted ({exchange.error})",
            "is the file that `ca` in secrets.json names the one of this endpoint (`plotpost serve` says where)? plotpost provision",
        )
    if exchange.stage == "answer":
        return Failed(f"{where} broke the connection ({exchange.error})", "look at the endpoint's log")
    if exchange.error in _REFUSED:
        what, remedy = f"nobody listens at {where}", "start it: plotpost serve --host 0.0.0.0"
    elif exchange.error == "EHOSTUNREACH":
        what, remedy = f"{place} finds no way to {where}", "is that machine switched on, and in the same network?"
    else:
        what, remedy = f"{where} does not answer {place}", "is that machine switched on, and in the same network?"
    return Failed(what, _seen_from_here(patient, exchange) or remedy)


def _seen_from_here(patient: Patient, exchange: Exchange) -> str:
    """What it means when this machine reaches the endpoint, and the board does not."""
    _, host, port, _ = _parts(patient)
    if _route(patient).place != FromBoard.place or patient.address is None:
        return ""
    here = FromHere({}, patient.authority)
    request = Request(_head(patient, _NOBODYS_TOKEN) + _LAST_CHUNK, hold_ms=_HOLD_MS)
    if here.exchange(patient.address, host, request).answer:
        if nearby.is_here(patient.config["endpoint"]):
            return f"this machine's firewall keeps the board out: {firewall.remedy(port)}"
        return (
            f"this machine reaches it: does its firewall let TCP port {port} in, and does the access point keep its guests apart?"
        )
    if exchange.error in _REFUSED and here.exchange((_LOOPBACK, port), host, request).answer:
        return "it serves only its own machine: start it with plotpost serve --host 0.0.0.0"
    return ""


def span(seconds: float) -> str:
    """A difference of clocks in words."""
    size = abs(seconds)
    if size < 2:
        return "right"
    unit, name = next(
        (each for each in ((86400, "days"), (3600, "hours"), (60, "minutes")) if size >= 2 * each[0]), (1, "seconds")
    )
    return f"{size / unit:.0f} {name} {'ahead' if seconds > 0 else 'behind'}"
