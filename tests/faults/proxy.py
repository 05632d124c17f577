"""A bad network: a TCP proxy between board and endpoint that cuts, resets, delays, throttles, swallows and lies on command."""

import asyncio
import contextlib
import math
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType

UP = "up"  # from the board to the endpoint
DOWN = "down"

# What strikes one connection
CUT = "cut"  # both sides are closed in order (FIN)
RESET = "reset"  # both sides get a reset
HALF_OPEN = "half_open"  # nothing arrives any more in either direction, and nobody is told
DEAF = "deaf"  # the same, only towards the endpoint
MUTE = "mute"  # the same, only towards the board
LATE = "late"  # the board is reset; what it had sent reaches the endpoint when it may have come back already
ANSWER = "answer"  # the board is given an answer that is not the endpoint's
STRIKES = (CUT, RESET, HALF_OPEN, DEAF, MUTE, LATE, ANSWER)

# What all connections suffer for a while
DELAY = "delay"
THROTTLE = "throttle"
TRICKLE = "trickle"  # one byte at a time
STALL = "stall"  # nothing is read, so that the sender's window closes
WEATHER = (DELAY, THROTTLE, TRICKLE, STALL)

# What becomes of new connections for a while. The old ones are reset.
BLACKHOLE = "blackhole"  # they are accepted, and nothing ever comes back
REFUSE = "refuse"  # nobody listens
UNACCEPTED = "unaccepted"  # somebody listens and does not accept: the board waits for its connection
DOORS = (BLACKHOLE, REFUSE, UNACCEPTED)

_BLOCK = 16 * 1024
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset (socket(7))
_REOPEN_S = 0.05


@dataclass
class Strike:
    """Strikes when a byte comes in direction `flow` after `after` more bytes have passed.

    `seconds`: how long the lie lasts before the connection is reset, None for ever. `answer`: the bytes of ANSWER.
    """

    kind: str
    flow: str = UP
    after: int = 0
    seconds: float | None = None
    answer: bytes = b""


@dataclass(frozen=True)
class Weather:
    """What every byte suffers: seconds that each piece waits, bytes a second, bytes that travel together, and whether any do."""

    delay_s: float = 0.0
    rate: float = math.inf
    piece: int = _BLOCK
    held: bool = False


_WEATHER: dict[str, Callable[[float], Weather]] = {
    DELAY: lambda strength: Weather(delay_s=strength),
    THROTTLE: lambda strength: Weather(rate=strength),
    TRICKLE: lambda strength: Weather(piece=1, delay_s=strength),
    STALL: lambda strength: Weather(held=True),
}


class Proxy:
    """Listens on `port` of 127.0.0.1 and passes on to `upstream`. A `with` block runs it, in a thread of its own.

    Every method may be called from any thread. `bytes` counts those of each direction, `struck` the faults of each
    kind that met something.
    """

    def __init__(self, port: int, upstream: int) -> None:
        self.port, self.upstream = port, upstream
        self.connections = 0
        self.bytes: Counter[str] = Counter()
        self.struck: Counter[str] = Counter()
        self.weather: list[Weather] = []
        self.links: set[_Link] = set()
        self._armed: list[Strike] = []
        self._open = 0  # connections
        self._door = ""
        self._turning = asyncio.Lock()  # a door that opens or closes
        self._closed_doors = 0  # several faults may keep the same door closed
        self._server: asyncio.Server | None = None
        self._crowd: list[socket.socket] = []
        self._calm = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._over = self._loop.create_future()  # done when what lasts a while now is to end early
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="proxy")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pending(self) -> int:
        """How many strikes wait for their byte."""
        return len(self._armed)

    def __enter__(self) -> "Proxy":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self._calm.set()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # Faults

    def arm(self, strike: Strike) -> None:
        """Strike the connection on which the byte comes that the strike waits for."""
        self._loop.call_soon_threadsafe(self._armed.append, replace(strike))

    def strike(self, strike: Strike) -> None:
        """Strike all connections that are open now."""
        self._loop.call_soon_threadsafe(self._strike, strike)

    def change_weather(self, kind: str, strength: float, seconds: float) -> None:
        """DELAY: seconds. THROTTLE: bytes a second. TRICKLE: seconds between two bytes. STALL: no strength."""
        weather = _WEATHER[kind](strength)
        self._loop.call_soon_threadsafe(self._change_weather, kind, weather)
        asyncio.run_coroutine_threadsafe(self._clear_up(weather, seconds), self._loop)

    def close_door(self, kind: str, seconds: float) -> None:
        """Reset what is open, and from now on treat new connections as `kind` says."""
        asyncio.run_coroutine_threadsafe(self._close_door(kind), self._loop).result()
        asyncio.run_coroutine_threadsafe(self._open_door(seconds), self._loop)

    def silence(self) -> None:
        """Nothing arrives any more on the connections that are open now: one side has lost its power."""
        asyncio.run_coroutine_threadsafe(self._silence(), self._loop).result()

    def heal(self) -> None:
        """Disarm what has not struck yet, and wait until the weather is fine and the door open."""
        asyncio.run_coroutine_threadsafe(self._heal(), self._loop).result()

    def relent(self) -> None:
        """End weather and closed doors before their time, and heal."""
        asyncio.run_coroutine_threadsafe(self._relent(), self._loop).result()

    # For the links, in the loop

    def due(self, flow: str) -> list[Strike]:
        """The strikes that wait for no further byte."""
        due = [strike for strike in self._armed if strike.flow == flow and strike.after <= 0]
        self._armed = [strike for strike in self._armed if strike not in due]
        return due

    def unharmed(self, flow: str) -> int:
        """How many bytes may pass before the next strike is due."""
        return min((strike.after for strike in self._armed if strike.flow == flow), default=_BLOCK)

    def passed(self, flow: str, size: int) -> None:
        self.bytes[flow] += size
        for strike in self._armed:
            if strike.flow == flow:
                strike.after -= size

    async def held(self) -> None:
        """Wait while nothing may be read."""
        await self._calm.wait()

    async def last(self, seconds: float) -> None:
        """Wait so long, or until the proxy relents."""
        await asyncio.wait([self._over], timeout=seconds)

    # Its own

    async def _silence(self) -> None:
        for link in self.links:
            link.silence()

    async def _heal(self) -> None:
        self._armed.clear()
        while self.weather or self._door:
            await asyncio.sleep(_REOPEN_S)

    async def _relent(self) -> None:
        self._over.set_result(None)
        self._over = self._loop.create_future()
        await self._heal()

    def _strike(self, strike: Strike) -> None:
        for link in list(self.links):
            link.suffer(strike)

    def _change_weather(self, kind: str, weather: Weather) -> None:
        self.struck[kind] += 1
        self.weather.append(weather)
        if weather.held:
            self._calm.clear()

    async def _clear_up(self, weather: Weather, seconds: float) -> None:
        await self.last(seconds)
        with contextlib.suppress(ValueError):  # the proxy is about to end
            self.weather.remove(weather)
        if not any(each.held for each in self.weather):
            self._calm.set()

    async def _close_door(self, kind: str) -> None:
        self.struck[kind] += 1
        self._closed_doors += 1
        async with self._turning:
            for link in list(self.links):
                link.reset()
            if not self._door:
                await self._shut(kind)

    async def _open_door(self, seconds: float) -> None:
        await self.last(seconds)
        self._closed_doors -= 1
        async with self._turning:
            if self._door and not self._closed_doors:
                await self._unlock()

    async def _shut(self, kind: str) -> None:
        self._door = kind
        if kind == BLACKHOLE:
            return
        await self._stop_listening()
        if kind == UNACCEPTED:
            self._crowd = await self._crowd_of_callers()

    async def _unlock(self) -> None:
        for caller in self._crowd:
            caller.close()
        self._crowd = []
        for link in list(self.links):
            if link.lost:
                link.reset()
        if self._door != BLACKHOLE:
            await self._listen()
        self._door = ""

    async def _crowd_of_callers(self) -> list[socket.socket]:
        """Fill the queue of a socket that nobody accepts from, so that the next SYN goes unanswered (listen(2), tcp(7))."""
        listener = await self._bound()
        listener.listen(0)
        crowd = [listener]
        for _ in range(2):
            caller = socket.socket()
            caller.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                caller.connect(("127.0.0.1", self.port))
            crowd.append(caller)
        return crowd

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, sock=await self._bound(), limit=_BLOCK)

    async def _stop_listening(self) -> None:
        if self._server is None:
            return
        server, self._server = self._server, None
        for listener in server.sockets:
            self._loop.remove_reader(listener.fileno())
        await asyncio.sleep(_REOPEN_S)  # asyncio forgets to close what it accepts in the moment in which its server is closed
        server.close()

    async def _bound(self) -> socket.socket:
        while True:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", self.port))
            except OSError:  # the old listener is about to be closed
                listener.close()
                await asyncio.sleep(_REOPEN_S)
                continue
            listener.setblocking(False)
            return listener

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open += 1
        try:
            await self._connect(_Side(reader, writer))
        finally:
            self._open -= 1

    async def _connect(self, board: "_Side") -> None:
        if self._door == BLACKHOLE:
            await _Link(self, board, None).run()
            return
        try:
            endpoint = _Side(*await asyncio.open_connection("127.0.0.1", self.upstream, limit=_BLOCK))
        except OSError:  # it is down: the board must see the same as without a proxy
            board.reset()
            return
        await _Link(self, board, endpoint).run()

    async def _close(self) -> None:
        await self._stop_listening()
        for caller in self._crowd:
            caller.close()
        self.weather.clear()
        self._calm.set()
        await asyncio.sleep(_REOPEN_S)  # what was accepted this very moment becomes a link
        while self._open:
            for link in list(self.links):
                link.reset()
            await asyncio.sleep(_REOPEN_S)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(_REOPEN_S)  # aborted transports close their sockets


class _Side:
    """One end of a connection, the board's or the endpoint's."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.transport = writer.transport
        self.writer = writer

    def reset(self) -> None:
        if not self.transport.is_closing():
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def end(self) -> None:
        with contextlib.suppress(OSError):  # it may be gone already, and the loop has not noticed
            self.transport.write_eof()

    def close(self) -> None:
        self.transport.close()


class _Link:
    """A board's connection and the one to the endpoint that belongs to it; without that the board is left in the dark."""

    def __init__(self, proxy: Proxy, board: _Side, endpoint: _Side | None) -> None:
        self._proxy = proxy
        self._board = board
        self._endpoint = endpoint
        self._swallowed = {UP, DOWN} if endpoint is None else set()
        self._withheld: bytearray | None = None

    @property
    def lost(self) -> bool:
        return self._endpoint is None

    async def run(self) -> None:
        self._proxy.links.add(self)
        try:
            carried = [self._carry(UP, self._board, self._endpoint)]
            if self._endpoint is not None:
                carried.append(self._carry(DOWN, self._endpoint, self._board))
            await asyncio.gather(*carried)
            self._each(_Side.close)
        finally:
            self._proxy.links.discard(self)
            self._each(lambda side: side.transport.abort())

    def reset(self) -> None:
        self._each(_Side.reset)

    def silence(self) -> None:
        self._swallowed |= {UP, DOWN}

    def _each(self, do: Callable[[_Side], None]) -> None:
        for side in (self._board, self._endpoint):
            if side is not None:
                do(side)

    async def _carry(self, flow: str, source: _Side, sink: _Side | None) -> None:
        try:
            while True:
                await self._proxy.held()
                block = await source.reader.read(_BLOCK)
                if not block:
                    break
                await self._pass(flow, block, sink)
        except OSError:
            if flow not in self._swallowed and self._withheld is None:
                self.reset()
            return
        if sink is not None and flow not in self._swallowed and self._withheld is None:
            sink.end()

    async def _pass(self, flow: str, block: bytes, sink: _Side | None) -> None:
        proxy = self._proxy
        while block:
            for strike in proxy.due(flow):
                self.suffer(strike)
            if flow in self._swallowed or sink is None:
                return
            if flow == UP and self._withheld is not None:
                self._withheld += block
                return
            size = min(len(block), proxy.unharmed(flow), *(weather.piece for weather in proxy.weather))
            await self._endure(size)
            proxy.passed(flow, size)
            sink.write(block[:size])
            block = block[size:]

    async def _endure(self, size: int) -> None:
        seconds = sum(weather.delay_s + size / weather.rate for weather in self._proxy.weather)
        if seconds:
            await self._proxy.last(seconds)

    def suffer(self, strike: Strike) -> None:
        """What a strike does to this connection."""
        self._proxy.struck[strike.kind] += 1
        if strike.kind == CUT:
            self._each(_Side.close)
        elif strike.kind == RESET:
            self.reset()
        elif strike.kind == LATE:
            self._deliver_late(strike.seconds or 0)
        elif strike.kind == ANSWER:
            self._answer(strike.answer)
        else:
            self._swallowed |= {HALF_OPEN: {UP, DOWN}, DEAF: {UP}, MUTE: {DOWN}}[strike.kind]
            if strike.seconds is not None:
                asyncio.get_running_loop().call_later(strike.seconds, self.reset)

    def _answer(self, answer: bytes) -> None:
        """As a server that does not know better; the board's input is read on, so that no reset overtakes the answer."""
        self._swallowed |= {UP, DOWN}
        self._board.write(answer)
        self._board.end()
        if self._endpoint is not None:
            self._endpoint.reset()

    def _deliver_late(self, seconds: float) -> None:
        """The board's bytes are withheld for half of the time, then the board is reset; the bytes arrive after all of it."""
        if self._withheld is not None or self._endpoint is None:
            return
        withheld = self._withheld = bytearray()
        self._swallowed.add(DOWN)
        loop = asyncio.get_running_loop()
        loop.call_later(seconds / 2, self._board.reset)
        loop.call_later(seconds, self._deliver, withheld, self._endpoint)

    def _deliver(self, withheld: bytearray, endpoint: _Side) -> None:
        endpoint.write(bytes(withheld))
        endpoint.end()
