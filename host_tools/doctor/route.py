"""The way to the endpoint: from the board itself, or from this machine, whose network a board without WiFi uses through the bridge."""

import base64
import errno
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from host_tools.device import Device
from host_tools.doctor import probes

Address = tuple[str, int]

_CONNECT_S = 5.0
_ANSWER_S = 10.0
_SETTLE_S = 0.2  # for the body, after the head of an answer
_ANSWER_BYTES = 700
_BOARD_S = 45.0  # all the patience of one exchange on the board
_LOOK_UP_S = 35.0


@dataclass(frozen=True)
class Request:
    """`head`, with {secret} for what the keys `secret` lead to in secrets.json: a token, or an account as HTTP's basic authorization.

    `tail`, its end, is sent when no answer has come within `hold_ms`.
    """

    head: str
    secret: tuple[str, ...] = ()
    tail: bytes = b""
    hold_ms: int = 10000


@dataclass(frozen=True)
class Exchange:
    """`stage`: where it ended, "connect", "secure", "answer" or "done". `early`: before the tail was sent.

    `error`: the name of an errno, or a text; each port and each system has numbers of its own.
    """

    stage: str
    error: str
    early: bool
    answer: bytes


class Route(Protocol):
    """`place` is for messages. `resolve` gives None when no host is known by that name."""

    place: str

    def resolve(self, host: str, port: int) -> Address | None: ...

    def exchange(self, address: Address, host: str, request: Request) -> Exchange: ...


class FromBoard:
    """`ca`: the file on the board that https trusts, or None for http."""

    place = "the board"

    def __init__(self, device: Device, ca: str | None) -> None:
        self._device = device
        self._ca = ca

    def resolve(self, host: str, port: int) -> Address | None:
        address: Address | None = probes.ask(self._device, probes.RESOLVE, host, port, timeout_s=_LOOK_UP_S)
        return address

    def exchange(self, address: Address, host: str, request: Request) -> Exchange:
        arguments = (address, host, self._ca, request.head, request.secret, request.tail, request.hold_ms)
        return Exchange(*probes.ask(self._device, probes.EXCHANGE, *arguments, timeout_s=_BOARD_S))


class FromHere:
    """`secrets`: the board's. `authority`: the certificate (DER) that https trusts, or None for http."""

    place = "this machine"

    def __init__(self, secrets: Mapping[str, Any], authority: bytes | None) -> None:
        self._secrets = secrets
        self._authority = authority

    def resolve(self, host: str, port: int) -> Address | None:
        try:
            return socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][4][:2]  # type: ignore[return-value]
        except OSError:
            return None

    def exchange(self, address: Address, host: str, request: Request) -> Exchange:
        stage = "connect"
        try:
            with socket.create_connection(address, _CONNECT_S) as plain:
                stage = "secure"
                with self._secured(plain, host) as sock:
                    stage = "answer"
                    early, answer = self._talk(sock, request)
                    return Exchange("done", "", early, answer)
        except OSError as error:
            return Exchange(stage, _named(error), False, b"")

    def _secured(self, plain: socket.socket, host: str) -> socket.socket:
        if self._authority is None:
            return plain
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self._authority)
        return context.wrap_socket(plain, server_hostname=host)

    def _secret(self, keys: tuple[str, ...]) -> str:
        found: Any = self._secrets if keys else ""
        for key in keys:
            found = found[key]
        return (
            base64.b64encode(f"{found['user']}:{found['api_key']}".encode()).decode() if isinstance(found, dict) else str(found)
        )

    def _talk(self, sock: socket.socket, request: Request) -> tuple[bool, bytes]:
        sock.sendall(request.head.replace("{secret}", self._secret(request.secret)).encode())
        answer = _receive(sock, request.hold_ms / 1000)
        if answer or not request.tail:
            return bool(answer), answer
        sock.sendall(request.tail)
        return False, _receive(sock, _ANSWER_S)


def _named(error: OSError) -> str:
    """The name of its errno, or what it says."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, TimeoutError):
        return "ETIMEDOUT"
    name = errno.errorcode.get(error.errno or 0, str(error))
    return name.removeprefix("WSA")  # Windows


def _receive(sock: socket.socket, patience_s: float) -> bytes:
    """The beginning of an answer, empty when none comes."""
    answer = b""
    sock.settimeout(patience_s)
    try:
        while len(answer) < _ANSWER_BYTES and (part := sock.recv(_ANSWER_BYTES)):
            answer += part
            if b"\r\n\r\n" in answer:
                sock.settimeout(_SETTLE_S)
    except TimeoutError:
        pass
    return answer
