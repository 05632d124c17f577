"""A receiver that is never the bottleneck: `python -m tests.bench.sink` prints its port and serves until it is ended.

It knows three kinds of clients by their first bytes: the floor, which says how many bytes will come and waits for one byte when they
have; the agent, whose records are confirmed as soon as the request ends; anything else that POSTs a body of a known length.
"""

import asyncio
import re
from typing import cast

_RECORDS = re.compile(rb"\r\nplotpost-records: \w+/(\d+)\r\n", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_END = b"0\r\n\r\n"  # of a chunked body; the client sends nothing after it before it has the answer


class Receiver(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._buffer = b""
        self._take = self._begin

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._take()

    def _begin(self) -> None:
        if self._buffer.startswith(b"RAW ") and len(self._buffer) >= 13:
            self._wanted = int(self._buffer[4:12])
            self._buffer = self._buffer[13:]
            self._take = self._count
        elif b"\r\n\r\n" in self._buffer:
            self._head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            self._head += b"\r\n"
            self._take = self._records if _RECORDS.search(self._head) else self._body
        else:
            return
        self._take()

    def _count(self) -> None:
        self._wanted -= len(self._buffer)
        self._buffer = b""
        if self._wanted <= 0:
            self._transport.write(b".")

    def _records(self) -> None:
        if self._buffer != _END and not self._buffer.endswith(b"\r\n" + _END):
            return
        first = _RECORDS.search(self._head)
        assert first is not None
        settled = int(first[1]) + self._buffer.count(b"}\n")
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nplotpost-next: %d\r\n\r\n" % settled)
        self._buffer = b""
        self._take = self._begin

    def _body(self) -> None:
        length = _LENGTH.search(self._head)
        if len(self._buffer) >= (int(length[1]) if length else 0):
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self._transport.close()


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
