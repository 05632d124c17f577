"""A TCP server on this machine's loopback that keeps what each connection sends, until the sender ends it."""

import contextlib
import queue
import socket
import ssl
import threading
from types import TracebackType
from typing import Self

_WAIT_S = 120.0


class Sink:
    """`take()` gives the next ended connection's bytes. With `tls`, clients must do a handshake first; `answer` goes to each."""

    def __init__(self, tls: ssl.SSLContext | None = None, answer: bytes = b"") -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._tls = tls
        self._answer = answer
        self._accepted: queue.Queue[None] = queue.Queue()
        self._ended: queue.Queue[bytes] = queue.Queue()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def await_connection(self) -> None:
        """Waits until one more board has connected."""
        self._accepted.get(timeout=_WAIT_S)

    def take(self) -> bytes:
        """All that one connection sent; the next one to end, whether well or by a reset."""
        return self._ended.get(timeout=_WAIT_S)

    def is_empty(self) -> bool:
        """Whether no connection has ended since the last `take()`."""
        return self._ended.empty()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return  # closed
            self._accepted.put(None)
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        received = bytearray()
        with connection, contextlib.suppress(OSError), self._wrapped(connection) as stream:
            stream.sendall(self._answer)
            while block := stream.recv(65536):
                received += block
        self._ended.put(bytes(received))

    def _wrapped(self, connection: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(connection, server_side=True) if self._tls else connection.dup()
