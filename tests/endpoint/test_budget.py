"""Bytes of those who have shown no key are bounded, for each address and in all, and given back."""

import pytest

from host_tools.endpoint.budget import SMALL, Budget
from host_tools.endpoint.errors import Refusal

MIB = 1 << 20


def test_an_address_may_hold_so_much_and_others_are_not_concerned() -> None:
    budget = Budget(of_address=2 * MIB, in_all=5 * MIB)
    with budget.hold("10.0.0.1") as one, budget.hold("10.0.0.1") as two, budget.hold("10.0.0.2") as other:
        one.grow(MIB)
        two.grow(MIB)
        with pytest.raises(Refusal, match="503"):
            two.grow(MIB + 1)
        other.grow(2 * MIB)


def test_all_together_may_hold_so_much() -> None:
    budget = Budget(of_address=2 * MIB, in_all=3 * MIB)
    with budget.hold("10.0.0.1") as one, budget.hold("10.0.0.2") as two:
        one.grow(2 * MIB)
        two.grow(MIB)
        with pytest.raises(Refusal, match="503"):
            two.grow(2 * MIB)


def test_what_is_small_is_always_held() -> None:
    budget = Budget(of_address=MIB, in_all=MIB)
    with budget.hold("10.0.0.1") as one, budget.hold("10.0.0.1") as small:
        one.grow(MIB)
        small.grow(SMALL)


def test_what_is_given_back_can_be_held_again() -> None:
    budget = Budget(of_address=MIB, in_all=MIB)
    for _ in range(3):
        with budget.hold("2001:db8::1") as held:
            held.grow(MIB)
            with pytest.raises(Refusal):
                held.grow(MIB + 1)
    with budget.hold("2001:db8::2") as held:
        held.grow(MIB)
    assert not budget._held
