"""What the agent is to do: the checked content of config.json and secrets.json, apart from the code that checks it.

That code is large and needed once: see main.py.
"""


class Settings:
    """Filled by config.py."""

    board: str
    name: str
    endpoint: str  # its URL, and the parts of it
    scheme: str
    host: str
    port: int
    path: str
    authority: "bytes | None"  # the certificate (DER) that https trusts
    sensors: list  # of {"driver": name, "every_ms": int, "options": {}, "channels": {channel: stream}}
    tokens: dict  # {stream: token}, of the streams in use
    wifi: list  # of (network, password) in order of preference, empty for none
    ram_bytes: int  # the size of the spool
    flash_bytes: int
    checkpoint_ms: int  # when a request ends
    checkpoint_records: int
    plot: "dict | None"  # {"filename": text, "title": text}
    led: "str | int | None"  # what machine.Pin takes for it
    sleep: "tuple | None"  # (milliseconds from wake to wake, connect at each of how many), or None to stay awake
    account: "tuple | None"  # (user, API key), with which to create the plot


class Channel:
    """One series of readings: its name in the plot, the power of ten of its integers, the token of the trace that it feeds."""

    def __init__(self, name, unit, decimals, token):
        self.name = name
        self.unit = unit
        self.decimals = decimals
        self.token = token
