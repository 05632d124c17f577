"""plotly-convertTimestamp: the milliseconds since a board's start, to dates."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from .errors import Refusal
from .jsonline import BadLine
from .store import now_ms
from .trace import Line

_TURN = 1 << 32  # ms: Arduino's millis() begins again after 49.7 days
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BoardClock:
    """Puts dates in the place of each x. The first x stands for its arrival."""

    def __init__(self, zone: str) -> None:
        """Raises Refusal(400) when there is no such time zone."""
        try:
            self._zone = ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise Refusal(400, f"plotly-convertTimestamp is no time zone: {zone[:40]!a}; use one like Europe/Berlin") from None
        self._started: float | None = None  # ms since 1970
        self._last = 0.0
        self._turns = 0  # how often the board's counter has begun again

    def convert(self, line: Line) -> None:
        """Raises BadLine when x is beyond all dates."""
        if "x" in line:
            x = line["x"]
            line["x"] = [self._date(each) for each in x] if isinstance(x, list) else self._date(x)

    def _date(self, x: Any) -> Any:
        if not isinstance(x, int | float) or isinstance(x, bool):
            return x
        if self._started is None:
            self._started, self._last = now_ms() - x, x
        try:
            microseconds = round((self._started + self._unwrapped(x)) * 1000)
            date = (_EPOCH + timedelta(microseconds=microseconds)).astimezone(self._zone)
        except (ValueError, OverflowError):
            raise BadLine("its x is no number of milliseconds since the board's start") from None
        # With its offset: the hour that comes twice in autumn is told apart.
        return date.isoformat(" ", "microseconds" if microseconds % 1000 else "milliseconds")

    def _unwrapped(self, x: float) -> float:
        """x as it would be if the counter went on for ever; readings may come a little out of order."""
        if not -_TURN // 2 <= x < _TURN:
            return x
        if x - self._last > _TURN // 2 and self._turns:
            return x + (self._turns - 1) * _TURN  # taken before the counter began again
        if self._last - x > _TURN // 2:
            self._turns += 1
        self._last = x
        return x + self._turns * _TURN
