"""Compresses what goes out, where the client can read that: answers in a thread, what viewers get once for all of them."""

import asyncio
import gzip
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.frames import CTRL_OPCODES, Frame
from websockets.typing import ExtensionParameter

_LEAST = 1000  # bytes; less fits into one packet anyhow
_AT_ONCE = 32 * 1024  # bytes that take less time than going to another thread and back
_LEVEL = 4  # of zlib's 9: a fifth of the time of its usual 6, and two percent more bytes
_TYPES = ("text/", "application/json", "image/svg+xml")
_END_OF_BLOCK = b"\x00\x00\xff\xff"  # left out at the end of a message (RFC 7692 section 7.2.1)


def takes_gzip(headers: Headers) -> bool:
    """Whether a request says so (RFC 9110 section 12.5.3)."""
    for each in headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = each.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "").rstrip("0.") != "q="
    return False


class Compression:
    """ASGI middleware. Bodies that come in one piece are compressed, one at a time: nobody can have all processors busy with that."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._thread = ThreadPoolExecutor(1, "compress")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        takes, start = takes_gzip(Headers(scope=scope)), None

        async def send_compressed(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message  # its length is not known yet
                return
            if start is not None:
                first, start = start, None
                await send(await self._prepare(first, message, takes))
            await send(message)

        await self._app(scope, receive, send_compressed)

    async def _prepare(self, start: Message, body: Message, takes: bool) -> Message:
        """The head of an answer; its body is compressed where that is of use."""
        headers = MutableHeaders(raw=start["headers"])
        content = body.get("body", b"")
        is_text = headers.get("content-type", "").startswith(_TYPES) and "content-encoding" not in headers
        if is_text and len(content) >= _LEAST and not body.get("more_body"):
            headers.add_vary_header("accept-encoding")
            if takes:
                body["body"] = await self._compressed(content)
                headers["content-encoding"] = "gzip"
                headers["content-length"] = str(len(body["body"]))
        return {**start, "headers": headers.raw}

    async def _compressed(self, content: bytes) -> bytes:
        if len(content) <= _AT_ONCE:
            return gzip.compress(content, _LEVEL)
        return await asyncio.get_running_loop().run_in_executor(self._thread, gzip.compress, content, _LEVEL)


class ViewerSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, without a compressor and its memory for each viewer: every message is compressed by itself."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.conn.available_extensions = [_Factory(server_no_context_takeover=True, client_no_context_takeover=True)]


class _Factory(ServerPerMessageDeflateFactory):
    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        answered, agreed = super().process_request_params(params, accepted_extensions)
        return answered, _SharedDeflate(True, True, agreed.remote_max_window_bits, agreed.local_max_window_bits)


class _SharedDeflate(PerMessageDeflate):
    """permessage-deflate (RFC 7692) of messages that many viewers get."""

    def encode(self, frame: Frame) -> Frame:
        if frame.opcode in CTRL_OPCODES or len(frame.data) < _LEAST:
            return frame
        deflate = _deflate_once if len(frame.data) > _AT_ONCE else _deflate
        return Frame(frame.opcode, deflate(bytes(frame.data), self.local_max_window_bits), frame.fin, rsv1=True)


def _deflate(content: bytes, window_bits: int) -> bytes:
    compressor = zlib.compressobj(_LEVEL, wbits=-window_bits)
    return (compressor.compress(content) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_END_OF_BLOCK)


@lru_cache(maxsize=1)
def _deflate_once(content: bytes, window_bits: int) -> bytes:
    """A snapshot goes to all who wait for it, one after the other."""
    return _deflate(content, window_bits)
