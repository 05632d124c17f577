"""The plots in memory: loaded from snapshot and journal, changed by committed lines only, compacted."""

from dataclasses import dataclass
from typing import Any

from .store import Store, User


@dataclass(frozen=True, slots=True)
class PlotInfo:
    """What lists and pages show of a plot; its address is `/~{user}/{fid}`."""

    id: int
    fid: int
    user: str
    filename: str
    sharing: str  # "public", "private", "secret"
    live: bool  # a stream feeds it now
    last: int | None  # when the last line came, ms since 1970
    points: int  # points given by REST since the plot was last made new, plus lines streamed into it


class Plots:
    """All plots of the store. Call it in the event loop."""

    async def save(
        self,
        user: User,
        data: list[dict[str, Any]],
        layout: dict[str, Any],
        *,
        filename: str = "",
        fileopt: str = "new",
        sharing: str = "public",
    ) -> tuple[PlotInfo, list[str]]:
        """Make or change a plot; gives it and warnings for the client. Raises Refusal.

        `fileopt` is "new", "overwrite" (the user's plot of that filename keeps its address), "append" (traces) or
        "extend" (points at the end of the traces that are there).
        """
        raise NotImplementedError

    def find(self, user_name: str, fid: int) -> PlotInfo | None:
        raise NotImplementedError

    def list(self) -> list[PlotInfo]:
        """All plots, the one changed last first."""
        raise NotImplementedError

    def figure(self, plot_id: int, tokens: bool = False) -> dict[str, Any]:
        """{"data": [...], "layout": {...}}; with the owner's stream tokens only if asked for. Raises Refusal(404)."""
        raise NotImplementedError

    async def delete(self, plot_id: int) -> bool:
        raise NotImplementedError


def save_plot(
    store: Store, user: User, data: list[dict[str, Any]], layout: dict[str, Any], filename: str, fileopt: str, sharing: str
) -> tuple[int, list[str]]:
    """What Plots.save does, for a program without event loop (`plotpost plot new`): gives the plot's id and warnings."""
    raise NotImplementedError
