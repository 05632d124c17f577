"""The network around an emulated board, as it is when the board starts; `control` changes it then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Wifi:
    """The access point. `hidden`: it does not tell its name; `key` None lets everyone in; `delay` is in ms each way, `loss` a share
    of all frames.
    """

    ssid: str = "lab"
    hidden: bool = False
    key: str | None = "emulated-key"
    rssi: int = -50
    join_ms: int = 50
    delay: float = 0
    loss: float = 0
    seed: int = 1


@dataclass(frozen=True)
class Network:
    """What surrounds a board: 10.0.2.2 is this machine's loopback, `hosts` are the names that its DNS knows, each with an address, several
    addresses, or None: there is no such name. Those that end in .local answer for themselves, too (mDNS).

    `forward` lists (port of this machine, port of the board); `window` is how much the board may send unread, in bytes;
    `frame_us` is a Pico W's core time charged per frame for the bus of the real radio; `pcap` is a file to record frames into.
    """

    wifi: Wifi = field(default_factory=Wifi)
    hosts: Mapping[str, str | Sequence[str] | None] = field(default_factory=lambda: {"host.test": "10.0.2.2"})
    forward: Sequence[tuple[int, int]] = ()
    window: int = 32768
    frame_us: float = 0
    pcap: str | None = None
