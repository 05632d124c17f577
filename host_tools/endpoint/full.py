"""Plots and accounts that are full: streams must wait, and keep what they have, until there is room again."""

import logging

from . import quota
from .errors import Refusal
from .store import Changes, Route, Store

logger = logging.getLogger(__name__)


class Full:
    """Knows which ones are. A stream is told 423, never 422: after that our agent would skip a reading."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._plots: dict[int, int] = {}  # the version in which each is full
        self._users: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._plots or self._users)

    def take_over(self, changes: Changes) -> None:
        """Learn what was changed."""
        for plot_id in [plot_id for plot_id, version in self._plots.items() if not changes.leave(plot_id, version)]:
            del self._plots[plot_id]
        for plot_id, state in changes.plots.items():
            if state is not None and state.is_over:
                self.add(plot_id, state.version)
        for user_id, usage in changes.usage.items():
            self._measure_account(user_id, usage)

    def add(self, plot_id: int, version: int) -> None:
        """The plot is full, until it is saved."""
        row = self._store.plot(plot_id) if plot_id not in self._plots else None
        self._plots[plot_id] = version
        if row is not None:
            logger.warning("/~%s/%d takes no more readings: %s", row.user, row.fid, plot_trouble())

    def _measure_account(self, user_id: int, usage: quota.Usage) -> None:
        if usage.bytes <= quota.MOST_ACCOUNT_BYTES:
            self._users.discard(user_id)
        elif user_id not in self._users:
            self._users.add(user_id)
            names = [user.name for user in self._store.users() if user.id == user_id]
            logger.warning("the plots of %s take no more readings: %s", *names, account_trouble())

    def trouble(self, plot_id: int | None, user_id: int) -> str | None:
        """Why that user's plot takes no more readings, and what to do about it; None where it does."""
        if plot_id in self._plots:
            return plot_trouble()
        return account_trouble() if user_id in self._users else None

    def refusal(self, route: Route) -> Refusal | None:
        """What a stream is told that feeds such a plot."""
        trouble = self.trouble(route.plot_id, route.user_id)
        return Refusal(423, f"{trouble}; keep the readings, and send them later") if trouble else None


def plot_trouble() -> str:
    remedy = "lower its points to keep (Restyle in its page), or give the token to another plot"
    return f"the plot holds more than {quota.MOST_OF_A_PLOT}: {remedy}"


def account_trouble() -> str:
    return f"the account holds more than {quota.mib(quota.MOST_ACCOUNT_BYTES)}: delete plots or grids for good"
