"""The board that is examined, and what the checks have learnt of it so far."""

from dataclasses import dataclass, field
from typing import Any

from host_tools.boards import Board
from host_tools.device import Device
from host_tools.doctor.route import Address, Route

Json = dict[str, Any]

_SHORT = 4  # a text that is shorter is no secret, and would be masked in the middle of words


@dataclass
class Patient:
    """Each check fills in what those that need it read."""

    port: str
    wanted: Board | None  # what the user says that it is
    attached: Device | None = None  # when MicroPython answers
    board: Board | None = None  # what it is, as far as is known
    config: Json = field(default_factory=dict)
    secrets: Json = field(default_factory=dict)
    authority: bytes | None = None  # the certificate (DER) that https trusts
    route: Route | None = None  # to the endpoint, whose `address` it found
    address: Address | None = None
    told_ms: int | None = None  # the endpoint's clock, ms since 1970, when this machine's was `heard_ms`
    heard_ms: int = 0
    proxied: bool = False  # the endpoint was asked by way of a proxy that it does not know

    @property
    def device(self) -> Device:
        """For checks that need "micropython"."""
        assert self.attached is not None
        return self.attached

    def masked(self, text: str) -> str:
        """`text` without the secrets that it may hold."""
        for secret in _texts([value for key, value in self.secrets.items() if key != "ca"]):
            if len(secret) >= _SHORT:
                text = text.replace(secret, "***")
        return text


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return [text for each in inner for text in _texts(each)]
    return [value] if isinstance(value, str) else []
