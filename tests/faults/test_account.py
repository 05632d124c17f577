"""The account finds what it must find: a reading that is lost, doubled, out of order or out of nowhere, and what admits it."""

import pytest

from host_tools.simulate import Closing
from tests.faults.account import Account, Life, settle


def closing(taken: int, *, settled: int | None = None, dropped: int = 0, skipped: int = 0) -> Closing:
    return Closing(taken, taken if settled is None else settled, dropped, skipped, reconnects=0, heap_used=0, heap=0)


def account(*lives: Life, stored: list[int], told: int = 0, missing: int = 0) -> Account:
    return settle(lives, [stored], told=told, missing=missing, together=1, ring=3)


def test_all_is_well_when_everything_is_stored_once() -> None:
    assert account(Life(range(10), closing(10)), stored=list(range(10))) == Account(10, 10, 0, 0, 0, 0, 0, ())


def test_a_value_that_nobody_admits_is_lost() -> None:
    found = account(Life(range(5), closing(5)), stored=[0, 1, 3, 4], missing=1)
    assert found.lost == 1
    assert found.unexplained == ("1 values lack, and the board admits 0",)


def test_what_the_board_counts_as_dropped_is_explained() -> None:
    found = account(Life(range(5), closing(5, dropped=2)), stored=[0, 3, 4], missing=2)
    assert (found.dropped, found.lost, found.unexplained) == (2, 0, ())


def test_what_the_board_skipped_is_explained() -> None:
    assert account(Life(range(3), closing(3, skipped=1)), stored=[0, 2], missing=1).unexplained == ()


def test_a_power_cut_explains_what_fits_the_ring_and_nothing_before() -> None:
    cut, rest = Life(range(8), None), Life(range(8, 10), closing(2))
    explained = account(cut, rest, stored=[0, 1, 2, 3, 4, 8, 9])
    assert (explained.in_ram, explained.lost, explained.unexplained) == (3, 0, ())
    assert account(cut, rest, stored=[0, 1, 2, 3, 8, 9]).lost == 1


def test_what_a_dead_board_had_told_is_explained() -> None:
    found = account(Life(range(8), None), stored=[0, 3, 4, 5, 6, 7], told=2, missing=2)
    assert (found.dropped, found.unexplained) == (2, ())


def test_more_than_was_told_is_explained_by_a_flash_that_was_full() -> None:
    found = account(Life(range(8), None, full=True), stored=[0, 3, 4, 5, 6, 7], told=1, missing=2)
    assert (found.dropped, found.untold, found.unexplained) == (1, 1, ())


def test_a_life_of_which_nothing_arrived_has_no_holes() -> None:
    assert account(Life(range(3), None), stored=[]).unexplained == ()


def test_a_reading_in_hand_at_the_end_is_not_lost() -> None:
    assert account(Life(range(5), closing(4)), stored=[0, 1, 2, 3]).lost == 0


@pytest.mark.parametrize(
    ("life", "stored", "missing", "why"),
    [
        (Life(range(3), closing(3)), [0, 1, 1, 2], 0, "stored more than once: [1]"),
        (Life(range(3), closing(3)), [0, 1, 2, 7], 0, "stored and never taken: [7]"),
        (Life(range(3), closing(3)), [0, 2, 1], 0, "a life's values are stored in another order than they were taken"),
        (Life(range(3), closing(3, settled=2)), [0, 1, 2], 0, "1 values were not confirmed when the board ended"),
        (Life(range(3), closing(5)), [0, 1, 2], 0, "the board counts 5 values taken, its part gave 3"),
        (Life(range(3), closing(3)), [0, 1, 2], 1, "the endpoint counts 1 values that never came; in truth there are 0"),
        (Life(range(3), closing(3, dropped=1)), [0, 2], 0, "the endpoint counts 0 values that never came; in truth there are 1"),
    ],
)
def test_it_says_what_is_wrong(life: Life, stored: list[int], missing: int, why: str) -> None:
    assert account(life, stored=stored, missing=missing).unexplained == (why,)
