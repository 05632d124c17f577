"""Arrays that run along the same points: value number i of each belongs to row i."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any


class Rows:
    """Columns by path, the newest value last. A column that is shorter than the others lacks the newest rows.

    Points are deques, so that the oldest go at no cost.
    """

    __slots__ = ("_grown", "_lacking", "columns", "cut", "filled", "length")

    def __init__(self) -> None:
        self.columns: dict[str, deque[Any]] = {}
        self.length = 0  # of the longest column
        self.cut = 0  # rows that went since the beginning: row i is the one with the number cut + i
        self.filled = 0  # gaps that were filled since the beginning
        self._lacking = 0  # columns without the newest row, or more
        self._grown = False  # rows were added since the oldest went

    def add(self, path: str, column: deque[Any]) -> None:
        """Take in a column, also in the place of another."""
        self.columns[path] = column
        self._measure()

    def remove(self, path: str) -> None:
        del self.columns[path]
        self._measure()

    def _measure(self) -> None:
        self.length = max(map(len, self.columns.values()), default=0)
        self._lacking = len(self.columns)

    def take(self, line: Mapping[str, Any]) -> bool:
        """Put a line that holds nothing but points of these columns; False, and nothing is done, for any other.

        Nearly every line of every stream comes through here.
        """
        columns = self.columns
        if not line:
            return True
        if not self._lacking and line.keys() == columns.keys():
            return self._take_whole(line)
        length, begins = self.length, False
        for path, value in line.items():
            column = columns.get(path)
            if column is None or type(value) is list or type(value) is dict:
                return False
            if len(column) >= length:
                begins = True
        self._put(line, begins)
        return True

    def _take_whole(self, line: Mapping[str, Any]) -> bool:
        """Begin a row that has all columns, behind one that has them."""
        for value in line.values():
            if type(value) is list or type(value) is dict:
                return False
        columns = self.columns
        for path, value in line.items():
            columns[path].append(value)
        self.length += 1
        self._grown = True
        return True

    def put(self, values: Mapping[str, Any]) -> int:
        """Complete the newest row, or begin one if that has one of the values already; gives the number of gaps filled."""
        before = self.filled
        self._put(values, any(len(self.columns[path]) >= self.length for path in values))
        return self.filled - before

    def _put(self, values: Mapping[str, Any], begins: bool) -> None:
        columns = self.columns
        if begins:
            if self._lacking:
                self._fill(columns.values(), self.length)
            self.length += 1
            self._lacking = len(columns)
        before = self.length - 1
        for path, value in values.items():
            column = columns[path]
            if len(column) != before:
                self._fill((column,), before)
            column.append(value)
        self._lacking -= len(values)
        self._grown = True

    def extend(self, values: Mapping[str, Sequence[Any]]) -> None:
        """Add a row for each value; the newest rows are completed where they have none of the columns yet."""
        columns = [self.columns[path] for path in values]
        if any(len(column) >= self.length for column in columns):
            self._fill(columns, self.length)
        for column, more in zip(columns, values.values(), strict=True):
            column.extend(more)
        self._measure()
        self._grown = True

    def _fill(self, columns: Iterable[deque[Any]], length: int) -> None:
        for column in columns:
            gaps = length - len(column)
            if gaps > 0:
                column.extend(repeat(None, gaps))
                self.filled += gaps

    def trim(self, most: int, anyway: bool = False) -> None:
        """Keep the newest rows, if any came since the last time."""
        if not (self._grown or anyway):
            return
        self._grown = False
        excess = self.length - most
        if excess <= 0:
            return
        for column in self.columns.values():
            drop = column.popleft
            for _ in range(min(excess, len(column))):
                drop()
        self.length = most
        self.cut += excess
