"""Pure: what a line does to a figure, and what viewers must be told."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from .attributes import Attributes, Changes
from .trace import Line, Trace, TraceDelta, leaves, read_stream


class Delta:
    """What viewers of a figure must be told; every line that is applied adds to it. `size` is about the number of values."""

    __slots__ = ("layout", "size", "traces")

    def __init__(self) -> None:
        self.traces: dict[int, TraceDelta] = {}
        self.layout: Changes | None = None
        self.size = 0

    def __bool__(self) -> bool:
        return bool(self.traces or self.layout)

    def trace(self, index: int, trace: Trace) -> TraceDelta:
        told = self.traces.get(index)
        if told is None:
            told = self.traces[index] = TraceDelta(trace)
        return told

    def message(self) -> dict[str, Any]:
        """`traces` and `layout` of the WebSocket message."""
        traces = [told.message(index) for index, told in self.traces.items()]
        message: dict[str, Any] = {"traces": [trace for trace in traces if len(trace) > 2]}
        if self.layout:
            message["layout"] = self.layout.values()
        return message


class Figure:
    """Traces and layout of one plot, and the frames of an animation, which streams leave alone."""

    def __init__(
        self,
        data: Iterable[dict[str, Any]],
        layout: dict[str, Any],
        frames: Iterable[dict[str, Any]] = (),
        streamed: Sequence[Sequence[str]] = (),
    ) -> None:
        """`streamed` are for each trace the styles that streams append to, as `snapshot` tells them."""
        self.traces = [Trace(trace, streamed[index] if index < len(streamed) else ()) for index, trace in enumerate(data)]
        self.frames = list(frames)
        self._layout = Attributes()
        self._merge_layout(layout, None)
        self._fed: dict[str, list[tuple[int, Trace]]] = {}
        self._index()

    def _index(self) -> None:
        self._fed = {}
        for index, trace in enumerate(self.traces):
            if trace.token is not None:
                self._fed.setdefault(trace.token, []).append((index, trace))

    @property
    def tokens(self) -> set[str]:
        return set(self._fed)

    def fed(self, token: str) -> int:
        """How many traces the token feeds."""
        return len(self._fed.get(token, ()))

    @property
    def streamed(self) -> list[list[str]]:
        return [trace.streamed for trace in self.traces]

    def apply(self, token: str, lines: Iterable[Line], delta: Delta | None = None) -> int:
        """Do what the lines of a stream say to each trace that the token feeds, and add that to `delta`; gives the number of gaps."""
        gaps = 0
        lines = [self._without_layout(line, delta) if "layout" in line else line for line in lines]
        for index, trace in self._fed.get(token, ()):
            if delta is None:
                gaps += trace.apply(lines, None)
                continue
            told = delta.trace(index, trace)
            before = told.listed
            filled = trace.apply(lines, told)
            gaps += filled
            delta.size += sum(map(len, lines)) + filled + told.listed - before
        return gaps

    def _without_layout(self, line: Line, delta: Delta | None) -> Line:
        line = dict(line)
        self._merge_layout(line.pop("layout"), delta)
        return line

    def _merge_layout(self, layout: Any, delta: Delta | None) -> None:
        if not isinstance(layout, dict):
            return
        for path, value in leaves(layout):
            if self._layout.put(path, value) is not None and delta is not None:
                delta.size += 1
                delta.layout = delta.layout or Changes(self._layout)
                delta.layout.add(path)

    def append(self, data: Iterable[dict[str, Any]], layout: dict[str, Any]) -> None:
        """Add traces, and change the layout."""
        self.traces += [Trace(trace) for trace in data]
        self._merge_layout(layout, None)
        self._index()

    def extend(self, data: Iterable[dict[str, Any]], layout: dict[str, Any]) -> None:
        """Add points at the end of the traces that are there, whole traces beyond, and change the layout."""
        for index, given in enumerate(data):
            token, maxpoints = read_stream(given.get("stream"))
            trace = self._counterpart(index, token)
            if trace is None:
                self.traces.append(Trace(given))
                continue
            if token is not None:
                trace.feed(token, maxpoints)
            trace.extend(given)
        self._merge_layout(layout, None)
        self._index()

    def restyle(self, layout: dict[str, Any], traces: dict[int, dict[str, Any]]) -> None:
        """What a person changes by hand: attributes by path, None takes one away. Raises IndexError where there is no such trace."""
        for index, changes in traces.items():
            self.traces[index].restyle(changes)
        for path, value in layout.items():
            if value is None:
                self._layout.remove(path)
            else:
                self._layout.put(path, value)

    def _counterpart(self, index: int, token: str | None) -> Trace | None:
        """The trace that the given one continues: the one its token feeds, else the one in the same place."""
        here = self.traces[index] if index < len(self.traces) else None
        fed = [trace for _, trace in self._fed.get(token or "", ())]
        return here if here in fed or not fed else fed[0]

    def release(self, tokens: Iterable[str]) -> None:
        """The tokens feed this figure no longer: their traces stay as they are."""
        for token in tokens:
            for _, trace in self._fed.pop(token, ()):
                trace.token = None

    def as_dict(self, tokens: bool = False) -> dict[str, Any]:
        """A copy, with the stream tokens only if asked for."""
        figure: dict[str, Any] = {"data": [trace.as_dict(tokens) for trace in self.traces], "layout": self._layout.nested()}
        return figure | {"frames": self.frames} if self.frames else figure

    def snapshot(self) -> bytes:
        """All of it as JSON: the arguments with which the same figure is made again."""
        streamed = self.streamed
        return orjson.dumps(self.as_dict(tokens=True) | ({"streamed": streamed} if any(streamed) else {}))
