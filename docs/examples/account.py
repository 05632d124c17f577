"""What the examples have in common: whose plots they make, at which endpoint, and how a plot is made by REST.

Four variables of the environment say it, so that no secret is in a command line or in a file:
PLOTPOST_URL (http://127.0.0.1:8050), PLOTPOST_USER (me), PLOTPOST_KEY (the API key), PLOTPOST_TOKENS (with commas between them).
"""

import json
import os
import sys
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

URL = os.environ.get("PLOTPOST_URL", "http://127.0.0.1:8050").rstrip("/")
USER = os.environ.get("PLOTPOST_USER", "me")


def tokens(count: int) -> list[str]:
    """The first `count` stream tokens. Ends the program when there are fewer."""
    given = [token for token in os.environ.get("PLOTPOST_TOKENS", "").split(",") if token]
    if len(given) < count:
        sys.exit(f"This example needs {count} in PLOTPOST_TOKENS; `plotpost token new` makes one")
    return given[:count]


def make_plot(filename: str, traces: list[dict[str, Any]], layout: dict[str, Any]) -> str:
    """Make the plot, or empty the one of that name, and print its address. Ends the program when that does not work."""
    form = {
        "un": USER,
        "key": os.environ.get("PLOTPOST_KEY", ""),
        "origin": "plot",
        "args": json.dumps(traces),
        "kwargs": json.dumps({"filename": filename, "fileopt": "overwrite", "layout": layout}),
    }
    try:
        with urlopen(f"{URL}/clientresp", urlencode(form).encode(), timeout=30) as response:
            answer = json.load(response)
    except (OSError, ValueError) as error:
        sys.exit(f"No endpoint answers at {URL}: {error}. `plotpost serve` starts one, PLOTPOST_URL says where it is")
    if answer["error"]:
        sys.exit(answer["error"])
    print(f"Watch it at {answer['url']}", flush=True)
    return str(answer["url"])


def steps(default: int) -> int:
    """How many points to send: the program's one argument, or the default."""
    return int(sys.argv[1]) if len(sys.argv) > 1 else default
