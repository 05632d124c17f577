from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_tools.endpoint import attributes
from host_tools.endpoint.attributes import ABSENT, MAX_DEPTH, Attributes, Changes

paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(".".join)


def below(path: str, other: str) -> bool:
    return other.startswith(path + ".")


@given(st.lists(st.tuples(paths, st.integers(0, 9) | st.none())))
def test_an_attribute_is_a_value_or_an_object_and_what_goes_is_told(steps: list[tuple[str, Any]]) -> None:
    """Beside a dict of paths in which everything is looked through; None takes an attribute away."""
    tree, flat = Attributes(), dict[str, Any]()
    for path, value in steps:
        if value is None:
            gone = {known for known in flat if known == path or below(path, known)}
            assert set(tree.remove(path)) == gone
        else:
            gone = {known for known in flat if below(path, known) or below(known, path)}
            assert set(tree.put(path, value) or ()) == gone
        flat = {known: old for known, old in flat.items() if known not in gone} | ({} if value is None else {path: value})
        assert {known: tree.get(known) for known in flat} == flat
        assert tree._count == len(flat)
    again = Attributes()
    for path, value in flat.items():
        again.put(path, value)
    assert tree.nested() == again.nested()


def test_there_is_room_for_so_many_attributes_and_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attributes, "MAX_ATTRIBUTES", 2)
    tree = Attributes()
    assert [tree.put(path, 1) for path in ("a", "b.c", "d", "a", "b.e")] == [[], [], None, [], None]
    assert tree.put("b", 2) == ["b.c"]
    assert tree.put(".".join(["a"] * (MAX_DEPTH + 1)), 1) is None
    assert tree.nested() == {"a": 1, "b": 2}


def test_an_empty_object_says_nothing_of_one_that_is_there() -> None:
    tree = Attributes()
    tree.put("a.b", 1)
    assert tree.put("a", {}) is None
    assert tree.put("c", {}) == []
    assert tree.nested() == {"a": {"b": 1}, "c": {}}


def test_changes_are_told_as_they_are_now_in_the_order_in_which_they_came_last() -> None:
    tree = Attributes()
    changes = Changes(tree)
    assert not changes
    for path, value in (("a.b", 1), ("a", 2), ("c", 3), ("a.b", 4), ("a.d", 5), ("a.d.e", 6)):
        tree.put(path, value)
        changes.add(path)
    assert list(changes.values().items()) == [("a", {}), ("c", 3), ("a.b", 4), ("a.d", {}), ("a.d.e", 6)]
    assert tree.get("a.x") is ABSENT
