"""A stream with Python's own http.client, which makes the chunks: the body is a generator of lines."""

import json
import random
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import urlsplit

from account import URL, make_plot, steps, tokens


def walk(count: int) -> Iterator[bytes]:
    """A random walk. Something is sent at least twice a minute, if only an empty line: after a minute of silence a stream ends."""
    height = 0.0
    for n in range(count):
        height += random.gauss(0, 1)
        yield json.dumps({"x": n, "y": round(height, 2)}).encode() + b"\n"
        time.sleep(0.05)
    yield b"\n"


[token] = tokens(1)
make_plot("http.client", [{"x": [], "y": [], "stream": {"token": token, "maxpoints": 500}}], {"title": {"text": "A random walk"}})

connection = HTTPConnection(urlsplit(URL).netloc)
headers = {"plotly-streamtoken": token, "Transfer-Encoding": "chunked"}
connection.request("POST", "/", walk(steps(1000)), headers, encode_chunked=True)
print(connection.getresponse().status)
