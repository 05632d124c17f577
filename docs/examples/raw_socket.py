"""A stream by hand: one HTTP request over a plain socket, a chunk for each line of JSON."""

import json
import math
import socket
import time
from urllib.parse import urlsplit

from account import URL, make_plot, steps, tokens

[token] = tokens(1)
make_plot("raw socket", [{"x": [], "y": [], "stream": {"token": token, "maxpoints": 200}}], {"title": {"text": "By hand"}})

address = urlsplit(URL)
with socket.create_connection((address.hostname, address.port or 80)) as connection:
    head = f"POST / HTTP/1.1\r\nHost: {address.netloc}\r\nTransfer-Encoding: chunked\r\nplotly-streamtoken: {token}\r\n\r\n"
    connection.sendall(head.encode())
    for n in range(steps(1000)):
        line = json.dumps({"x": n, "y": math.sin(n / 10)}).encode() + b"\n"
        connection.sendall(b"%x\r\n%b\r\n" % (len(line), line))
        time.sleep(0.05)
    connection.sendall(b"0\r\n\r\n")
    print(connection.recv(1024).split(b"\r\n")[0].decode())
