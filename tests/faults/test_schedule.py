"""The schedule: the same for the same seed, and all kinds of faults in it."""

from itertools import islice

from tests.faults import harness, proxy
from tests.faults.schedule import faults

KINDS = {*proxy.STRIKES, *proxy.WEATHER, *proxy.DOORS} | {
    harness.POWER_CUT,
    harness.BOARD_FROZEN,
    harness.ENDPOINT_KILLED,
    harness.ENDPOINT_STOPPED,
    harness.ENDPOINT_FROZEN,
}


def test_a_seed_gives_the_same_faults_again() -> None:
    assert list(islice(faults(5, 6), 100)) == list(islice(faults(5, 6), 100)) != list(islice(faults(6, 6), 100))


def test_every_kind_comes_and_every_board_is_struck() -> None:
    thousand = list(islice(faults(1, 6), 1000))
    assert {fault.kind for fault in thousand} == KINDS
    assert {fault.station for fault in thousand} == set(range(6))
    assert [fault.at for fault in thousand] == sorted(fault.at for fault in thousand)
