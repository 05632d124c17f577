"""Watches a plot at the endpoint for new points."""

import contextlib
import json
import urllib.error
from dataclasses import dataclass

from host_tools.provision.account import direct

_ANSWER_S = 5.0


@dataclass(frozen=True)
class State:
    """How many points a plot has, and the last of each trace: a full plot keeps its number."""

    points: int
    last: tuple[str, ...]


class Plot:
    """The plot at `url`. `ca`: the certificate to trust, for https."""

    def __init__(self, url: str, ca: bytes | None = None) -> None:
        self.url = url
        self._opener = direct(ca)

    def state(self) -> State | None:
        """None when the endpoint cannot be asked, or does not show the plot."""
        try:
            with self._opener.open(f"{self.url}.json", timeout=_ANSWER_S) as answer:
                traces = [trace.get("x", []) for trace in json.load(answer)["data"]]
        except urllib.error.HTTPError as error:
            error.close()
            return None
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            return None
        with contextlib.suppress(TypeError):
            return State(sum(map(len, traces)), tuple(str(x[-1]) for x in traces if x))
        return None
